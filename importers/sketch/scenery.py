"""The settings: what lies behind the object.

Each setting has a sky (a gradient) and a painter that draws ground and details over it in picture
coordinates, 0..1, y downwards. The horizon lies a little differently in every picture.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from importers.sketch.pen import RGB, WHITE, Pen, Placement, Stroke, lighter, mix

_STUDIO_WALLS: tuple[RGB, ...] = (
    *((206, 206, 212), (224, 216, 204)),
    *((196, 208, 214), (216, 204, 212)),
)
_FACADES: tuple[RGB, ...] = (
    *((176, 168, 176), (156, 160, 176)),
    *((190, 176, 164), (148, 152, 160)),
)
_STARLIGHT: tuple[RGB, ...] = ((255, 255, 235), (255, 240, 200), (200, 215, 255))


@dataclass(frozen=True)
class Setting:
    """A sky from ``zenith`` down to ``haze``, and what is painted over it."""

    zenith: RGB
    haze: RGB
    paint: Callable[[Pen, random.Random, float], None]
    has_ground: bool = True


def paint_setting(name: str, size: int, stroke: Stroke, rng: random.Random) -> Image.Image:
    """The setting called ``name`` as an RGB image of ``size`` × ``size`` pixels."""
    setting = SETTINGS[name]
    horizon = rng.uniform(0.55, 0.66)
    image = _sky(vary(setting.zenith, rng), vary(setting.haze, rng), size)
    setting.paint(Pen(image, Placement(), stroke, rng), rng, horizon)
    return image


def vary(color: RGB, rng: random.Random) -> RGB:
    """The colour, up to 12 of 255 lighter or darker in each channel."""
    red, green, blue = (max(0, min(255, part + rng.randint(-12, 12))) for part in color)
    return red, green, blue


def _sky(zenith: RGB, haze: RGB, size: int) -> Image.Image:
    column = Image.new("RGB", (1, size))
    column.putdata([mix(zenith, haze, row / (size - 1)) for row in range(size)])
    return column.resize((size, size), Image.Resampling.NEAREST)


def _beach(pen: Pen, rng: random.Random, horizon: float) -> None:
    if rng.random() < 0.7:
        pen.disc(rng.choice((0.15, 0.85)), 0.14, 0.075, (255, 232, 120), outline=False)
    _cloud(pen, rng.random(), 0.16, 1)
    pen.box(-0.02, horizon - 0.1, 1.02, 1.02, vary((44, 140, 196), rng))
    for _ in range(5):
        x, y = rng.random(), rng.uniform(horizon - 0.08, horizon + 0.02)
        pen.line([(x, y), (x + 0.08, y)], (150, 212, 236), 0.008)
    _hills(pen, rng, horizon + 0.06, 0.015, (240, 250, 250), outline=False)
    _hills(pen, rng, horizon + 0.08, 0.015, vary((240, 214, 152), rng), outline=False)
    for _ in range(14):
        x, y = rng.random(), rng.uniform(horizon + 0.14, 1)
        pen.ellipse(x, y, 0.006, 0.004, (206, 174, 116), outline=False)
    if rng.random() < 0.6:
        _shell(pen, rng.choice((0.1, 0.9)), rng.uniform(0.85, 0.93))


def _shell(pen: Pen, x: float, y: float) -> None:
    pen.ellipse(x, y, 0.035, 0.028, (250, 200, 190), outline=False)
    for dx in (-0.014, 0, 0.014):
        pen.line([(x + dx, y - 0.018), (x + dx * 0.4, y + 0.02)], (220, 150, 140), 0.005)


def _park(pen: Pen, rng: random.Random, horizon: float) -> None:
    _cloud(pen, rng.random(), 0.15, 1.2)
    _cloud(pen, rng.random(), 0.24, 0.8)
    _hills(pen, rng, horizon - 0.04, 0.04, vary((126, 190, 110), rng))
    _hills(pen, rng, horizon + 0.06, 0.025, vary((108, 182, 84), rng), waves=3)
    x = rng.uniform(0.3, 0.7)
    path = [(x, horizon + 0.08), (x + 0.05, horizon + 0.08), (x + 0.25, 1.02), (x - 0.2, 1.02)]
    pen.polygon(path, vary((226, 204, 160), rng))
    for _ in range(20):
        x, y = rng.random(), rng.uniform(horizon + 0.1, 1)
        pen.line([(x, y), (x + 0.006, y - 0.02)], (76, 146, 62), 0.006)
    for x in (rng.uniform(0.0, 0.2), rng.uniform(0.8, 1)):
        for dx in (-0.06, 0, 0.06):
            pen.ellipse(x + dx, horizon + 0.04, 0.06, 0.05, (74, 146, 70), outline=False)


def _street(pen: Pen, rng: random.Random, horizon: float) -> None:
    x = -0.05
    while x < 1.02:
        width, height = rng.uniform(0.13, 0.22), rng.uniform(0.22, 0.46)
        _building(pen, rng, x, horizon, width, height)
        x += width
    pen.box(-0.02, horizon + 0.06, 1.02, horizon + 0.12, (206, 202, 200))
    pen.box(-0.02, horizon + 0.12, 1.02, 1.02, vary((92, 94, 102), rng))
    for i in range(5):
        pen.box(i * 0.25 - 0.05, 0.88, i * 0.25 + 0.08, 0.905, (244, 240, 220), outline=False)


def _building(
    pen: Pen, rng: random.Random, x: float, horizon: float, width: float, height: float
) -> None:
    roof = horizon + 0.02 - height
    pen.box(x, roof, x + width, horizon + 0.1, vary(rng.choice(_FACADES), rng))
    for column in range(3):
        left = x + 0.02 + column * (width - 0.03) / 3
        for row in range(int(height / 0.075)):
            top = roof + 0.02 + row * 0.075
            glass = (236, 226, 176) if rng.random() < 0.4 else (110, 122, 146)
            pen.box(left, top, left + 0.025, top + 0.04, glass, outline=False)


def _snow(pen: Pen, rng: random.Random, horizon: float) -> None:
    for x in (rng.uniform(0.02, 0.2), rng.uniform(0.72, 0.9)):
        _mountain(pen, x, horizon)
    _hills(pen, rng, horizon - 0.06, 0.05, vary((206, 222, 238), rng))
    _hills(pen, rng, horizon + 0.05, 0.03, (244, 249, 253), waves=3)
    for _ in range(40):
        x, y, radius = rng.random(), rng.random(), rng.uniform(0.004, 0.011)
        pen.disc(x, y, radius, WHITE, outline=False)


def _mountain(pen: Pen, x: float, horizon: float) -> None:
    foot, top = horizon + 0.04, horizon - 0.28
    pen.polygon([(x - 0.22, foot), (x, top), (x + 0.22, foot)], (168, 188, 214))
    cap = [(x, top), (x + 0.07, top + 0.1), (x + 0.02, top + 0.08), (x - 0.03, top + 0.11)]
    pen.polygon([*cap, (x - 0.07, top + 0.1)], (248, 251, 254), outline=False)


def _night_sky(pen: Pen, rng: random.Random, _: float) -> None:
    for _star in range(45):
        x, y, radius = rng.random(), rng.random() * 0.95, rng.uniform(0.002, 0.006)
        pen.disc(x, y, radius, rng.choice(_STARLIGHT), outline=False)
    x, y = rng.choice((0.14, 0.86)), rng.uniform(0.1, 0.2)
    pen.disc(x, y, 0.085, (250, 240, 200))
    pen.disc(x + 0.02, y - 0.02, 0.02, (226, 214, 176), outline=False)
    pen.disc(x - 0.03, y + 0.025, 0.014, (226, 214, 176), outline=False)
    _hills(pen, rng, 0.93, 0.02, (22, 22, 52))


def _desert(pen: Pen, rng: random.Random, horizon: float) -> None:
    pen.disc(rng.choice((0.14, 0.86)), 0.15, 0.07, (255, 244, 196), outline=False)
    x = rng.uniform(0.05, 0.75)
    if rng.random() < 0.7:
        top, foot = (x + 0.12, horizon - 0.18), (x + 0.26, horizon)
        pen.polygon([(x, horizon), top, foot], (206, 162, 106))
        pen.polygon([top, foot, (x + 0.17, horizon)], (180, 136, 86), outline=False)
    _hills(pen, rng, horizon - 0.01, 0.035, vary((236, 190, 120), rng))
    _hills(pen, rng, horizon + 0.12, 0.04, vary((226, 172, 100), rng), waves=3)
    for _ in range(5):
        x, y = rng.random(), rng.uniform(horizon + 0.18, 0.98)
        pen.curve([(x, y), (x + 0.07, y - 0.008), (x + 0.14, y)], (204, 150, 84), 0.007)


def _studio(pen: Pen, rng: random.Random, horizon: float) -> None:
    wall = vary(rng.choice(_STUDIO_WALLS), rng)
    pen.box(-0.02, -0.02, 1.02, 1.02, lighter(wall, 0.2), outline=False)
    floor = mix(wall, (120, 110, 110), 0.18)
    pen.box(-0.02, horizon + 0.12, 1.02, 1.02, floor, outline=False)
    pen.ellipse(0.5, horizon + 0.26, 0.46, 0.1, lighter(wall, 0.3), outline=False)


def _hills(
    pen: Pen,
    rng: random.Random,
    y: float,
    height: float,
    color: RGB,
    *,
    waves: int = 5,
    outline: bool = True,
) -> None:
    """Ground from ``y`` down to the lower edge, its upper edge a gentle wave."""
    phase = rng.random() * 6
    ridge = [(i / 24, y + height * math.sin(i / 24 * waves + phase)) for i in range(25)]
    pen.polygon([(-0.02, ridge[0][1]), *ridge, (1.02, 1.02), (-0.02, 1.02)], color, outline=outline)


def _cloud(pen: Pen, x: float, y: float, size: float) -> None:
    for dx, dy, radius in ((-0.09, 0.01, 0.05), (0, -0.02, 0.075), (0.09, 0.012, 0.05)):
        height = radius * size
        pen.ellipse(x + dx * size, y + dy * size, height * 1.3, height, WHITE, outline=False)


SETTINGS: dict[str, Setting] = {
    "beach": Setting((104, 190, 244), (206, 238, 250), _beach),
    "park": Setting((126, 200, 246), (220, 242, 250), _park),
    "street": Setting((150, 196, 226), (226, 232, 232), _street),
    "snow": Setting((160, 190, 222), (226, 236, 246), _snow),
    "night sky": Setting((14, 18, 58), (70, 62, 128), _night_sky, has_ground=False),
    "desert": Setting((120, 190, 232), (252, 226, 178), _desert),
    "studio": Setting((226, 226, 226), (206, 206, 206), _studio),
}
