"""The pen: draws shapes given in an object's own coordinates onto a layer of any size.

Owns the mapping from object coordinates (about -1..1, y downwards) to pixels and the way outlines
look in a style. Knows nothing of objects, settings or what happens to the layer afterwards.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw

from importers.sketch.colors import INK, RGB, ROSE, WHITE
from importers.sketch.geometry import Point, closed_curve, ellipse, open_curve, rounded_box


@dataclass(frozen=True)
class Stroke:
    """How a style draws outlines.

    Attributes:
        width: In object coordinates; 0 draws no outlines.
        ink: Their colour.
        wobble: How far a hand-drawn line strays, in picture widths; 0 is a ruler.
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
