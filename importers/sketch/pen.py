"""What every drawing is made of: colours, outlines, and the pen that puts them on a layer.

Owns the palette, the geometry of outlines in an object's own coordinates (about -1..1, y
downwards), their mapping to the pixels of a layer of any size, and the way outlines look in a
style. Knows nothing of objects, settings or what happens to the layer afterwards.
"""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

Point = tuple[float, float]
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


def lighter(color: RGB, share: float = 0.45) -> RGB:
    """Towards white."""
    return mix(color, _LIGHT, share)


@dataclass(frozen=True)
class Tint:
    """The colour of one object: its name, for what must differ from it, and its exact RGB."""

    name: str
    rgb: RGB

    def darker(self, share: float = 0.3) -> RGB:
        """Towards a warm shadow."""
        return mix(self.rgb, _SHADOW, share)

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


@dataclass(frozen=True)
class Stroke:
    """How a style draws outlines.

    Attributes:
        width: Width of an outline in object coordinates; 0 draws none.
        ink: Colour of an outline.
        wobble: Distance in picture widths by which a hand-drawn line strays; 0 is a ruler.
    """

    width: float = 0.0
    ink: RGB = INK
    wobble: float = 0.0


@dataclass(frozen=True)
class Placement:
    """Where object coordinates lie in the picture, in picture widths and radians."""

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0
    angle: float = 0.0
    mirrored: bool = False


class Pen:
    """Draws filled and outlined shapes on an RGB or RGBA image."""

    def __init__(
        self, image: Image.Image, placement: Placement, stroke: Stroke, rng: random.Random
    ) -> None:
        self.stroke = stroke
        self._draw = ImageDraw.Draw(image)
        self._size = image.width
        self._placement = placement
        self._unit = placement.scale * image.width
        self._cos, self._sin = math.cos(placement.angle), math.sin(placement.angle)
        self._rng = rng

    def polygon(self, points: Sequence[Point], fill: RGB, *, outline: bool = True) -> None:
        pixels = self._to_pixels(points)
        self._draw.polygon(pixels, fill=(*fill, 255))
        if outline and self.stroke.width:
            closed = [*pixels, *pixels[:2]]
            self._trace(closed, self.stroke.ink, self.stroke.width, self.stroke.wobble)

    def blob(self, points: Sequence[Point], fill: RGB, *, outline: bool = True) -> None:
        """A smooth closed shape through ``points``."""
        self.polygon(closed_curve(points), fill, outline=outline)

    def ellipse(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        fill: RGB,
        *,
        angle: float = 0.0,
        outline: bool = True,
    ) -> None:
        self.polygon(ellipse(x, y, rx, ry, angle), fill, outline=outline)

    def disc(self, x: float, y: float, radius: float, fill: RGB, *, outline: bool = True) -> None:
        self.ellipse(x, y, radius, radius, fill, outline=outline)

    def box(
        self,
        x0: float,
        y0: float,
        x1: float,
        y1: float,
        fill: RGB,
        *,
        radius: float = 0.0,
        outline: bool = True,
    ) -> None:
        self.polygon(rounded_box(x0, y0, x1, y1, radius), fill, outline=outline)

    def line(self, points: Sequence[Point], color: RGB, width: float) -> None:
        """A line with round ends; one that is thick enough gets an outline of its own."""
        pixels, border = self._to_pixels(points), self.stroke.width
        bordered = bool(border) and width > 1.3 * border
        if bordered:
            self._trace(pixels, self.stroke.ink, width + 2 * border, self.stroke.wobble)
            self._round_ends(pixels, self.stroke.ink, width + 2 * border)
        self._trace(pixels, color, width, 0.0 if bordered else self.stroke.wobble)
        self._round_ends(pixels, color, width)

    def curve(self, points: Sequence[Point], color: RGB, width: float) -> None:
        """A smooth line through ``points``."""
        self.line(open_curve(points), color, width)

    def eye(self, x: float, y: float, radius: float = 0.09) -> None:
        self.ellipse(x, y, radius, radius * 1.15, INK, outline=False)
        self.disc(x - radius * 0.3, y - radius * 0.4, radius * 0.4, WHITE, outline=False)

    def smile(self, x: float, y: float, half: float = 0.12, width: float = 0.035) -> None:
        low, lowest = y + half * 0.55, y + half * 0.7
        corners = [(x - half, y), (x - half / 2, low), (x, lowest), (x + half / 2, low)]
        self.curve([*corners, (x + half, y)], INK, width)

    def blush(self, x: float, y: float, radius: float = 0.08) -> None:
        self.ellipse(x, y, radius, radius * 0.65, ROSE, outline=False)

    def _to_pixels(self, points: Sequence[Point]) -> list[Point]:
        side = -1 if self._placement.mirrored else 1
        left, top = self._placement.x * self._size, self._placement.y * self._size
        cos, sin = self._cos * self._unit, self._sin * self._unit
        return [
            (left + side * x * cos - y * sin, top + side * x * sin + y * cos) for x, y in points
        ]

    def _trace(self, pixels: Sequence[Point], color: RGB, width: float, wobble: float) -> None:
        thickness = max(1, round(width * self._unit))
        paths = [self._strayed(pixels, wobble) for _ in range(2)] if wobble else [pixels]
        for path in paths:
            self._draw.line(path, fill=(*color, 255), width=thickness, joint="curve")

    def _strayed(self, pixels: Sequence[Point], wobble: float) -> list[Point]:
        """The line as a hand would draw it: a little beside and swaying."""
        far, rng = wobble * self._size, self._rng
        dx, dy = rng.gauss(0, far), rng.gauss(0, far)
        phase, pace = rng.random() * 6, rng.uniform(0.2, 0.5)
        return [
            (
                x + dx + far * math.sin(i * pace + phase),
                y + dy + far * math.cos(i * pace + phase),
            )
            for i, (x, y) in enumerate(pixels)
        ]

    def _round_ends(self, pixels: Sequence[Point], color: RGB, width: float) -> None:
        radius = width * self._unit / 2
        for x, y in (pixels[0], pixels[-1]):
            box = (x - radius, y - radius, x + radius, y + radius)
            self._draw.ellipse(box, fill=(*color, 255))
