"""Butterfly, cat, dog, duck and fish."""

from __future__ import annotations

import random

from importers.sketch.pen import GLASS, INK, WHITE, Pen, Tint, lighter, mix

_NOSE = (240, 110, 120)


def butterfly(pen: Pen, tint: Tint, _: random.Random) -> None:
    for side in (-1, 1):
        _wings(pen, tint, side)
        pen.curve([(0, -0.5), (side * 0.12, -0.8), (side * 0.28, -0.95)], INK, 0.04)
        pen.disc(side * 0.28, -0.95, 0.06, INK, outline=False)
    pen.ellipse(0, 0.08, 0.1, 0.5, (70, 54, 60))
    pen.disc(0, -0.46, 0.14, (84, 64, 70))
    for side in (-1, 1):
        pen.disc(side * 0.06, -0.48, 0.045, WHITE, outline=False)
        pen.disc(side * 0.06, -0.47, 0.025, INK, outline=False)


def _wings(pen: Pen, tint: Tint, side: int) -> None:
    upper = [(0.06, -0.1), (0.35, -0.75), (0.85, -0.85), (1.0, -0.45), (0.75, -0.05), (0.35, 0.06)]
    lower = [(0.06, 0.02), (0.55, 0.05), (0.8, 0.35), (0.65, 0.75), (0.35, 0.75), (0.12, 0.4)]
    pen.blob([(side * x, y) for x, y in upper], tint.rgb)
    pen.blob([(side * x, y) for x, y in lower], tint.lighter(0.36))
    pen.ellipse(side * 0.68, -0.5, 0.17, 0.15, tint.lighter(0.75), outline=False)
    pen.ellipse(side * 0.42, -0.3, 0.09, 0.08, WHITE, outline=False)
    pen.disc(side * 0.5, 0.42, 0.12, tint.darker(0.25), outline=False)


