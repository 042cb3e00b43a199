"""Every way to say what is painted anew ends in OpenAI's mask."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import mask2rle
from PIL import Image, ImageDraw

from importers.generation.masks import area_of_file, area_of_regions, background_area, mask_png
from importers.generators.base import as_png, white_is_painted
from ls_backend.errors import ImageError

SIZE = (40, 20)


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def painted(area: Image.Image | None) -> Any:
    assert area is not None
    return np.asarray(area) > 0


def region(kind: str, **value: Any) -> dict[str, Any]:
    return {"type": kind, "to_name": "image", "value": value}


def test_a_mask_is_a_png_whose_clear_pixels_are_painted_anew() -> None:
    area = Image.new("L", SIZE, 0)
    area.paste(255, (0, 0, 10, 20))
    mask = Image.open(io.BytesIO(mask_png(area)))
    assert (mask.format, mask.mode, mask.size) == ("PNG", "RGBA", SIZE)
    alpha = np.asarray(mask)[:, :, 3]
    assert (alpha[:, :10] == 0).all()
    assert (alpha[:, 10:] == 255).all()


def test_others_get_the_same_area_in_white() -> None:
    area = background_area([], SIZE)
    white = white_is_painted(mask_png(area))
    assert white.mode == "L"
    assert np.array_equal(np.asarray(white), np.asarray(area))
    png = Image.open(io.BytesIO(as_png(white)))
    assert np.array_equal(np.asarray(png), np.asarray(area))


def test_a_mask_that_paints_nothing_is_none() -> None:
    with pytest.raises(ImageError, match="nothing anew"):
        mask_png(Image.new("L", SIZE, 0))


@pytest.mark.parametrize("mode", ["L", "1", "RGB"])
def test_without_transparency_white_is_painted_anew(mode: str) -> None:
    file = Image.new("L", SIZE, 0)
    file.paste(255, (0, 0, 5, 20))
    assert painted(area_of_file(png(file.convert(mode)), SIZE)).sum() == 5 * 20


def test_with_transparency_clear_is_painted_anew_whatever_the_colours() -> None:
    file = Image.new("RGBA", SIZE, (255, 255, 255, 255))
    file.paste((255, 255, 255, 0), (0, 0, 5, 20))
    assert painted(area_of_file(png(file), SIZE))[:, :5].all()
    assert painted(area_of_file(png(file), SIZE)).sum() == 5 * 20


def test_an_opaque_mask_with_alpha_is_read_by_its_white() -> None:
    file = Image.new("RGBA", SIZE, (0, 0, 0, 255))
    file.paste((255, 255, 255, 255), (0, 0, 5, 20))
    assert painted(area_of_file(png(file), SIZE)).sum() == 5 * 20


@pytest.mark.parametrize(
    ("data", "why"),
    [(b"no image", "no image that can be read\\.$"), (png(Image.new("L", (40, 21))), "40x21")],
)
def test_a_mask_file_that_does_not_fit_is_named(data: bytes, why: str) -> None:
    with pytest.raises(ImageError, match=why):
        area_of_file(data, SIZE)


def test_a_rectangle_is_in_percent() -> None:
    area = area_of_regions([region("rectanglelabels", x=25, y=50, width=50, height=25)], SIZE)
    expected = np.zeros((20, 40), bool)
    expected[10:15, 10:30] = True
    assert np.array_equal(painted(area), expected)


def test_a_rectangle_is_turned_around_its_upper_left_corner() -> None:
    turned = region("rectanglelabels", x=50, y=0, width=25, height=100, rotation=90)
    rows, columns = np.nonzero(painted(area_of_regions([turned], SIZE)))
    # 10 wide and 20 high, turned by 90 degrees clockwise: 20 to the left, 10 down.
    assert (columns.min(), columns.max()) == (1, 20)
    assert (rows.min(), rows.max()) == (0, 9)


def test_an_ellipse_is_turned_around_its_centre() -> None:
    flat = area_of_regions([region("ellipselabels", x=50, y=50, radiusX=20, radiusY=10)], SIZE)
    upright = area_of_regions(
        [region("ellipselabels", x=50, y=50, radiusX=20, radiusY=10, rotation=90)], SIZE
    )
    rows, columns = np.nonzero(painted(flat))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (12, 28, 8, 12)
    rows, columns = np.nonzero(painted(upright))
    assert (columns.min(), columns.max(), rows.min(), rows.max()) == (18, 22, 2, 18)


def test_a_brush_is_decoded_and_fitted_to_the_image() -> None:
    stroke = Image.new("L", (80, 40), 0)
    ImageDraw.Draw(stroke).rectangle((20, 10, 39, 29), fill=255)
    brush = {
        **region("brushlabels", format="rle", rle=mask2rle(np.array(stroke))),
        "original_width": 80,
        "original_height": 40,
    }
    expected = np.zeros((20, 40), bool)
    expected[5:15, 10:20] = True
    assert np.array_equal(painted(area_of_regions([brush], SIZE)), expected)


@pytest.mark.parametrize("rle", [[], [255, 255, 255, 255, 1], [0, 0, 12, 128], "what"])
def test_a_brush_that_lies_about_its_size_is_refused(rle: Any) -> None:
    brush = {**region("brushlabels", format="rle", rle=rle), "original_width": 40}
    with pytest.raises(ImageError, match="cannot be read"):
        area_of_regions([{**brush, "original_height": 20}], SIZE)


def test_several_regions_add_up_and_a_choice_is_no_place() -> None:
    left = region("rectanglelabels", x=0, y=0, width=25, height=100)
    right = region("polygonlabels", points=[[75, 0], [97.5, 0], [97.5, 95], [75, 95]])
    choice = region("choices", choices=["cat"])
    assert painted(area_of_regions([left, choice, right], SIZE)).sum() == 10 * 20 + 10 * 20
    assert area_of_regions([choice], SIZE) is None


def test_the_background_is_all_but_the_regions() -> None:
    box = region("rectanglelabels", x=0, y=0, width=50, height=100)
    assert not painted(background_area([box], SIZE))[:, :20].any()
    assert painted(background_area([box], SIZE))[:, 20:].all()


def test_without_regions_the_background_is_all_but_the_middle_half() -> None:
    area = painted(background_area([], SIZE))
    assert not area[5:15, 10:30].any()
    assert area.sum() == 40 * 20 - 20 * 10
