"""Masks for inpainting, all in one form inside: OpenAI's.

A mask is a PNG with alpha, as large as the upright image, and what has alpha 0 is painted anew.
Owns how masks are read from files and from regions that people drew in Label Studio. Between
reading and writing, an *area* is a grey image: 255 is painted anew, 0 is kept.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from importers.generators.base import as_png
from ls_backend.errors import ImageError
from ls_backend.images.pixels import MAX_PIXELS

if TYPE_CHECKING:
    from PIL.Image import Image

Size = tuple[int, int]
"""Width and height in pixels."""
Region = Mapping[str, Any]
"""An item of an annotation's `result`."""

KEPT_MIDDLE = 0.25
"""Without annotations, this share of each edge is background: the middle half is kept."""
_HALF = 128
_ELLIPSE_CORNERS = 72
_RLE_HEAD = 4  # bytes that say how many values follow


def mask_png(area: Image) -> bytes:
    """The mask of an area.

    Raises:
        ImageError: it would paint nothing anew.
    """
    from PIL import Image, ImageChops

    kept = area.point(lambda value: 0 if value >= _HALF else 255)
    if ImageChops.invert(kept).getbbox() is None:
        raise _no_mask("It paints nothing anew.")
    mask = Image.new("RGBA", area.size, (0, 0, 0, 255))
    mask.putalpha(kept)
    return as_png(mask, optimize=True)


def area_of_file(data: bytes, size: Size) -> Image:
    """The area that a mask file means.

    Where it has transparency, what is clear is painted anew; where it has none, what is white.

    Raises:
        ImageError: it is no image, or not as large as the image that it is for.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.size != size:
                raise _no_mask(
                    f"It has {image.width}x{image.height} pixels and its image {size[0]}x{size[1]}."
                )
            alpha = image.convert("RGBA").getchannel("A")
            white = image.convert("L")
    except UnidentifiedImageError:
        raise _no_mask("It is no image that can be read.") from None
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise _no_mask(f"It cannot be read: {error}.") from None
    clear = alpha.point(lambda value: 255 if value < _HALF else 0)
    return (
        clear
        if clear.getbbox() is not None
        else white.point(lambda value: 255 if value >= _HALF else 0)
    )


def area_of_regions(regions: Sequence[Region], size: Size) -> Image | None:
    """What rectangles, ellipses, polygons and brush strokes cover; None where there are none.

    Raises:
        ImageError: a region cannot be read.
    """
    from PIL import Image, ImageChops

    area = Image.new("L", size, 0)
    found = False
    for region in regions:
        drawn = _area_of_region(region, size)
        if drawn is not None:
            area, found = ImageChops.lighter(area, drawn), True
    return area if found else None


def background_area(regions: Sequence[Region], size: Size) -> Image:
    """Everything but the regions; without any, everything but the middle half.

    Raises:
        ImageError: a region cannot be read.
    """
    from PIL import Image, ImageChops

    kept = area_of_regions(regions, size)
    if kept is None:
        kept = Image.new("L", size, 0)
        width, height = size
        left, top = round(width * KEPT_MIDDLE), round(height * KEPT_MIDDLE)
        kept.paste(255, (left, top, width - left, height - top))
    return ImageChops.invert(kept)


def _area_of_region(region: Region, size: Size) -> Image | None:
    """The area of one region; None for what is no place in the image, such as a choice."""
    from PIL import Image, ImageDraw

    value = region.get("value")
    if not isinstance(value, Mapping) or region.get("image_rotation"):
        return None
    try:
        if value.get("format") == "rle":
            return _brush(region, value["rle"], size)
        outline = list(_outline(value, size))
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise _no_mask(f"A region that was drawn in it cannot be read: {error}") from None
    if not outline:
        return None
    area = Image.new("L", size, 0)
    ImageDraw.Draw(area).polygon(outline, fill=255)
    return area


def _outline(value: Mapping[str, Any], size: Size) -> Iterator[tuple[float, float]]:
    """Corners in pixels. Label Studio gives percents, and turns clockwise, in degrees, a rectangle
    around its upper left corner and an ellipse around its centre."""
    width, height = size[0] / 100, size[1] / 100
    angle = math.radians(value.get("rotation") or 0)
    sine, cosine = math.sin(angle), math.cos(angle)

    def turned(right: float, down: float) -> tuple[float, float]:
        x, y = value["x"] * width, value["y"] * height
        return x + right * cosine - down * sine, y + right * sine + down * cosine

    if "radiusX" in value:
        for corner in range(_ELLIPSE_CORNERS):
            at = 2 * math.pi * corner / _ELLIPSE_CORNERS
            yield turned(
                value["radiusX"] * width * math.cos(at), value["radiusY"] * height * math.sin(at)
            )
    elif "width" in value:
        w, h = value["width"] * width, value["height"] * height
        # The last pixel of a polygon is painted too.
        right, down = max(0.0, w - 1), max(0.0, h - 1)
        yield from (turned(x, y) for x, y in ((0, 0), (right, 0), (right, down), (0, down)))
    elif "points" in value:
        yield from ((x * width, y * height) for x, y in value["points"])


def _brush(region: Region, rle: Sequence[int], size: Size) -> Image:
    """What a brush painted: run lengths of RGBA values, row by row, whose alpha says where."""
    import numpy as np
    from label_studio_sdk.converter.brush import decode_rle
    from PIL import Image

    width, height = int(region["original_width"]), int(region["original_height"])
    values = int.from_bytes(bytes(rle[:_RLE_HEAD]), "big")
    if values != width * height * 4 or width * height > MAX_PIXELS:
        raise ValueError(f"{values} values of a brush are not {width}x{height} pixels")
    alpha = np.asarray(decode_rle(list(rle))).reshape(height, width, 4)[:, :, 3]
    painted = Image.fromarray(np.where(alpha > 0, 255, 0).astype(np.uint8))
    return painted.resize(size, Image.Resampling.NEAREST)


def _no_mask(why: str) -> ImageError:
    return ImageError(
        f"There is no mask: {why}",
        hint="A mask is as large as its image, and white or clear where that is painted anew.",
        code="no_mask",
    )
