"""Colours as RGB triples of 0..255, their names in the sketch world, and their shades."""

from __future__ import annotations

import colorsys
import random
from dataclasses import dataclass

RGB = tuple[int, int, int]

PALETTE: dict[str, RGB] = {
    "red": (222, 48, 46),
    "orange": (246, 140, 30),
    "yellow": (252, 212, 50),
    "green": (72, 172, 74),
    "blue": (48, 116, 222),
    "purple": (142, 74, 190),
    "pink": (250, 136, 182),
    "brown": (142, 92, 56),
}
WHITE: RGB = (252, 252, 250)
CREAM: RGB = (252, 240, 214)
INK: RGB = (42, 36, 48)
PENCIL: RGB = (58, 56, 64)
GLASS: RGB = (178, 224, 246)
WOOD: RGB = (126, 86, 54)
ROSE: RGB = (250, 150, 150)
LAMP: RGB = (255, 240, 160)

_SHADOW: RGB = (24, 16, 40)
_LIGHT: RGB = (255, 255, 255)


def mix(a: RGB, b: RGB, share: float) -> RGB:
    """``a`` with a ``share`` (0..1) of ``b``."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def darker(color: RGB, share: float = 0.3) -> RGB:
    """Towards a warm shadow."""
    return mix(color, _SHADOW, share)


def lighter(color: RGB, share: float = 0.45) -> RGB:
    """Towards white."""
    return mix(color, _LIGHT, share)


@dataclass(frozen=True)
class Tint:
    """The colour of one object: its name, for what must differ from it, and its exact RGB."""

    name: str
    rgb: RGB

    def darker(self, share: float = 0.3) -> RGB:
        return darker(self.rgb, share)

    def lighter(self, share: float = 0.45) -> RGB:
        return lighter(self.rgb, share)

    def unless(self, name: str, color: RGB, instead: RGB) -> RGB:
        """``color``, or ``instead`` on an object whose colour is ``name``."""
        return instead if self.name == name else color


def tint(name: str, rng: random.Random) -> Tint:
    """The named colour, a little different each time."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in PALETTE[name]))
    varied = colorsys.hsv_to_rgb(
        (hue + rng.uniform(-0.014, 0.014)) % 1,
        min(1.0, saturation * rng.uniform(0.9, 1.08)),
        min(1.0, value * rng.uniform(0.92, 1.06)),
    )
    red, green, blue = (int(part * 255) for part in varied)
    return Tint(name, (red, green, blue))
