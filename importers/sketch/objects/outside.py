"""Objects outside the label set: they are drawn, and the tiny CLIP has never seen them."""

from __future__ import annotations

import math
import random

from importers.sketch.pen import INK, WHITE, Pen, Tint

_ORANGE = (246, 140, 40)


def cactus(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.curve([(-0.2, 0.2), (-0.62, 0.15), (-0.62, -0.3)], tint.rgb, 0.26)
    pen.curve([(0.2, 0.35), (0.6, 0.3), (0.6, -0.1)], tint.rgb, 0.26)
    pen.box(-0.26, -0.85, 0.26, 0.6, tint.rgb, radius=0.26)
    for x in (-0.1, 0.1):
        pen.line([(x, -0.6), (x, 0.45)], tint.darker(), 0.03)
    pen.polygon([(-0.42, 0.5), (0.42, 0.5), (0.32, 0.95), (-0.32, 0.95)], (200, 110, 70))


def chair(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.box(-0.5, -1, -0.34, 0.1, tint.darker())
    pen.box(0.34, -1, 0.5, 0.1, tint.darker())
    pen.box(-0.5, -0.95, 0.5, -0.6, tint.rgb, radius=0.08)
    pen.box(-0.45, -0.45, 0.45, -0.28, tint.rgb, radius=0.05)
    for x in (-0.5, 0.36):
        pen.box(x, 0.15, x + 0.14, 0.95, tint.darker())
    pen.box(-0.62, 0.02, 0.62, 0.22, tint.rgb, radius=0.08)


def clock(pen: Pen, tint: Tint, _: random.Random) -> None:
    for side in (-1, 1):
        pen.line([(side * 0.4, 0.75), (side * 0.55, 0.98)], tint.darker(), 0.12)
        pen.ellipse(side * 0.5, -0.72, 0.22, 0.18, tint.darker(), angle=side * 0.7)
    pen.disc(0, 0, 0.82, tint.rgb)
    pen.disc(0, 0, 0.64, WHITE)
    for hour in range(12):
        angle = hour * math.pi / 6
        x, y = 0.52 * math.cos(angle), 0.52 * math.sin(angle)
        pen.disc(x, y, 0.04, INK, outline=False)
    pen.line([(0, 0), (0.0, -0.42)], INK, 0.06)
    pen.line([(0, 0), (0.3, 0.14)], INK, 0.07)


def ghost(pen: Pen, tint: Tint, _: random.Random) -> None:
    head = [(-0.62, 0.85), (-0.66, 0), (-0.5, -0.6), (0, -0.92), (0.5, -0.6), (0.66, 0)]
    hem = [(0.62, 0.85), (0.4, 0.62), (0.2, 0.88), (0, 0.65), (-0.2, 0.88), (-0.4, 0.62)]
    pen.blob(head + hem, tint.lighter(0.35))
    for side in (-1, 1):
        pen.eye(side * 0.22, -0.3, 0.13)
        pen.blush(side * 0.4, -0.02)
    pen.ellipse(0, 0.05, 0.1, 0.14, INK, outline=False)


def key(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.box(-0.1, -0.1, 0.1, 0.95, tint.rgb)
    pen.box(0.1, 0.55, 0.35, 0.68, tint.rgb)
    pen.box(0.1, 0.8, 0.42, 0.93, tint.rgb)
    pen.disc(0, -0.5, 0.45, tint.rgb)
    pen.disc(0, -0.55, 0.2, WHITE)


def snowman(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.ellipse(0, 0.5, 0.55, 0.48, WHITE)
    pen.ellipse(0, -0.1, 0.4, 0.36, WHITE)
    pen.ellipse(0, -0.55, 0.3, 0.29, WHITE)
    pen.box(-0.36, -0.34, 0.36, -0.22, tint.rgb, radius=0.05)
    pen.box(-0.38, -0.82, 0.38, -0.74, tint.rgb)
    pen.box(-0.24, -1.1, 0.24, -0.8, tint.rgb)
    pen.eye(-0.1, -0.6, 0.05)
    pen.eye(0.1, -0.6, 0.05)
    pen.polygon([(0, -0.54), (0.28, -0.46), (0, -0.44)], _ORANGE)
    for y in (-0.1, 0.08, 0.4):
        pen.disc(0, y, 0.045, INK, outline=False)
