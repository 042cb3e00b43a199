"""Files that are no image, or one that lies: each is named, none takes memory or time for it."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import PALETTE, RGB, bmp, encoded, gif, jpeg, png, tiff, webp, ycck
from PIL import Image

from ls_backend.errors import ImageError
from ls_backend.images.pixels import cropped, decode_image

NOISE = encoded(Image.effect_noise((64, 64), 80))
PHOTO = encoded(Image.effect_noise((64, 64), 80), "JPEG")
HTML = b"<html><script>alert(1)</script></html>"


def refused(data: bytes) -> ImageError:
    with pytest.raises(ImageError) as refusal:
        decode_image(data)
    assert refusal.value.hint
    return refusal.value


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\n <!DOCTYPE html><html>please log in</html>", "html"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "html"),
        (b"notpng", "not_an_image"),
        (bytes(1000), "not_an_image"),
        (NOISE[: len(NOISE) // 2], "damaged"),
        (NOISE[:200].ljust(len(NOISE), b"\0"), "damaged"),
        (NOISE[:20], "damaged"),
        (PHOTO[:-200], "damaged"),
        (PHOTO[: len(PHOTO) // 2], "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image"),
        (b"%PDF-1.7\n", "not_an_image"),
        (b"\x89PNG\r\n\x1a\n" + HTML, "not_an_image"),
        (b"GIF89a/*" + bytes(4) + b"*/=1;alert(document.cookie)//;", "not_an_image"),
        (b"GIF89a=1;alert(1)//", "not_an_image"),
        (png((1, 1), 8, PALETTE, b"\0\0"), "damaged"),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value[-12:]),
)
def test_what_is_no_whole_image_is_named(data: bytes, code: str) -> None:
    error = refused(data)

    assert error.code == code
    assert "<script" not in error.message
    assert ": ." not in error.message


def test_what_follows_an_image_is_left_alone() -> None:
    image = encoded(Image.new("RGB", (4, 3), "red"))

    assert decode_image(image + HTML).getpixel((0, 0)) == (255, 0, 0)


@pytest.mark.parametrize("size", [(60_000, 60_000), (9_000, 9_000)])
@pytest.mark.parametrize("header", [
    lambda width, height: png((width, height), 8, RGB, b""),
    lambda width, height: gif((width, height), (1, 1)),
    lambda width, height: gif((1, 1), (width, height)),
    jpeg, bmp, webp, tiff,
], ids=["png", "gif", "gif-frame", "jpeg", "bmp", "webp", "tiff"])  # fmt: skip
def test_a_header_that_promises_too_many_pixels_is_enough(
    header: Callable[[int, int], bytes], size: tuple[int, int]
) -> None:
    error = refused(header(*size))

    assert error.code == "too_many_pixels"
    assert "CLIP_IMAGE_MAX_PIXELS" in error.hint


def test_pixels_are_counted_before_they_are_decoded() -> None:
    image = encoded(Image.new("RGB", (100, 100)))

    assert decode_image(image, max_pixels=10_000).size == (100, 100)
    with pytest.raises(ImageError, match="9999 pixels"):
        decode_image(image, max_pixels=9_999)


@pytest.mark.parametrize("size", [(100, 100), (500, 500)])
def test_the_setting_holds_above_pillows_own_limit(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)
    image, pixels = encoded(Image.new("RGB", size)), size[0] * size[1]

    with pytest.raises(ImageError, match=f"{pixels - 1} pixels"):
        decode_image(image, max_pixels=pixels - 1)
    whole = decode_image(image, max_pixels=pixels)
    assert cropped(whole, (0.0, 0.0, 1.0, 1.0)).size == size


@pytest.mark.parametrize("name", ["zTXt", "iCCP"])
def test_a_bomb_beside_the_pixels_is_not_unpacked(name: str) -> None:
    bomb = {name: b"a\0\0" + zlib.compress(bytes(100_000_000))}

    assert refused(png((1, 1), 8, RGB, b"\0\1\2\3", **bomb)).code == "damaged"


def test_more_pixels_than_the_header_says_are_not_unpacked() -> None:
    data = png((1, 1), 8, RGB, b"\0\1\2\3" + bytes(100_000_000))

    assert decode_image(data).getpixel((0, 0)) == (1, 2, 3)


FRAMES = [Image.effect_noise((24, 16), 80).convert("RGB") for _ in range(2)]
SEEDS = {
    **{kind: encoded(FRAMES[0], kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")},
    "progressive": encoded(FRAMES[0], "JPEG", progressive=True),
    "animation": encoded(FRAMES[0], "GIF", save_all=True, append_images=FRAMES[1:]),
    "apng": encoded(FRAMES[0], "PNG", save_all=True, append_images=FRAMES[1:]),
    "mpo": encoded(FRAMES[0], "MPO", save_all=True, append_images=FRAMES[1:]),
    "packed": encoded(FRAMES[0], "TIFF", compression="tiff_lzw"),
    "ycck": ycck((200, 60, 20)),
    "palette": png((2, 1), 8, PALETTE, b"\0\0\1", PLTE=bytes(6), tRNS=b"\0"),
}


@pytest.mark.parametrize("kind", SEEDS)
@settings(deadline=None, max_examples=60)
@given(st.data())
def test_a_damaged_file_is_an_image_or_an_image_error(kind: str, data: st.DataObject) -> None:
    file = bytearray(SEEDS[kind])
    for _ in range(data.draw(st.integers(0, 8), "flips")):
        file[data.draw(st.integers(0, len(file) - 1), "where")] = data.draw(st.integers(0, 255))
    length = data.draw(st.just(len(file)) | st.integers(0, len(file)), "length")

    with warnings.catch_warnings(), suppress(ImageError):
        warnings.simplefilter("ignore")  # as outside of tests
        assert decode_image(bytes(file[:length]), 1_000_000).mode == "RGB"
