"""Which texts say the same: exactly, once case and punctuation are left out, or nearly, to CLIP."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Encode = Callable[[Sequence[str]], NDArray[np.float32]]
    """Texts → unit vectors, shape (n, d)."""


def normalised(text: str) -> str:
    """The text without case, punctuation and surplus space: exact duplicates have it in common."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c if c.isalnum() else " " for c in plain)
    return " ".join(kept.split())


def without_duplicates(
    texts: Sequence[str], known: Sequence[str], encode: Encode | None, near: float
) -> list[str]:
    """The texts that say something that neither the known ones nor an earlier one says.

    Args:
        encode: The text tower; None compares exactly alone.
        near: Cosine from which two texts say the same, in (0, 1]; 1 compares exactly alone.
    """
    seen = {normalised(text) for text in known}
    fresh: list[str] = []
    for text in (" ".join(text.split()) for text in texts):
        if normalised(text) and normalised(text) not in seen:
            seen.add(normalised(text))
            fresh.append(text)
    if encode is None or near >= 1 or not fresh:
        return fresh
    return _without_near(fresh, known, encode, near)


def _without_near(
    texts: Sequence[str], known: Sequence[str], encode: Encode, near: float
) -> list[str]:
    vectors = encode([*known, *texts])
    kept = list(range(len(known)))
    for index in range(len(known), len(vectors)):
        if not kept or float((vectors[kept] @ vectors[index]).max()) < near:
            kept.append(index)
    return [texts[index - len(known)] for index in kept[len(known) :]]
