"""Techniques that start from pictures: which pictures, which masks, and what becomes of them."""

from importers.techniques.derive import Derived, derive
from importers.techniques.sources import Gathered, gather

__all__ = ["Derived", "Gathered", "derive", "gather"]
