"""From a `Spec` to a picture: where things stand, in which order they are painted.

Owns the composition, and all that can go wrong in it on purpose (`Mishap`): objects that are
missing, cut off or too many, a card with a word, a picture garbled until nothing can be recognised.
Which mishap belongs to which kind of failure is `failures.py`.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from importers.sketch.objects import PAINTERS
from importers.sketch.pen import CREAM, INK, Pen, Placement, tint
from importers.sketch.scenery import SETTINGS, paint_setting
from importers.sketch.spec import Spec, rng_for
from importers.sketch.styles import STYLES, noise, warp

_SUPERSAMPLING = 2
_AIRBORNE = ("flying", "floating", "jumping")


@dataclass(frozen=True)
class Companion:
    """A second object in the picture."""

    object: str
    color: str


@dataclass(frozen=True)
class Mishap:
    """What goes wrong in a picture; the default is nothing.

    Attributes:
        missing: Whether the object is left out.
        companion: Second object that stands beside it.
        cut_off: Whether half of the object lies outside the frame.
        word: Word on a card that is laid over the picture.
        garbled: Whether the finished picture is shuffled and smeared.
    """

    missing: bool = False
    companion: Companion | None = None
    cut_off: bool = False
    word: str | None = None
    garbled: bool = False


def render(spec: Spec, seed: int, pixels: int, mishap: Mishap = Mishap()) -> Image.Image:
    """Draw ``spec``.

    Args:
        spec: What to draw.
        seed: Chooses everything the spec leaves open; same seed, same bytes, in any process.
        pixels: Width and height of the picture; at least 32.
        mishap: What goes wrong.

    Returns:
        An RGB image of ``pixels`` × ``pixels``.
    """
    style, rng = STYLES[spec.style], rng_for("layout", seed)
    finishing = rng_for("finish", seed)
    large = pixels * _SUPERSAMPLING
    background = paint_setting(
        spec.setting, large, style.setting_stroke, rng_for("setting", seed)
    ).reduce(_SUPERSAMPLING)
    layer = Image.new("RGBA", (large, large), (0, 0, 0, 0))
    for name, color, placement in _cast(spec, mishap, rng):
        _cast_shadow(background, placement, spec)
        pen = Pen(layer, placement, style.object_stroke, rng_for("hand", seed, name))
        PAINTERS[name](pen, tint(color, rng_for("tint", seed)), rng_for("object", seed))
    picture = style.finish(background, layer.reduce(_SUPERSAMPLING), finishing)
    if mishap.word is not None:
        _lay_card(picture, mishap.word, rng)
    return _garbled(picture, rng_for("garble", seed)) if mishap.garbled else picture


def _cast(spec: Spec, mishap: Mishap, rng: random.Random) -> list[tuple[str, str, Placement]]:
    """The objects to draw with their colours and places, the farthest first."""
    placement = _placement(spec, rng)
    side = rng.choice((-1, 1))
    if mishap.missing:
        return []
    if mishap.cut_off:
        placement = _cut_off(placement, side)
    if mishap.companion is None:
        return [(spec.object, spec.color, placement)]
    left, right = _beside(placement, side)
    other = mishap.companion
    return [(other.object, other.color, right), (spec.object, spec.color, left)]


def _placement(spec: Spec, rng: random.Random) -> Placement:
    """A place for the object: near the middle, above the ground where its action says so."""
    scale = rng.uniform(0.29, 0.375) * {"tiny": 0.72, "big": 1.22}.get(spec.size or "", 1.0)
    x, y, angle = rng.uniform(0.4, 0.6), rng.uniform(0.54, 0.62), rng.uniform(-0.13, 0.13)
    leap = rng.choice((-0.25, 0.25))
    if spec.action in ("flying", "floating"):
        y -= 0.1
    if spec.action == "jumping":
        y, angle = y - 0.07, angle + leap
    return Placement(
        x=min(max(x, scale), 1 - scale),
        y=min(max(y, scale * 1.05), 0.96 - scale),
        scale=scale,
        angle=angle,
        mirrored=rng.random() < 0.5,
    )


def _cut_off(place: Placement, side: int) -> Placement:
    """The same, moved until its middle lies on the left or right edge."""
    return Placement(0.5 + side * 0.5, place.y, max(place.scale, 0.3), place.angle, place.mirrored)


def _beside(place: Placement, side: int) -> tuple[Placement, Placement]:
    """Two places side by side, both a little smaller, at the same height."""
    scale = min(place.scale * 0.78, 0.25)
    return (
        Placement(0.5 - side * 0.23, place.y, scale, place.angle, place.mirrored),
        Placement(0.5 + side * 0.23, place.y, scale, -place.angle, not place.mirrored),
    )


def _cast_shadow(background: Image.Image, place: Placement, spec: Spec) -> None:
    if spec.action in _AIRBORNE:
        y, across, high, depth = min(0.95, place.y + place.scale * 1.3), 0.55, 0.09, 60
    elif SETTINGS[spec.setting].has_ground:
        y, across, high, depth = place.y + place.scale * 0.93, 0.85, 0.13, 100
    else:
        return
    half_width, half_height = place.scale * across, place.scale * high
    size, small = background.size, background.width // 4
    mask = Image.new("L", (small, small), 0)
    box = (place.x - half_width, y - half_height, place.x + half_width, y + half_height)
    ImageDraw.Draw(mask).ellipse([edge * small for edge in box], fill=depth)
    soft = mask.filter(ImageFilter.GaussianBlur(small * 0.012))
    background.paste((20, 16, 40), (0, 0, *size), soft.resize(size, Image.Resampling.BILINEAR))


def _lay_card(picture: Image.Image, word: str, rng: random.Random) -> None:
    """Write ``word`` on a card at the upper or lower edge, with Pillow's own font."""
    from PIL import ImageFont

    size, text = picture.width, word.upper()
    font = ImageFont.load_default(size=size * (0.17 if len(word) < 6 else 0.125))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    x, y = (size - (right - left)) / 2, rng.choice((0.06, 0.82)) * size
    margin = size * 0.025
    card = (x - margin, y - margin, x + right - left + margin, y + bottom - top + margin)
    draw.rounded_rectangle(
        card, margin, fill=CREAM, outline=INK, width=max(1, math.ceil(size / 90))
    )
    draw.text((x - left, y - top), text, font=font, fill=INK)