def cat(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.curve([(0.4, 0.75), (0.85, 0.7), (0.95, 0.3), (0.8, 0.02)], tint.rgb, 0.17)
    body = [(0, -0.15), (0.42, 0.15), (0.55, 0.7), (0.3, 0.92)]
    pen.blob([*body, (-0.3, 0.92), (-0.55, 0.7), (-0.42, 0.15)], tint.rgb)
    pen.ellipse(0, 0.58, 0.27, 0.32, tint.lighter(0.6), outline=False)
    for side in (-1, 1):
        pen.ellipse(side * 0.24, 0.88, 0.17, 0.1, tint.lighter(0.25))
        pen.polygon([(side * 0.12, -0.62), (side * 0.56, -1.02), (side * 0.58, -0.35)], tint.rgb)
        inner = [(side * 0.27, -0.64), (side * 0.5, -0.86), (side * 0.5, -0.5)]
        pen.polygon(inner, (250, 176, 180), outline=False)
    pen.ellipse(0, -0.3, 0.58, 0.48, tint.rgb)
    for x in (-0.14, 0, 0.14):
        pen.line([(x, -0.76), (x * 0.8, -0.58)], tint.darker(0.4), 0.06)
    _cat_face(pen, tint)


def _cat_face(pen: Pen, tint: Tint) -> None:
    pen.ellipse(0, -0.14, 0.25, 0.18, tint.lighter(0.65), outline=False)
    pen.eye(-0.24, -0.34, 0.1)
    pen.eye(0.24, -0.34, 0.1)
    pen.polygon([(-0.06, -0.21), (0.06, -0.21), (0, -0.14)], _NOSE, outline=False)
    mouth = [(-0.12, -0.07), (-0.05, -0.03), (0, -0.12), (0.05, -0.03), (0.12, -0.07)]
    pen.line(mouth, INK, 0.03)
    whisker = INK if sum(tint.rgb) > 260 else WHITE
    for side in (-1, 1):
        for drop in (-0.04, 0.06):
            ends = [(side * 0.3, -0.12 + drop * 0.6), (side * 0.75, -0.16 + drop * 2)]
            pen.line(ends, whisker, 0.025)


def dog(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.curve([(0.38, 0.6), (0.7, 0.45), (0.88, 0.12)], tint.rgb, 0.15)
    body = [(0, -0.1), (0.38, 0.15), (0.5, 0.7), (0.3, 0.92)]
    pen.blob([*body, (-0.3, 0.92), (-0.5, 0.7), (-0.38, 0.15)], tint.rgb)
    pen.ellipse(0, 0.52, 0.24, 0.34, tint.lighter(0.6), outline=False)
    for side in (-1, 1):
        pen.ellipse(side * 0.25, 0.88, 0.18, 0.1, tint.lighter(0.3))
    pen.ellipse(0, -0.36, 0.5, 0.5, tint.rgb)
    pen.ellipse(0.2, -0.46, 0.2, 0.22, tint.lighter(0.6), outline=False)
    ear = [(0.36, -0.8), (0.62, -0.76), (0.78, -0.35), (0.68, 0.06), (0.5, 0.08), (0.44, -0.3)]
    for side in (-1, 1):
        pen.blob([(side * x, y) for x, y in ear], tint.darker(0.35))
    _dog_face(pen, tint)
    collar = tint.unless("red", (200, 50, 60), (40, 90, 200))
    pen.box(-0.32, 0.12, 0.32, 0.22, collar, radius=0.04)
    pen.disc(0, 0.26, 0.08, (250, 210, 70))


def _dog_face(pen: Pen, tint: Tint) -> None:
    pen.ellipse(0, -0.16, 0.29, 0.22, tint.lighter(0.7))
    pen.eye(-0.2, -0.46, 0.085)
    pen.eye(0.2, -0.46, 0.085)
    pen.ellipse(0, -0.27, 0.12, 0.085, INK, outline=False)
    pen.line([(0, -0.2), (0, -0.08)], INK, 0.03)
    pen.smile(0, -0.1, 0.14)
    tongue = [(0.02, -0.02), (0.13, -0.02), (0.13, 0.14), (0.07, 0.2), (0.01, 0.14)]
    pen.blob(tongue, (240, 104, 120))


def duck(pen: Pen, tint: Tint, _: random.Random) -> None:
    beak = tint.unless("orange", (246, 128, 20), (228, 62, 40))
    back = [(-0.95, -0.1), (-0.7, 0.08), (-0.35, 0.02), (0.1, 0.0), (0.5, -0.05), (0.72, 0.25)]
    belly = [(0.62, 0.62), (0.2, 0.84), (-0.35, 0.82), (-0.75, 0.58), (-0.95, 0.2)]
    pen.blob(back + belly, tint.rgb)
    pen.curve([(0.3, -0.8), (0.22, -0.95), (0.34, -0.98)], tint.rgb, 0.06)
    pen.ellipse(0.36, -0.42, 0.42, 0.41, tint.rgb)
    pen.blob([(0.7, -0.52), (0.97, -0.46), (1.12, -0.33), (0.92, -0.22), (0.68, -0.25)], beak)
    pen.line([(0.74, -0.36), (1.02, -0.34)], mix(beak, INK, 0.45), 0.03)
    wing = [(-0.5, 0.25), (-0.1, 0.15), (0.2, 0.3), (0.1, 0.55), (-0.25, 0.62), (-0.55, 0.45)]
    pen.blob(wing, tint.darker(0.12))
    pen.eye(0.46, -0.5, 0.1)
    pen.blush(0.52, -0.26, 0.08)


def fish(pen: Pen, tint: Tint, _: random.Random) -> None:
    fin = tint.darker(0.14)
    pen.blob(
        [(-0.55, 0), (-0.95, -0.5), (-1.08, -0.35), (-0.92, 0), (-1.08, 0.35), (-0.95, 0.5)], fin
    )
    pen.blob([(-0.15, -0.4), (0.05, -0.82), (0.4, -0.6), (0.35, -0.35)], fin)
    pen.blob([(-0.05, 0.4), (0.0, 0.72), (0.28, 0.62), (0.28, 0.38)], fin)
    back = [(-0.68, 0), (-0.35, -0.36), (0.15, -0.52), (0.65, -0.38)]
    pen.blob([*back, (0.94, 0.02), (0.65, 0.38), (0.15, 0.5), (-0.35, 0.34)], tint.rgb)
    for x, half in ((-0.28, 0.3), (0.0, 0.42)):
        stripe = [(x - 0.05, -half), (x + 0.06, -half - 0.02), (x + 0.13, 0), (x + 0.06, half)]
        pen.blob([*stripe, (x - 0.05, half), (x + 0.02, 0)], tint.lighter(0.7), outline=False)
    pen.blob([(0.12, 0.08), (-0.16, 0.0), (-0.2, 0.24), (0.05, 0.26)], tint.darker(0.12))
    pen.disc(0.55, -0.12, 0.15, WHITE)
    pen.eye(0.58, -0.11, 0.085)
    pen.curve([(0.72, 0.17), (0.82, 0.16), (0.88, 0.1)], INK, 0.035)
    for x, y, radius in ((1.02, -0.32, 0.08), (1.1, -0.58, 0.06)):
        pen.disc(x, y, radius, lighter(GLASS, 0.4))
