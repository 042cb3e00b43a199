"""Techniques that start from pictures: which pictures, which masks, and what becomes of them."""

from importers.generation.sources import Gathered, NotLookedAt, gather, gathered_ahead
from importers.prompts.derive import Derived, derive

__all__ = ["Derived", "Gathered", "NotLookedAt", "derive", "gather", "gathered_ahead"]
