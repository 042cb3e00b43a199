"""The mask of a request, turned into what others than OpenAI take."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image


def white_is_painted(mask: bytes) -> Image:
    """A mask whose alpha 0 is painted anew → a grey image of its size, 255 there and 0 elsewhere.

    That is what diffusers' inpainting pipelines take, and vLLM-Omni as `mask_image`.
    """
    from PIL import Image

    with Image.open(io.BytesIO(mask)) as image:
        alpha = image.convert("RGBA").getchannel("A")
    return alpha.point(lambda value: 255 if value == 0 else 0)


def white_is_painted_png(mask: bytes) -> bytes:
    """The same as a PNG."""
    buffer = io.BytesIO()
    white_is_painted(mask).save(buffer, "PNG")
    return buffer.getvalue()
