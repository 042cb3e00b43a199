"""Which samples are kin: what must not lie in two splits, since one gives the other away.

Kin are samples with the same picture; of which one is made from the other, or both from a third;
drawn from the same prompt; or that look the same to CLIP. A family is what kinship ties together,
also through others.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from importers.record import Record
from importers.scoring.looks import Vectors

FOLDER = "folder"
"""Generator of pictures that were not drawn for the campaign."""
AT_ONCE = 512
ROUNDING = 1e-6  # of a cosine, which depends a little on what is multiplied at once


class Families:
    """Things by number, from 0, in families that are joined."""

    def __init__(self, things: int) -> None:
        self._above = list(range(things))

    def of(self, thing: int) -> int:
        """The number that stands for the family of a thing."""
        above = self._above
        while above[thing] != thing:
            above[thing] = above[above[thing]]
            thing = above[thing]
        return thing

    def join(self, one: int, other: int) -> None:
        """Make one family of those of two things; the smaller number stands for it."""
        first, second = sorted((self.of(one), self.of(other)))
        self._above[second] = first


def drawn_from(record: Record) -> str | None:
    """The prompt that makes a sample kin of others with it; None where its prompt does not.

    What a picture made from others was asked to be is said of each of them in the same words: its
    parents make its kin. A picture from a folder of which no prompt is known has its label as one.
    """
    if record.parents or not record.prompt:
        return None
    if record.generator == FOLDER and record.prompt == record.prompt_label:
        return None
    return record.prompt


def pictures(record: Record) -> frozenset[str]:
    """sha256 of the sample's picture, and of those it is made from through all generations."""
    return frozenset((record.sha256, *record.parents, *record.ancestors))


def ties(record: Record) -> Iterator[tuple[str, str]]:
    """What makes kin of all samples that have one of these, but for looks."""
    prompt = drawn_from(record)
    if prompt is not None:
        yield "prompt", prompt
    for sha256 in pictures(record):
        yield "picture", sha256


def alike(vectors: Vectors, threshold: float, settled: int = 0) -> NDArray[np.intp]:
    """Row → the row that stands for all that look the same, also through others.

    Args:
        vectors: Unit vectors, shape (n, d).
        threshold: Cosine from which two rows look the same, in (0, 1].
        settled: So many of the first rows are not compared with each other. The others are with
            all: so the cost is that of (n - settled) · n products.
    """
    standing = np.arange(len(vectors))
    for start in range(settled, len(vectors), AT_ONCE):
        block = vectors[start : start + AT_ONCE]
        near = block @ vectors[: start + len(block)].T >= threshold - ROUNDING
        for row in range(start, start + len(block)):
            earlier = np.flatnonzero(near[row - start, :row])
            if not len(earlier):
                continue
            families = np.unique(standing[earlier])
            if len(families) > 1:
                standing[np.isin(standing, families)] = families[0]
            standing[row] = families[0]
    return standing
