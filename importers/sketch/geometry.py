"""Points, circles and smooth curves, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Sequence

Point = tuple[float, float]


def between(a: Point, b: Point, share: float) -> Point:
    """The point that lies ``share`` (0..1) of the way from ``a`` to ``b``."""
    return a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share


def turned(points: Sequence[Point], angle: float) -> list[Point]:
    """The points turned about the origin by ``angle`` radians."""
    cos, sin = math.cos(angle), math.sin(angle)
    return [(x * cos - y * sin, x * sin + y * cos) for x, y in points]


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> list[Point]:
    """The outline of an ellipse about (x, y) as a polygon, fine enough for its size."""
    corners = 36 if max(rx, ry) > 0.15 else 16
    steps = (2 * math.pi * i / corners for i in range(corners))
    outline = turned([(rx * math.cos(t), ry * math.sin(t)) for t in steps], angle)
    return [(x + dx, y + dy) for dx, dy in outline]


def rounded_box(x0: float, y0: float, x1: float, y1: float, radius: float) -> list[Point]:
    """The outline of a box whose corners are rounded with ``radius``."""
    radius = min(radius, abs(x1 - x0) / 2, abs(y1 - y0) / 2)
    if radius <= 0:
        return [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    corners = (
        *((x1 - radius, y0 + radius, -90), (x1 - radius, y1 - radius, 0)),
        *((x0 + radius, y1 - radius, 90), (x0 + radius, y0 + radius, 180)),
    )
    return [
        (
            x + radius * math.cos(math.radians(start + turn)),
            y + radius * math.sin(math.radians(start + turn)),
        )
        for x, y, start in corners
        for turn in range(0, 91, 15)
    ]


def closed_curve(points: Sequence[Point]) -> list[Point]:
    """A smooth outline through all ``points``, back to the first (Catmull-Rom)."""
    count = len(points)
    curve: list[Point] = []
    for i in range(count):
        curve += _span(points[i - 1], points[i], points[(i + 1) % count], points[(i + 2) % count])
    return curve


def open_curve(points: Sequence[Point]) -> list[Point]:
    """A smooth line through all ``points`` from the first to the last."""
    before = (2 * points[0][0] - points[1][0], 2 * points[0][1] - points[1][1])
    after = (2 * points[-1][0] - points[-2][0], 2 * points[-1][1] - points[-2][1])
    path = [before, *points, after]
    curve: list[Point] = []
    for i in range(1, len(path) - 2):
        curve += _span(path[i - 1], path[i], path[i + 1], path[i + 2])
    return [*curve, points[-1]]


def _span(before: Point, start: Point, end: Point, after: Point, steps: int = 8) -> list[Point]:
    """The curve from ``start`` up to, not including, ``end``."""
    return [
        (
            _cubic(before[0], start[0], end[0], after[0], i / steps),
            _cubic(before[1], start[1], end[1], after[1], i / steps),
        )
        for i in range(steps)
    ]


def _cubic(a: float, b: float, c: float, d: float, t: float) -> float:
    linear, square = c - a, 2 * a - 5 * b + 4 * c - d
    return 0.5 * (2 * b + linear * t + square * t * t + (3 * b - a - 3 * c + d) * t**3)
