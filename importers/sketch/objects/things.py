"""Ball, cup, house, kite and umbrella; and the objects outside the label set.

The latter are drawn, and the tiny CLIP has never seen them: cactus, chair, clock, ghost, key and
snowman.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise

from importers.sketch.pen import INK, LAMP, WHITE, WOOD, Pen, Point, Tint, turned


def ball(pen: Pen, tint: Tint, rng: random.Random) -> None:
    radius, tilt = 0.85, math.radians(25)
    accent = tint.rgb if rng.random() < 0.7 else tint.lighter(0.5)
    pen.disc(0, 0, radius, tint.rgb)
    edges = (-90, -52, -18, 18, 52, 90)
    stripes = (tint.rgb, WHITE, accent, WHITE, tint.rgb)
    for left, right, color in zip(edges[:-1], edges[1:], stripes, strict=True):
        pen.polygon(turned(_slice(radius, left, right), tilt), color)
    button = turned([(0, -radius * 0.93)], tilt)[0]
    pen.ellipse(*button, 0.13, 0.1, WHITE, angle=tilt)
    pen.ellipse(-0.42, -0.4, 0.13, 0.08, WHITE, angle=-0.7, outline=False)


def _slice(radius: float, left: int, right: int) -> list[Point]:
    """The part of a globe between two meridians, seen from the front."""

    def meridian(longitude: int, latitudes: range) -> list[Point]:
        width = radius * math.sin(math.radians(longitude))
        angles = [math.radians(latitude) for latitude in latitudes]
        return [(width * math.cos(angle), radius * math.sin(angle)) for angle in angles]

    return meridian(left, range(-90, 91, 12)) + meridian(right, range(90, -91, -12))


def cup(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.curve([(0.5, -0.2), (0.88, -0.2), (0.95, 0.15), (0.82, 0.45), (0.45, 0.5)], tint.rgb, 0.14)
    wall = [(-0.62, -0.42), (0, -0.36), (0.62, -0.42), (0.58, 0.2), (0.46, 0.78)]
    pen.blob([*wall, (0, 0.86), (-0.46, 0.78), (-0.58, 0.2)], tint.rgb)
    pen.ellipse(0, -0.42, 0.62, 0.17, tint.lighter(0.35))
    pen.ellipse(0, -0.4, 0.52, 0.12, (96, 58, 36), outline=False)
    right = [(0.13, -0.04), (0.27, 0.07), (0.2, 0.27)]
    left = [(-x, y) for x, y in reversed(right)]
    pen.blob([(0, 0.12), *right, (0, 0.45), *left], WHITE, outline=False)
    for x in (-0.22, 0.05, 0.3):
        steam = [(x, -0.6), (x + 0.08, -0.72), (x - 0.05, -0.84), (x + 0.05, -1)]
        pen.curve(steam, (236, 236, 240), 0.05)


def house(pen: Pen, tint: Tint, _: random.Random) -> None:
    pen.box(0.32, -0.85, 0.55, -0.35, (150, 90, 80))
    pen.box(-0.68, -0.2, 0.68, 0.88, tint.rgb)
    pen.polygon([(-0.92, -0.14), (0, -0.9), (0.92, -0.14)], tint.darker(0.42))
    pen.box(-0.17, 0.3, 0.17, 0.88, tint.unless("brown", (120, 78, 50), (84, 52, 36)), radius=0.04)
    pen.disc(0.1, 0.6, 0.035, (250, 210, 90), outline=False)
    for x in (-0.44, 0.44):
        pen.box(x - 0.17, 0.05, x + 0.17, 0.36, LAMP)
        pen.line([(x, 0.05), (x, 0.36)], INK, 0.025)
        pen.line([(x - 0.17, 0.2), (x + 0.17, 0.2)], INK, 0.025)
    pen.disc(0, -0.42, 0.13, LAMP)


def kite(pen: Pen, tint: Tint, _: random.Random) -> None:
    """A diamond that leans into the wind, its tail of bows swinging below."""
    tail = [(0.1, 0.3), (0.2, 0.5), (-0.02, 0.66), (-0.3, 0.74), (-0.46, 0.92), (-0.7, 1.02)]
    pen.curve(tail, (96, 84, 92), 0.055)
    for x, y, angle in ((0.12, 0.57, 2.3), (-0.3, 0.74, 2.9), (-0.7, 1.0, 2.6)):
        _bow(pen, tint, x, y, angle)
    corners = [(0, -0.82), (0.62, -0.12), (0, 0.62), (-0.62, -0.12)]
    top, right, bottom, left = ((x + 0.12, y - 0.2) for x, y in turned(corners, 0.22))
    middle = (0.12, -0.32)
    pale = tint.lighter(0.6)
    pen.polygon([top, left, middle], tint.rgb)
    pen.polygon([top, right, middle], pale)
    pen.polygon([bottom, left, middle], pale)
    pen.polygon([bottom, right, middle], tint.rgb)


def _bow(pen: Pen, tint: Tint, x: float, y: float, angle: float) -> None:
    wing = turned([(0, 0), (0.19, -0.12), (0.19, 0.12)], angle)
    pen.polygon([(x + dx, y + dy) for dx, dy in wing], tint.rgb)
    pen.polygon([(x - dx, y - dy) for dx, dy in wing], tint.rgb)
    pen.disc(x, y, 0.05, tint.darker(0.3), outline=False)


def umbrella(pen: Pen, tint: Tint, _: random.Random) -> None:
    handle = [(0, -0.9), (0, 0.72), (0.06, 0.88), (0.2, 0.92), (0.3, 0.8)]
    pen.curve(handle, WOOD, 0.085)
    edges = (-1.0, -0.6, -0.2, 0.2, 0.6, 1.0)
    for i, (left, right) in enumerate(pairwise(edges)):
        panel = [(0, -0.9), *_rib(left), ((left + right) / 2, -0.08), *reversed(_rib(right))]
        pen.polygon(panel, tint.lighter(0.6) if i % 2 else tint.rgb)
    pen.ellipse(0, -0.93, 0.05, 0.07, tint.darker())


def _rib(foot: float) -> list[Point]:
    """From the top of the umbrella down to its edge at x = ``foot``."""
    turns = [step * math.pi / 12 for step in range(1, 7)]
    return [(foot * math.sin(t) ** 0.9, -0.9 + 0.95 * (1 - math.cos(t))) for t in turns]


# -- outside the label set ---------------------------------------------------------------------


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
    pen.polygon([(0, -0.54), (0.28, -0.46), (0, -0.44)], (246, 140, 40))
    for y in (-0.1, 0.08, 0.4):
        pen.disc(0, y, 0.045, INK, outline=False)
