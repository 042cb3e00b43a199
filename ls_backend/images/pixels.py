"""Bytes of an image file → RGB pixels, within a bound."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

from ls_backend.errors import ImageError
from ls_backend.grey_levels import clear_as_decoded, grey_of
from ls_backend.labels.regions import Box

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MAX_PIXELS = 50_000_000
ORIENTATION = 0x0112


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
        return grey_of(upright, getattr(image, "tag_v2", {})).convert("RGB")
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    if image.format == "PNG":
        clear_as_decoded(upright, data)
    layered = upright.convert("RGBA")
    white = PIL.Image.new("RGBA", layered.size, "white")
    return PIL.Image.alpha_composite(white, layered).convert("RGB")


def _undecodable(message: str, code: str) -> ImageError:
    return ImageError(
        message, hint=f"Readable are {', '.join(FORMATS)}: replace the file.", code=code
    )
