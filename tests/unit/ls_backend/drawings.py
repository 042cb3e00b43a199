"""Drawings that the tiny CLIP knows."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache

from PIL import Image

from importers.sketch.draw import draw

Draw = Callable[[str], Image.Image]


@lru_cache(maxsize=64)
def drawing_of(label: str) -> Image.Image:
    """A picture of a red one in a park, RGB."""
    png = draw(f"a photo of a red {label} in a park", 1, pixels=128).png
    return Image.open(io.BytesIO(png)).convert("RGB")
