"""The styles: how background and object become one picture.

Owns everything that happens to pixels after the pen: light, paper, paint, hatching, big pixels.
A finish gets the background (RGB) and the object's layer (RGBA), both of the same square size, and
returns the picture (RGB) of that size.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from importers.sketch.pen import INK, PENCIL, Stroke

Floats = NDArray[np.floating[Any]]
Finish = Callable[[Image.Image, Image.Image, random.Random], Image.Image]

PAPER: Floats = np.array([250, 248, 242], np.float32)
_WHITE_PAPER: Floats = np.array([250, 247, 240], np.float32)


@dataclass(frozen=True)
class Style:
    """How objects and settings are outlined, and how the picture is finished."""

    object_stroke: Stroke
    setting_stroke: Stroke
    finish: Finish


def noise(size: int, cells: int, rng: random.Random) -> Floats:
    """Smooth noise in -0.5..0.5 of shape (size, size) with about ``cells`` bumps a side."""
    seed = rng.randrange(2**32)
    grain = np.random.RandomState(seed).randint(0, 256, (cells, cells)).astype(np.uint8)
    smooth = Image.fromarray(grain).resize((size, size), Image.Resampling.BICUBIC)
    return np.asarray(smooth, np.float32) / 255 - 0.5


def warp(image: Image.Image, reach: float, cells: int, rng: random.Random) -> Image.Image:
    """Displace the pixels smoothly by up to half of ``reach`` picture widths."""
    size = image.width
    dx, dy = (noise(size, cells, rng) * reach * size for _ in range(2))
    rows, columns = np.mgrid[0:size, 0:size]
    pixels = np.asarray(image)
    from_rows = np.clip(rows + dy, 0, size - 1).astype(np.intp)
    from_columns = np.clip(columns + dx, 0, size - 1).astype(np.intp)
    return Image.fromarray(pixels[from_rows, from_columns])


def _cartoon(background: Image.Image, layer: Image.Image, _: random.Random) -> Image.Image:
    background.paste(layer, (0, 0), layer)
    return background


def _photo(background: Image.Image, layer: Image.Image, rng: random.Random) -> Image.Image:
    """A blurred background, a rounded body lit from the upper left, vignette and grain."""
    size = background.width
    background = background.filter(ImageFilter.GaussianBlur(size * 0.009))
    light = _relief(layer.getchannel("A"), size)[..., None]
    body = np.asarray(layer.convert("RGB"), np.float32)
    body = np.where(light > 0, body + (255 - body) * light * 0.9, body * (1 + light))
    background.paste(_image(body), (0, 0), layer.getchannel("A"))
    across = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    vignette = 1.06 * (1 - 0.2 * (across[None] + across[:, None]) / 1.2)
    picture = np.asarray(background, np.float32) * vignette[..., None]
    return _image(picture + noise(size, 128, rng)[..., None] * 24)


def _relief(alpha: Image.Image, size: int) -> Floats:
    """How much a body of this outline is lit (up to 0.45) or shaded (down to -0.5)."""
    half = size // 2
    soft = alpha.resize((half, half)).filter(ImageFilter.GaussianBlur(half * 0.045))
    down, right = np.gradient(np.asarray(soft, np.float32) / 255)
    light = np.clip((right + down * 1.4) * half * 0.055, -0.5, 0.45)
    image = _image((light + 0.5) * 255).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float32) / 255 - 0.5


def _watercolour(background: Image.Image, layer: Image.Image, rng: random.Random) -> Image.Image:
    """Washed paint with dark rims, uneven pigment, paper grain and a ragged white border."""
    size = background.width
    wash: Floats = np.asarray(background.filter(ImageFilter.GaussianBlur(size * 0.012)), np.float32)
    wash = wash + (252 - wash) * 0.24
    layer = warp(layer, 0.028, 10, rng)
    mask = layer.getchannel("A")
    alpha = _unit(mask)
    rim = np.clip(alpha - _unit(mask.filter(ImageFilter.GaussianBlur(size * 0.014))), 0, 1)
    pigment = 1 + noise(size, 9, rng) * 0.55 + noise(size, 40, rng) * 0.16
    paint: Floats = np.asarray(layer.convert("RGB"), np.float32)
    paint = 255 - (255 - paint) * np.clip(0.98 * pigment, 0.5, 1.22)[..., None]
    paint *= 1 - 0.6 * rim
    picture = wash * (1 - alpha * 0.93) + paint * alpha * 0.93
    picture = 255 - (255 - picture) * (1 + noise(size, 7, rng)[..., None] * 0.28)
    picture += noise(size, 110, rng)[..., None] * 14
    border = _border(size, rng)
    return _image(picture * (1 - border) + _WHITE_PAPER * border)


def _border(size: int, rng: random.Random) -> Floats:
    across = np.abs(np.linspace(-1, 1, size, dtype=np.float32))
    edge = np.maximum(across[None], across[:, None]) + noise(size, 14, rng) * 0.12
    border: Floats = np.clip((edge - 0.9) / 0.05, 0, 1)[..., None]
    return border


def _pixel_art(background: Image.Image, layer: Image.Image, rng: random.Random) -> Image.Image:
    """Few big pixels and few colours; the object is a sprite with a rim of one dark pixel."""
    size, cells = background.width, rng.choice((40, 44, 48))
    small = background.resize((cells, cells), Image.Resampling.BOX)
    sprite = layer.resize((cells, cells), Image.Resampling.BOX)
    solid = sprite.getchannel("A").point([255 if alpha > 115 else 0 for alpha in range(256)])
    rim = solid
    for dx, dy in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        rim = ImageChops.lighter(rim, _shifted(solid, dx, dy))
    small.paste(INK, (0, 0), rim)
    small.paste(sprite.convert("RGB"), (0, 0), solid)
    few = small.quantize(32, dither=Image.Dither.NONE).convert("RGB")
    return few.resize((size, size), Image.Resampling.NEAREST)


def _shifted(mask: Image.Image, dx: int, dy: int) -> Image.Image:
    moved = Image.new("L", mask.size, 0)
    moved.paste(mask, (dx, dy))
    return moved


def _pencil_sketch(background: Image.Image, layer: Image.Image, rng: random.Random) -> Image.Image:
    """Coloured pencil: hatching over a pale background on paper."""
    size = background.width
    dark = sum(background.resize((1, 1), Image.Resampling.BOX).tobytes()) < 300
    ground = np.asarray(background, np.float32)
    ground = ground + (PAPER - ground) * (0.3 if dark else 0.55)
    across = np.arange(size, dtype=np.float32)[None] / size
    down = across.T
    hatch = _hatch((across + down * 0.8 + noise(size, 12, rng) * 0.02) * 46)
    cross = _hatch((across - down * 0.9 + noise(size, 12, rng) * 0.02) * 40)
    ground = ground * (1 - 0.06 * (cross > 0.4))[..., None]
    paint = np.asarray(layer.convert("RGB"), np.float32)
    inked = np.clip((95 - paint.mean(-1)) / 40, 0, 1)
    cover = 0.62 + 0.28 * hatch + 0.08 * cross + noise(size, 100, rng) * 0.25
    cover = (np.clip(cover, 0.2, 1) * (1 - inked) + inked * 0.92)[..., None]
    alpha = _unit(layer.getchannel("A"))
    picture = ground * (1 - alpha) + (PAPER * (1 - cover) + paint * cover) * alpha
    return _image(picture + noise(size, 120, rng)[..., None] * 12)


def _hatch(cycles: Floats) -> Floats:
    waves: Floats = np.sin(cycles * np.float32(2 * math.pi))
    return waves


def _unit(channel: Image.Image) -> Floats:
    """A mask as numbers 0..1 of shape (size, size, 1)."""
    return (np.asarray(channel, np.float32) / 255)[..., None]


def _image(pixels: Floats) -> Image.Image:
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


STYLES: dict[str, Style] = {
    "photo": Style(Stroke(), Stroke(), _photo),
    "cartoon": Style(Stroke(width=0.05), Stroke(width=0.004), _cartoon),
    "watercolour": Style(Stroke(), Stroke(), _watercolour),
    "pixel art": Style(Stroke(width=0.03), Stroke(), _pixel_art),
    "pencil sketch": Style(
        Stroke(width=0.03, ink=PENCIL, wobble=0.004),
        Stroke(width=0.003, ink=PENCIL),
        _pencil_sketch,
    ),
}