def _garbled(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture as tiles, melted or stirred; its size stays."""
    shuffled = _tiles(picture, rng.choice((7, 8)), rng)
    return rng.choice((_torn, _melted, _stirred))(shuffled, rng)


def _tiles(picture: Image.Image, count: int, rng: random.Random) -> Image.Image:
    """``count`` × ``count`` tiles in another order, each turned by a quarter or more."""
    size = picture.width
    edges = [round(i * size / count) for i in range(count + 1)]
    boxes = [
        (edges[i], edges[j], edges[i + 1], edges[j + 1]) for i in range(count) for j in range(count)
    ]
    sources = boxes[:]
    rng.shuffle(sources)
    turns = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)
    result = picture.copy()
    for source, (left, top, right, bottom) in zip(sources, boxes, strict=True):
        tile = picture.crop(source).transpose(rng.choice(turns))
        result.paste(tile.resize((right - left, bottom - top)), (left, top))
    return result


def _torn(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Strips slipped sideways, and the colours slipped apart."""
    pixels, size = np.asarray(picture).copy(), picture.width
    strip = max(2, size // 24)
    for top in range(0, size, strip):
        shift = round(rng.uniform(-0.2, 0.2) * size)
        pixels[top : top + strip] = np.roll(pixels[top : top + strip], shift, axis=1)
    pixels[..., 0] = np.roll(pixels[..., 0], round(0.05 * size), axis=1)
    pixels[..., 2] = np.roll(pixels[..., 2], round(-0.04 * size), axis=0)
    return Image.fromarray(pixels)


def _melted(picture: Image.Image, rng: random.Random) -> Image.Image:
    return warp(warp(picture, 0.45, 10, rng), 0.35, 6, rng)


def _stirred(picture: Image.Image, rng: random.Random) -> Image.Image:
    """A whirlpool about the middle, its arms frayed by noise."""
    size = picture.width
    rows, columns = (np.mgrid[0:size, 0:size] - size / 2) / (size / 2)
    radius = np.hypot(rows, columns)
    turn = 6.5 * np.exp(-radius * 1.6) * rng.choice((-1, 1)) + noise(size, 12, rng) * 1.5
    angle = np.arctan2(rows, columns) + turn
    from_rows = np.clip((radius * np.sin(angle) + 1) * size / 2, 0, size - 1).astype(np.intp)
    from_columns = np.clip((radius * np.cos(angle) + 1) * size / 2, 0, size - 1).astype(np.intp)
    return Image.fromarray(np.asarray(picture)[from_rows, from_columns])
