"""Techniques that start from pictures: which pictures, which masks, and what becomes of them."""

from importers.techniques.derive import Derived, derive
from importers.techniques.sources import Gathered, NotLookedAt, gather, gathered_ahead

__all__ = ["Derived", "Gathered", "NotLookedAt", "derive", "gather", "gathered_ahead"]
