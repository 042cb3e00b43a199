"""Bytes of an image file → upright RGB pixels, within bounds.

Owns which formats are read, what transparent pixels become, and how grey levels of more than eight
bits become eight. `ls_backend.images.headers` bounds what a file costs beside its pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ls_backend.errors import ImageError
from ls_backend.images.headers import BoundedFile, check_costs, check_parts, too_many_pixels

if TYPE_CHECKING:
    from PIL.Image import Image, Transpose

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, each a share in [0, 1] of the upright image."""

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
"""Read everywhere; AVIF where Pillow has it, HEIF (HEIC) with the extra `heif`."""
MAX_PIXELS = 50_000_000
DECODE_SECONDS = 10.0
ORIENTATION = 0x0112
STRIP_PIXELS = 1_000_000
"""Pixels that are laid on white at a time."""

_LEVELS = 65_536
_TRANSPARENCY = "transparency"
_BITS, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0
_PNG_BITS = 24
"""Where a PNG file says how many bits a channel has."""
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def decode_image(
    data: bytes,
    max_pixels: int = MAX_PIXELS,
    seconds: float = DECODE_SECONDS,
    before_pixels: Callable[[int], object] | None = None,
) -> Image:
    """Bytes of an image file → RGB pixels: upright, first frame, transparency on white.

    The size is read from the header and checked before anything is decoded.

    Args:
        seconds: Of processor time, for the header, and again for the pixels.
        before_pixels: Called with the number of pixels before they take memory; may wait.

    Raises:
        ImageError: No image, a format that is not read, too many pixels or other parts, too slow
            to decode, or a damaged file.
    """
    import PIL.Image

    if not data:
        raise _undecodable("The image file is empty.", "empty")
    if data[:512].lstrip()[:1] == b"<":
        raise _undecodable("The image is a page of HTML or XML, perhaps a login page.", "html")
    _allow(max_pixels)
    too_many = (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning)
    try:
        check_parts(data)
        rgb, turn = _decoded(data, max_pixels, seconds, before_pixels)
        return rgb if turn is None else rgb.transpose(turn)
    except too_many as error:
        raise too_many_pixels(max_pixels) from error
    except ImageError:
        raise
    except PIL.UnidentifiedImageError as error:
        raise _unknown(data) from error
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


@cache
def _formats() -> tuple[str, ...]:
    """What is read here, with this Pillow."""
    found = list(FORMATS)
    if find_spec("PIL._avif") is not None:
        found.append("AVIF")
    if find_spec("pillow_heif") is not None:
        import pillow_heif

        pillow_heif.register_heif_opener()
        found.append("HEIF")
    return tuple(found)


def _decoded(
    data: bytes, max_pixels: int, seconds: float, before_pixels: Callable[[int], object] | None
) -> tuple[Image, Transpose | None]:
    """The pixels as they are stored, and how to turn them upright."""
    import PIL.Image

    file = BoundedFile(data, seconds)
    with PIL.Image.open(file, formats=_formats()) as image:
        pixels = image.width * image.height
        if pixels > max_pixels:
            raise PIL.Image.DecompressionBombError
        check_costs(image, data, max_pixels)
        if before_pixels is not None:
            before_pixels(pixels)
        file.begin_pixels()
        image.load()
        # Pillow's exif_transpose writes all of EXIF anew, which a small bomb in it makes endless.
        turn = _turns().get(image.getexif().get(ORIENTATION, 1))
        return _rgb(image, data), turn


def _turns() -> Mapping[int, Transpose]:
    """What undoes each orientation of EXIF."""
    from PIL.Image import Transpose

    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }


def _rgb(image: Image, data: bytes) -> Image:
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _grey_of(image, getattr(image, "tag_v2", {})).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    if image.format == "PNG":
        _clear_as_decoded(image, data)
    return _on_white(image)


def _on_white(image: Image) -> Image:
    """Strip by strip: a copy of the whole in each mode between would be half a gigabyte."""
    import PIL.Image

    rgb = PIL.Image.new("RGB", image.size)
    rows = max(1, STRIP_PIXELS // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        layered = image.crop(box).convert("RGBA")
        white = PIL.Image.new("RGBA", layered.size, "white")
        rgb.paste(PIL.Image.alpha_composite(white, layered).convert("RGB"), box)
    return rgb


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


def _unknown(data: bytes) -> ImageError:
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS and "HEIF" not in _formats():
        return ImageError(
            "The image is HEIC, as phones take them, and what reads it is not installed.",
            hint="pip install 'label-studio-clip[heif]', or save the image as JPEG.",
            code="heif_package",
        )
    return _undecodable("The file is no image that can be read.", "not_an_image")


def _undecodable(message: str, code: str) -> ImageError:
    return ImageError(
        message, hint=f"Readable are {', '.join(_formats())}: replace the file.", code=code
    )
