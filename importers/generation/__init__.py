"""Samples are drawn: which, when, for how much; recorded before each is paid for."""
