"""Techniques that start from pictures: which pictures, which masks, and what becomes of them."""

from importers.techniques.derive import Derived, derive

__all__ = ["Derived", "derive"]
