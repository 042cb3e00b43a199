"""Statistics of an evaluation, each with its 95 % interval, and the table they are printed in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Measure:
    """One measured number.

    Attributes:
        name: Name for people of what was measured.
        value: Share, 0..1.
        low: Lower end of its 95 % interval.
        high: Upper end of its 95 % interval.
        n: Number of drawings that it rests on.
        target: Least value that is promised; None promises nothing.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    target: float | None = None

    @property
    def missed(self) -> bool:
        return self.target is not None and self.value < self.target


def share(name: str, hits: Sequence[bool], target: float | None = None) -> Measure:
    """How many of all, with Wilson's interval."""
    n, z = len(hits), 1.96
    p = sum(hits) / n
    middle = p + z * z / (2 * n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    # Rounding may leave the interval of an all or nothing a hair short of it.
    low, high = min(p, (middle - half) / scale), max(p, (middle + half) / scale)
    return Measure(name, p, max(0.0, low), min(1.0, high), n, target)


def separation(
    name: str, good: Sequence[float], bad: Sequence[float], target: float | None = None
) -> Measure:
    """ROC-AUC of a score that should be lower for the bad ones, with DeLong's interval.

    It is the share of pairs of a good and a bad drawing in which the good one scores higher; ties
    count half. Both sides need two drawings or more.
    """
    higher = np.asarray(good)[:, None] > np.asarray(bad)[None]
    equal = np.asarray(good)[:, None] == np.asarray(bad)[None]
    wins = higher + 0.5 * equal
    value = float(wins.mean())
    spread = wins.mean(axis=1).var(ddof=1) / len(good) + wins.mean(axis=0).var(ddof=1) / len(bad)
    half = 1.96 * math.sqrt(spread)
    n = len(good) + len(bad)
    return Measure(name, value, max(0.0, value - half), min(1.0, value + half), n, target)


def table(measures: Sequence[Measure]) -> str:
    """The measures as text, one a line."""
    width = max(len(measure.name) for measure in measures)
    lines = [f"{'':{width}}  value  95 % interval      n  target"]
    for m in measures:
        promise = "" if m.target is None else f"{m.target:.3f} {'missed' if m.missed else 'met'}"
        interval = f"[{m.low:.3f}, {m.high:.3f}]"
        lines.append(f"{m.name:{width}}  {m.value:.3f}  {interval:14}  {m.n:5}  {promise}".rstrip())
    return "\n".join(lines)
