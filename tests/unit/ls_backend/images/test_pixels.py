"""Bytes of image files → RGB pixels: what is read, and what it looks like then."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from image_files import GREY, GREY_ALPHA, PALETTE, RGB, RGBA, encoded, grey_tiff, png, ycck
from PIL import Image, ImageOps

from ls_backend.errors import ImageError
from ls_backend.images import pixels
from ls_backend.images.pixels import FORMATS, ORIENTATION, decode_image

WHITE = (255, 255, 255)


def pixel(data: bytes) -> Any:
    image = decode_image(data)
    assert image.mode == "RGB"
    return image.getpixel((0, 0))


def near(color: tuple[int, int, int]) -> Any:
    """What comes back from a format that loses a little."""
    return pytest.approx(color, abs=4)


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        ("1", "PNG"),
        ("L", "WEBP"),
        ("LA", "PNG"),
        ("P", "GIF"),
        ("RGBA", "WEBP"),
        ("RGB", "BMP"),
        ("CMYK", "JPEG"),
        ("CMYK", "TIFF"),
        ("I;16", "TIFF"),
        ("F", "TIFF"),
    ],
)
def test_every_mode_becomes_rgb(mode: str, kind: str) -> None:
    decoded = decode_image(encoded(Image.new(mode, (4, 3)), kind))

    assert (decoded.mode, decoded.size) == ("RGB", (4, 3))


@pytest.mark.parametrize("value", [0, 1])
def test_one_bit_is_black_or_white(value: int) -> None:
    assert pixel(encoded(Image.new("1", (4, 3), value))) == ((0, 0, 0), WHITE)[value]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_keep_their_brightness(kind: str) -> None:
    grey = Image.fromarray(np.full((3, 4), 32_768, dtype=np.uint16))

    red, green, blue = pixel(encoded(grey, kind))

    assert red == green == blue
    assert abs(red - 127) <= 1


@pytest.mark.parametrize(
    ("color", "values", "expected"),
    [
        (RGB, (65_535, 32_768, 0), (255, 128, 0)),
        (RGBA, (65_535, 32_768, 0, 65_535), (255, 128, 0)),
        (RGBA, (65_535, 32_768, 0, 0), WHITE),
        (GREY_ALPHA, (32_768, 65_535), (128, 128, 128)),
        (GREY_ALPHA, (32_768, 0), WHITE),
    ],
)
def test_sixteen_bits_of_colour_and_alpha_become_eight(
    color: int, values: tuple[int, ...], expected: tuple[int, int, int]
) -> None:
    row = b"\0" + struct.pack(f">{len(values)}H", *values)

    assert pixel(png((1, 1), 16, color, row)) == expected


def row(data: bytes) -> list[int]:
    """Grey levels of the first row."""
    image = decode_image(data)
    levels = [image.getpixel((x, 0)) for x in range(image.width)]
    assert all(isinstance(level, tuple) and len(set(level)) == 1 for level in levels)
    return [level[0] for level in levels]


@pytest.mark.parametrize(
    ("bits", "pixels", "photometric", "expected"),
    [
        (16, struct.pack("<3H", 0, 32_896, 65_535), 1, [0, 128, 255]),
        (16, struct.pack("<3H", 0, 32_896, 65_535), 0, [255, 127, 0]),
        (12, b"\x00\x08\x08\xff\xf0", 1, [0, 128, 255]),
        (8, b"\0\x80\xff", 0, [255, 127, 0]),
    ],
)
def test_a_tiff_says_where_white_is(
    bits: int, pixels: bytes, photometric: int, expected: list[int]
) -> None:
    assert row(grey_tiff(bits, pixels, 3, photometric)) == expected


def test_floating_point_numbers_are_shares_of_white() -> None:
    shares = np.array([[0.0, 0.25, 1.0]], dtype=np.float32)

    assert row(encoded(Image.fromarray(shares), "TIFF")) == [0, 64, 255]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (grey_tiff(32, struct.pack("<3f", 0, 128, 255), 3, kind=3), "from 0 to 255"),
        (grey_tiff(32, struct.pack("<3f", -0.5, 0, 0.5), 3, kind=3), "from -0.5 to 0.5"),
        (grey_tiff(32, struct.pack("<3f", float("nan"), 0, 1), 3, kind=3), "floating point"),
        (grey_tiff(32, struct.pack("<3f", 0, 0.5, 1), 3, 0, kind=3), "floating point"),
        (grey_tiff(32, struct.pack("<3I", 0, 9, 2**32 - 1), 3), "32 bits"),
        (grey_tiff(16, struct.pack("<3h", -5, 0, 30_000), 3, kind=2), "with signs"),
    ],
)
def test_numbers_among_which_none_is_white_are_named(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as refusal:
        decode_image(data)

    assert refusal.value.code == "brightness"
    assert "8 or 16 bits" in refusal.value.hint


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_lies_on_white(mode: str) -> None:
    image = Image.new("RGBA", (4, 3), (0, 0, 0, 0)).convert(mode)
    options = {"transparency": image.getpixel((0, 0))} if mode == "P" else {}

    assert pixel(encoded(image, **options)) == WHITE


def test_half_transparency_lets_white_through() -> None:
    assert pixel(encoded(Image.new("RGBA", (4, 3), (255, 0, 0, 128)))) == (255, 127, 127)
    assert pixel(encoded(Image.new("LA", (4, 3), (0, 128)))) == (127, 127, 127)
    two = {"PLTE": b"\0\0\0\1\1\1", "tRNS": b"\x80\xff"}
    assert pixel(png((1, 1), 8, PALETTE, b"\0\0", **two)) == (127, 127, 127)
    assert pixel(png((1, 1), 8, PALETTE, b"\0\1", **two)) == (1, 1, 1)


def test_a_colour_that_is_declared_transparent_is_white() -> None:
    declared = {"tRNS": struct.pack(">3H", 5, 6, 7)}

    assert pixel(png((1, 1), 8, RGB, b"\0\5\6\7", **declared)) == WHITE
    assert pixel(png((1, 1), 8, RGB, b"\0\5\6\x08", **declared)) == (5, 6, 8)


@pytest.mark.parametrize(
    ("bits", "color", "pixels", "clear", "expected"),
    [
        (1, GREY, b"\x40", 0, [255, 255]),
        (1, GREY, b"\x40", 1, [0, 255]),
        (2, GREY, b"\x60", 1, [255, 170]),
        (4, GREY, b"\x56", 5, [255, 102]),
        (8, GREY, b"\5\6", 5, [255, 6]),
        (16, GREY, struct.pack(">2H", 32_768, 32_769), 32_768, [255, 127]),
        (16, RGB, struct.pack(">6H", *[5_000] * 3, *[8_000] * 3), 5_000, [255, 31]),
    ],
)
def test_a_declared_colour_is_white_at_every_depth(
    bits: int, color: int, pixels: bytes, clear: int, expected: list[int]
) -> None:
    declared = struct.pack(">H", clear) * (3 if color == RGB else 1)

    assert row(png((2, 1), bits, color, b"\0" + pixels, tRNS=declared)) == expected


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_transparency_of_other_formats_lies_on_white_too(kind: str) -> None:
    clear = Image.new("RGBA", (4, 3), (0, 0, 0, 0))

    assert pixel(encoded(clear, kind)) == WHITE


@pytest.mark.parametrize("rgb", [(200, 60, 20), (20, 60, 200), (255, 255, 255), (0, 0, 0)])
def test_inks_become_the_colours_they_print(rgb: tuple[int, int, int]) -> None:
    inks = (*(255 - value for value in rgb), 0)

    assert pixel(encoded(Image.new("CMYK", (16, 16), inks), "JPEG", quality=100)) == near(rgb)
    assert pixel(ycck(rgb)) == near(rgb)


def test_black_ink_darkens() -> None:
    assert pixel(ycck(WHITE, black=255)) == near((0, 0, 0))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(orientation: int, kind: str) -> None:
    upright = Image.new("RGB", (32, 48), "white")
    upright.paste("red", (0, 0, 16, 16))  # top left
    upright.paste("blue", (16, 32, 32, 48))  # bottom right
    taken = _as_taken(upright, orientation)
    exif = taken.getexif()
    exif[ORIENTATION] = orientation

    read = decode_image(encoded(taken, kind, exif=exif))

    assert read.size == upright.size
    assert read.getpixel((8, 8)) == near((255, 0, 0))
    assert read.getpixel((24, 40)) == near((0, 0, 255))
    assert read.getpixel((8, 40)) == near(WHITE)


def _as_taken(upright: Image.Image, orientation: int) -> Image.Image:
    """What a camera stores so that turning by `orientation` gives `upright`: EXIF's own words."""
    mirrored, flipped = ImageOps.mirror(upright), ImageOps.flip(upright)
    half = ImageOps.flip(mirrored)
    quarter = upright.rotate(90, expand=True)  # counter-clockwise
    return {
        1: upright,
        2: mirrored,
        3: half,
        4: flipped,
        5: ImageOps.flip(quarter),
        6: quarter,
        7: ImageOps.mirror(quarter),
        8: upright.rotate(-90, expand=True),
    }[orientation]


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_that_does_not_exist_turns_nothing(orientation: int) -> None:
    image = Image.new("RGB", (4, 3))
    exif = image.getexif()
    exif[ORIENTATION] = orientation

    assert decode_image(encoded(image, "JPEG", exif=exif)).size == (4, 3)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "MPO"])
