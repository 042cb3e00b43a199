"""LabelStudy: labels that CLIP cannot know, or can hardly tell apart. Warnings, never errors."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ls_backend.labels.target import LabelTarget

NEARLY_THE_SAME = 0.95
"""Cosine of two labels' text vectors, above which they are told apart by chance."""

MOST_PAIRS = 100
MOST_LINES = 5
"""Sentences of each kind, so that five hundred labels named by codes fill no log."""


@dataclass(frozen=True)
class LabelStudy:
    """What is odd about a target's labels.

    `opaque` have words that no text model can know; `alike` are pairs whose text vectors are nearly
    the same, the likest first, 100 at most.
    """

    opaque: tuple[str, ...]
    alike: tuple[tuple[str, str], ...]

    def lines(self) -> list[str]:
        """A sentence for each; of many, one for the rest."""
        unknown = [
            f'CLIP cannot know what {label!r} means: give it clip_prompt="…".'
            for label in self.opaque
        ]
        twins = [
            f"{one!r} and {other!r} read almost the same to CLIP: give each a clip_prompt."
            for one, other in self.alike
        ]
        return [
            *_shortened(unknown, "labels that CLIP cannot know"),
            *_shortened(twins, "pairs that read almost the same"),
        ]


def _shortened(lines: list[str], what: str) -> list[str]:
    more = len(lines) - MOST_LINES
    return [*lines[:MOST_LINES], f"And {more} more {what}: see /versions."] if more > 0 else lines


def study_labels(target: LabelTarget, texts: NDArray[np.float32]) -> LabelStudy:
    """Look at a target's labels.

    Args:
        texts: Unit vectors of the labels, in their order, shape (labels or more, d).
    """
    vectors = texts[: len(target.labels)]
    cosines = np.triu(vectors @ vectors.T, k=1)
    pairs = np.argwhere(cosines > NEARLY_THE_SAME)
    likest = sorted(pairs.tolist(), key=lambda pair: -cosines[pair[0], pair[1]])[:MOST_PAIRS]
    return LabelStudy(
        opaque=tuple(target.opaque_labels),
        alike=tuple((target.labels[one], target.labels[other]) for one, other in likest),
    )
