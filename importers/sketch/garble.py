"""Spoils a finished picture beyond recognition, in three ways.

Each way first tears the picture into shuffled tiles, because a warp alone can leave a shape that
people still name.
"""

from __future__ import annotations

import random

import numpy as np
from PIL import Image

from importers.sketch.styles import noise, warp


def garble(picture: Image.Image, rng: random.Random) -> Image.Image:
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
