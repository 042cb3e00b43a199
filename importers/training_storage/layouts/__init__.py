"""Layouts: how the samples of a release are arranged for the code that trains on them."""
