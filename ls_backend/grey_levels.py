"""Grey levels of other than eight bits → eight, as they look.

Pillow only clips such numbers. Owns what stands for white in each kind of pixel, and which declared
colour is transparent then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ls_backend.errors import ImageError

if TYPE_CHECKING:
    from PIL.Image import Image

LEVELS = 65_536
TRANSPARENCY = "transparency"
_BITS, _PHOTOMETRIC = 258, 262
_WHITE_IS_ZERO = 0
_PNG_BITS = 24
"""Where a PNG file says how many bits a channel has."""


def grey_of(image: Image, tags: Mapping[int, Any]) -> Image:
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
    table = [min(level * 255 // white, 255) for level in range(LEVELS)]
    if inverted:
        table = [255 - grey for grey in table]
    clear = image.info.get(TRANSPARENCY)
    if clear is not None:
        table[clear] = 255
    return image.convert("I").point(table, "L")


def clear_as_decoded(image: Image, data: bytes) -> None:
    """Say which colour of a PNG is transparent in the eight bits that Pillow decodes it to.

    The file says it in its own bits: fewer for some grey images, sixteen for some in colour. Of
    those Pillow keeps the upper half, so colours that differ below it become transparent together.
    """
    clear, bits = image.info.get(TRANSPARENCY), data[_PNG_BITS]
    if image.mode == "L" and isinstance(clear, int):
        image.info[TRANSPARENCY] = clear * 255 // (2**bits - 1)
    elif image.mode == "RGB" and bits == 16 and isinstance(clear, tuple):
        image.info[TRANSPARENCY] = tuple(value >> 8 for value in clear)


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