def test_of_several_frames_or_pages_the_first_is_shown(kind: str) -> None:
    frames = [Image.new("RGB", (16, 16), color) for color in ("red", "blue", "green")]

    data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])

    assert pixel(data) == near((255, 0, 0))


@pytest.mark.parametrize("kind", ["PNG", "BMP", "GIF", "TIFF", "JPEG"])
@pytest.mark.parametrize("size", [(1, 1), (1, 20_000), (20_000, 1)])
def test_odd_shapes_are_images_too(size: tuple[int, int], kind: str) -> None:
    assert decode_image(encoded(Image.new("RGB", size), kind)).size == size


@pytest.mark.parametrize(
    ("mode", "colour", "shown"),
    [("RGB", (255, 0, 0), (255, 0, 0)), ("RGBA", (255, 0, 0, 0), WHITE)],
)
@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_what_phones_and_browsers_save_is_read(
    kind: str, mode: str, colour: tuple[int, ...], shown: tuple[int, int, int]
) -> None:
    assert pixel(encoded(Image.new(mode, (32, 24), colour), kind)) == near(shown)


def test_heic_names_the_extra_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(Image.new("RGB", (32, 24)), "HEIF")
    monkeypatch.setattr(pixels, "_formats", lambda: FORMATS)

    with pytest.raises(ImageError, match="HEIC") as refusal:
        decode_image(data)

    assert refusal.value.code == "heif_package"
    assert "pip install 'label-studio-clip[heif]'" in refusal.value.hint
