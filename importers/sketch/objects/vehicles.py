"""Boat, bus, car, plane and rocket."""

from __future__ import annotations

import random

from importers.sketch.pen import GLASS, LAMP, WHITE, WOOD, Pen, Tint, lighter


def wheel(pen: Pen, x: float, y: float, radius: float) -> None:
    pen.disc(x, y, radius, (48, 46, 54))
    pen.disc(x, y, radius * 0.5, (206, 208, 214), outline=False)
    pen.disc(x, y, radius * 0.18, (90, 90, 98), outline=False)


def boat(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.line([(-0.02, 0.3), (-0.02, -0.92)], WOOD, 0.1)
    mainsail = [(0.08, -0.86), (0.5, -0.42), (0.84, 0.2), (0.08, 0.2)]
    pen.polygon(mainsail, WHITE)
    pen.polygon([(0.08, -0.18), (0.64, -0.18), (0.74, 0.0), (0.08, 0.0)], tint.rgb)
    pen.polygon([(-0.12, -0.7), (-0.74, 0.2), (-0.12, 0.2)], tint.lighter(0.6))
    pen.polygon([(-0.02, -1.06), (-0.4, -0.93), (-0.02, -0.8)], tint.rgb)
    deck = [(-1.05, 0.32), (-0.3, 0.34), (0.4, 0.34), (1.08, 0.26)]
    pen.blob([*deck, (0.88, 0.6), (0.6, 0.84), (0, 0.87), (-0.6, 0.84), (-0.88, 0.6)], tint.rgb)
    pen.line([(-0.9, 0.48), (0.93, 0.45)], WHITE, 0.07)
    for x in (-0.42, 0, 0.42):
        pen.disc(x, 0.67, 0.09, GLASS)


def bus(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.box(-0.4, -0.74, 0.4, -0.56, tint.darker(), radius=0.05)
    pen.box(-1, -0.6, 1, 0.5, tint.rgb, radius=0.16)
    pen.box(-0.98, 0.12, 0.98, 0.22, tint.lighter(0.6), outline=False)
    for i in range(4):
        pen.box(-0.88 + i * 0.42, -0.42, -0.54 + i * 0.42, -0.02, GLASS, radius=0.05)
    pen.box(0.78, -0.42, 0.96, 0.4, lighter(GLASS, 0.3), radius=0.04)
    pen.disc(0.95, 0.38, 0.06, LAMP)
    wheel(pen, -0.58, 0.52, 0.23)
    wheel(pen, 0.5, 0.52, 0.23)


def car(pen: Pen, tint: Tint, _: random.Random) -> None:
    cabin = [(-0.6, -0.05), (-0.42, -0.5), (-0.1, -0.62), (0.25, -0.58), (0.5, -0.3)]
    pen.blob([*cabin, (0.66, -0.02)], tint.rgb)
    top = [(-1, 0.02), (-0.55, -0.12), (0.5, -0.12), (0.9, 0), (1.02, 0.25)]
    pen.blob([*top, (0.95, 0.46), (0, 0.5), (-0.95, 0.46), (-1.03, 0.25)], tint.rgb)
    pen.polygon([(-0.46, -0.12), (-0.33, -0.42), (-0.03, -0.49), (-0.03, -0.12)], GLASS)
    pen.polygon([(0.06, -0.49), (0.23, -0.46), (0.46, -0.12), (0.06, -0.12)], GLASS)
    pen.line([(-0.9, 0.2), (0.85, 0.2)], tint.lighter(0.5), 0.05)
    pen.box(0.1, 0.02, 0.28, 0.07, tint.darker(), outline=False)
    pen.ellipse(0.93, 0.12, 0.09, 0.08, LAMP)
    pen.ellipse(-0.97, 0.12, 0.05, 0.08, (200, 40, 50))
    wheel(pen, -0.55, 0.48, 0.25)
    wheel(pen, 0.55, 0.48, 0.25)


def plane(pen: Pen, tint: Tint, _: random.Random) -> None:
    wing = tint.lighter(0.45)
    pen.polygon([(-0.85, -0.1), (-1.0, -0.64), (-0.72, -0.64), (-0.42, -0.12)], tint.darker(0.25))
    pen.polygon([(-0.1, -0.12), (-0.34, -0.56), (-0.12, -0.58), (0.34, -0.14)], wing)
    belly = [(0.85, -0.16), (1.05, 0.04), (0.8, 0.2), (0.3, 0.24), (-0.5, 0.14), (-0.95, 0)]
    pen.blob([(-1.02, -0.12), (-0.5, -0.24), (0.4, -0.28), *belly], tint.rgb)
    pen.polygon([(0.66, -0.2), (0.9, -0.1), (0.72, -0.04), (0.56, -0.04)], GLASS)
    for i in range(5):
        pen.disc(-0.5 + i * 0.22, -0.06, 0.07, GLASS)
    pen.polygon([(0.2, 0.08), (-0.34, 0.74), (-0.06, 0.74), (0.52, 0.1)], wing)
    pen.polygon([(-0.72, 0), (-1.0, 0.3), (-0.82, 0.3), (-0.5, 0.02)], wing)


def rocket(pen: Pen, tint: Tint, _: random.Random) -> None:
    flame = [(-0.16, 0.62), (0.16, 0.62), (0.24, 0.85), (0, 1.12), (-0.24, 0.85)]
    pen.blob(flame, (250, 150, 40), outline=False)
    core = [(-0.09, 0.62), (0.09, 0.62), (0.1, 0.78), (0, 0.94), (-0.1, 0.78)]
    pen.blob(core, (255, 232, 120), outline=False)
    fin = [(0.26, 0.15), (0.55, 0.35), (0.64, 0.77), (0.38, 0.62), (0.24, 0.58)]
    for side in (-1, 1):
        pen.blob([(side * x, y) for x, y in fin], tint.darker(0.35))
    right = [(0.22, -0.72), (0.34, -0.2), (0.32, 0.3), (0.22, 0.64)]
    left = [(-x, y) for x, y in reversed(right)]
    pen.blob([(0, -1.05), *right, *left], tint.rgb)
    tip = [(0, -1.05), (0.17, -0.8), (0.24, -0.58), (0, -0.54), (-0.24, -0.58), (-0.17, -0.8)]
    pen.blob(tip, tint.lighter(0.7))
    pen.disc(0, -0.2, 0.21, WHITE)
    pen.disc(0, -0.2, 0.14, GLASS)
    pen.box(-0.3, 0.36, 0.3, 0.45, tint.lighter(0.7), outline=False)
    pen.box(-0.05, 0.3, 0.05, 0.72, tint.darker(0.35), radius=0.04)
