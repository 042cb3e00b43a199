"""Apple, flower, mushroom, star and tree."""

from __future__ import annotations

import math
import random

from importers.sketch.pen import CREAM, WHITE, Pen, Point, Tint, between

_STEM = (70, 150, 66)
_LEAF = (92, 178, 78)


def apple(pen: Pen, tint: Tint, rng: random.Random) -> None:
    pen.curve([(0, -0.55), (0.03, -0.75), (0.14, -0.95)], (110, 72, 42), 0.09)
    leaf = tint.unless("green", (96, 170, 70), (44, 112, 50))
    pen.blob([(0.1, -0.72), (0.3, -0.98), (0.66, -0.95), (0.5, -0.72), (0.3, -0.64)], leaf)
    right = [(0.35, -0.68), (0.75, -0.5), (0.88, -0.05), (0.7, 0.5), (0.35, 0.85)]
    left = [(-x, y) for x, y in reversed(right)]
    pen.blob([(0, -0.55), *right, (0, 0.76), *left], tint.rgb)
    shine = [(-0.62, -0.3), (-0.45, -0.45), (-0.4, -0.2), (-0.55, 0.12), (-0.68, 0.05)]
    pen.blob(shine, tint.lighter(0.6), outline=False)
    if rng.random() < 0.6:
        pen.eye(-0.2, 0.1)
        pen.eye(0.25, 0.1)
        pen.smile(0.02, 0.28)


def flower(pen: Pen, tint: Tint, rng: random.Random) -> None:
    pen.curve([(0, 0), (0.04, 0.5), (0, 1)], _STEM, 0.09)
    pen.blob([(0.02, 0.7), (0.25, 0.45), (0.55, 0.42), (0.4, 0.68)], _LEAF)
    pen.blob([(0, 0.85), (-0.25, 0.6), (-0.52, 0.58), (-0.38, 0.82)], _LEAF)
    petals = rng.choice((6, 7, 8))
    for petal in range(petals):
        angle = 2 * math.pi * petal / petals
        color = tint.rgb if petal % 2 else tint.lighter(0.16)
        x, y = 0.42 * math.cos(angle), -0.3 + 0.42 * math.sin(angle)
        pen.ellipse(x, y, 0.32, 0.22, color, angle=angle)
    heart = tint.unless("yellow", (252, 210, 70), (150, 92, 50))
    pen.disc(0, -0.3, 0.26, heart)
    pen.eye(-0.09, -0.34, 0.05)
    pen.eye(0.09, -0.34, 0.05)
    pen.smile(0, -0.24, 0.08, 0.03)


def mushroom(pen: Pen, tint: Tint, _: random.Random) -> None:
    stem = [(-0.26, 0), (0.26, 0), (0.3, 0.45), (0.38, 0.82)]
    pen.blob([*stem, (0, 0.92), (-0.38, 0.82), (-0.3, 0.45)], CREAM)
    rim = [(0.95, 0.05), (0.5, 0.17), (0, 0.2), (-0.5, 0.17), (-0.95, 0.05)]
    top = [(-0.82, -0.45), (-0.4, -0.82), (0, -0.9), (0.4, -0.82), (0.82, -0.45)]
    pen.blob(rim + top, tint.rgb)
    spots = (
        *((-0.42, -0.4, 0.17), (0.12, -0.62, 0.14), (0.45, -0.22, 0.18)),
        *((-0.1, -0.1, 0.12), (-0.72, -0.02, 0.09), (0.8, -0.02, 0.07)),
    )
    for x, y, radius in spots:
        pen.ellipse(x, y, radius, radius * 0.85, WHITE, outline=False)
    for side in (-1, 1):
        pen.eye(side * 0.13, 0.44, 0.065)
        pen.blush(side * 0.22, 0.58, 0.06)
    pen.smile(0, 0.58, 0.08, 0.03)


def star(pen: Pen, tint: Tint, _: random.Random) -> None:
    outline = _rounded_star()
    pen.polygon(outline, tint.rgb)
    inner = [(x * 0.72, 0.05 + (y - 0.05) * 0.72) for x, y in outline]
    pen.polygon(inner, tint.lighter(0.18), outline=False)
    for side in (-1, 1):
        pen.eye(side * 0.18, -0.02, 0.1)
        pen.blush(side * 0.34, 0.16)
    pen.smile(0, 0.17)


def _rounded_star() -> list[Point]:
    corners: list[Point] = []
    for i in range(10):
        angle, radius = -math.pi / 2 + i * math.pi / 5, (0.5 if i % 2 else 1.0)
        corners.append((radius * math.cos(angle), 0.05 + radius * math.sin(angle)))
    outline: list[Point] = []
    for i, corner in enumerate(corners):
        before, after = corners[i - 1], corners[(i + 1) % 10]
        tip = between(between(corner, before, 0.06), between(corner, after, 0.06), 0.5)
        outline += [between(corner, before, 0.2), tip, between(corner, after, 0.2)]
    return outline


def tree(pen: Pen, tint: Tint, _: random.Random) -> None:
    trunk = tint.unless("brown", (128, 84, 52), (84, 54, 36))
    right = [(0.14, 0), (0.16, 0.5), (0.34, 0.95)]
    left = [(-x, y) for x, y in reversed(right)]
    pen.blob([*right, (0, 0.9), *left], trunk)
    crown = (
        *((-0.45, -0.1, 0.4), (0.45, -0.1, 0.4), (-0.28, -0.5, 0.42)),
        *((0.3, -0.52, 0.4), (0, -0.2, 0.45), (0, -0.68, 0.36)),
    )
    for x, y, radius in crown:
        pen.ellipse(x, y, radius, radius * 0.95, tint.rgb)
    for x, y, radius in crown:
        pen.ellipse(x, y, radius * 0.93, radius * 0.88, tint.rgb, outline=False)
    lit = ((-0.32, -0.52, 0.2), (0.28, -0.58, 0.16), (-0.05, -0.8, 0.13), (-0.5, -0.15, 0.14))
    for x, y, radius in lit:
        pen.ellipse(x, y, radius, radius * 0.7, tint.lighter(0.25), outline=False)
    for x, y in ((0.35, -0.15), (0.1, -0.35), (-0.15, 0.02), (0.55, -0.3)):
        pen.ellipse(x, y, 0.07, 0.06, tint.darker(0.28), outline=False)
