"""Releases in training storage: written, read, listed, verified, deleted."""
