"""Bytes of an image file → upright RGB pixels, within a bound.

Owns which formats are read, what transparent pixels become, and how grey levels of more than eight
bits become eight.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ls_backend.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, each a share in [0, 1] of the upright image."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 50_000_000
ORIENTATION = 0x0112

_LEVELS = 65_536
_TRANSPARENCY = "transparency"
_BITS, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0
_PNG_BITS = 24
"""Where a PNG file says how many bits a channel has."""


def decode_image(data: bytes, max_pixels: int = MAX_PIXELS) -> Image:
    """Bytes of an image file → RGB pixels: upright, first frame, transparency on white.

    The size is read from the header and checked before anything is decoded.

    Raises:
        ImageError: No image, a format that is not read, too many pixels, or a damaged file.
    """
    import PIL.Image

    if not data:
        raise _undecodable("The image file is empty.", "empty")
    if data[:512].lstrip()[:1] == b"<":
        raise _undecodable("The image is a page of HTML or XML, perhaps a login page.", "html")
    _allow(max_pixels)
    too_many = (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning)
    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise PIL.Image.DecompressionBombError
            return _upright_rgb(image, data)
    except too_many as error:
        raise ImageError(
            f"The image has more than {max_pixels} pixels.",
            hint="Use a smaller image, or raise CLIP_IMAGE_MAX_PIXELS.",
            code="too_many_pixels",
        ) from error
    except ImageError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise _undecodable("The file is no image that can be read.", "not_an_image") from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        reason = str(error).rstrip(".") or type(error).__name__
        raise _undecodable(f"The image is damaged: {reason}.", "damaged") from error


def cropped(image: Image, box: Box) -> Image:
    """The part of an image within a box, at least one pixel wide and high."""
    left, top = int(box[0] * image.width), int(box[1] * image.height)
    right = max(left + 1, math.ceil(box[2] * image.width))
    bottom = max(top + 1, math.ceil(box[3] * image.height))
    return image.crop((left, top, min(right, image.width), min(bottom, image.height)))


def _allow(pixels: int) -> None:
    """Lift Pillow's own limit to ours, where that is above it."""
    import PIL.Image

    if PIL.Image.MAX_IMAGE_PIXELS is not None:
        PIL.Image.MAX_IMAGE_PIXELS = max(PIL.Image.MAX_IMAGE_PIXELS, pixels)


def _upright_rgb(image: Image, data: bytes) -> Image:
    import PIL.Image
    import PIL.ImageOps

    image.load()
    turned = image.getexif().get(ORIENTATION, 1) != 1
    upright = PIL.ImageOps.exif_transpose(image) if turned else image
    if upright.mode in ("I", "F") or upright.mode.startswith("I;16"):
        return _grey_of(upright, getattr(image, "tag_v2", {})).convert("RGB")
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    if image.format == "PNG":
        _clear_as_decoded(upright, data)
    layered = upright.convert("RGBA")
    white = PIL.Image.new("RGBA", layered.size, "white")
    return PIL.Image.alpha_composite(white, layered).convert("RGB")


def _grey_of(image: Image, tags: Mapping[int, Any]) -> Image:
    """Pixels of more than eight bits as eight; a level that is declared transparent as white.

    Args:
        tags: Of a TIFF file; other files have none.

    Raises:
        ImageError: Nothing says which number is white.
    """
    inverted = tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.mode == "F":
        return _shares(image, inverted)
    if image.mode == "I":
        raise _no_white("whole numbers of 32 bits, or with signs")
    white = 2 ** tags.get(_BITS, (16,))[0] - 1
    table = [min(level * 255 // white, 255) for level in range(_LEVELS)]
    if inverted:
        table = [255 - grey for grey in table]
    clear = image.info.get(_TRANSPARENCY)
    if clear is not None:
        table[clear] = 255
    return image.convert("I").point(table, "L")


def _clear_as_decoded(image: Image, data: bytes) -> None:
    """Say which colour of a PNG is transparent in the eight bits that Pillow decodes it to.

    The file says it in its own bits: fewer for some grey images, sixteen for some in colour. Of
    those Pillow keeps the upper half, so colours that differ below it become transparent together.
    """
    clear, bits = image.info.get(_TRANSPARENCY), data[_PNG_BITS]
    if image.mode == "L" and isinstance(clear, int):
        image.info[_TRANSPARENCY] = clear * 255 // (2**bits - 1)
    elif image.mode == "RGB" and bits == 16 and isinstance(clear, tuple):
        image.info[_TRANSPARENCY] = tuple(value >> 8 for value in clear)


def _shares(image: Image, inverted: bool) -> Image:
    low, high = image.getextrema()
    if inverted or not 0 <= low <= high <= 1:  # type: ignore[operator]
        raise _no_white(f"floating point numbers from {low:g} to {high:g}")
    return image.point(lambda share: share * 255 + 0.5).convert("L")


def _no_white(numbers: str) -> ImageError:
    return ImageError(
        f"The image's pixels are {numbers}, and nothing says which of them is white.",
        hint="Save it with 8 or 16 bits a channel, or as floating point numbers from 0 to 1.",
        code="brightness",
    )


def _undecodable(message: str, code: str) -> ImageError:
    return ImageError(
        message, hint=f"Readable are {', '.join(FORMATS)}: replace the file.", code=code
    )
