"""Files of millions of parts: each is refused, or read, in seconds; honest large ones are read."""

from __future__ import annotations

import struct
import time
from collections.abc import Callable

import bombs
import pytest
from image_files import encoded
from PIL import Image

from ls_backend.errors import ImageError
from ls_backend.images.pixels import decode_image

SECONDS = 4.0
"""Of processor time for the worst of them; most take a hundredth."""
IDLE = b"\xff\xe5\0\2"

Bomb = Callable[[], bytes]


def seconds_of(data: bytes) -> tuple[float, Image.Image | ImageError]:
    """Processor time of this thread, so that a busy machine changes nothing."""
    began = time.thread_time()
    try:
        found: Image.Image | ImageError = decode_image(data)
    except ImageError as error:
        found = error
    return time.thread_time() - began, found


@pytest.mark.parametrize(
    "bomb",
    [
        pytest.param(bombs.png_of_empty_chunks, id="png chunks"),
        pytest.param(lambda: bombs.png_of_empty_chunks(b"IDAT"), id="png empty IDAT"),
        pytest.param(lambda: bombs.jpeg_of_segments(b"\xff\xfe\0\2"), id="jpeg comments"),
        pytest.param(lambda: bombs.jpeg_of_segments(IDLE), id="jpeg APP5"),
        pytest.param(lambda: bombs.jpeg_of_segments(b"\0"), id="jpeg junk"),
        pytest.param(bombs.jpeg_of_scans, id="jpeg scans"),
        pytest.param(
            lambda: bombs.jpeg_with_exif(bombs.exif_of_fractions(0x011A)), id="jpeg fractions"
        ),
        pytest.param(
            lambda: bombs.jpeg_with_exif(bombs.exif_that_claims()), id="jpeg tags over each other"
        ),
        pytest.param(
            lambda: bombs.png_with_exif(bombs.exif_of_fractions(0x0112)), id="png fractions"
        ),
        pytest.param(
            lambda: bombs.png_with_exif(b"Exif\0\0" + bombs.exif_of_fractions(0x0112)),
            id="png fractions behind a name",
        ),
        pytest.param(
            lambda: bombs.webp_with_exif(bombs.exif_of_fractions(0x0112)), id="webp fractions"
        ),
        pytest.param(lambda: bombs.avif_of_fractions(0x0112), id="avif fractions"),
        pytest.param(bombs.tiff_of_strips, id="tiff strips"),
        pytest.param(bombs.tiff_of_shared_strips, id="tiff shared strips"),
        pytest.param(bombs.gif_of_comments, id="gif comments"),
        pytest.param(bombs.bmp_of_runs, id="bmp runs"),
    ],
)
def test_a_file_of_too_many_parts_is_refused_at_once(bomb: Bomb) -> None:
    seconds, found = seconds_of(bomb())

    assert isinstance(found, ImageError)
    assert found.code == "too_many_parts"
    assert "Save it anew" in found.hint
    assert seconds < SECONDS


def test_a_tile_that_is_larger_than_any_image_is_refused_at_once() -> None:
    seconds, found = seconds_of(bombs.tiff_of_one_tile())

    assert isinstance(found, ImageError)
    assert found.code == "too_many_pixels"
    assert seconds < SECONDS


@pytest.mark.parametrize(
    "bomb",
    [
        bombs.gif_of_frames,
        bombs.apng_of_frames,
        bombs.webp_of_frames,
        bombs.avif_of_frames,
        bombs.tiff_of_pages,
    ],
)
def test_of_thousands_of_frames_the_first_is_shown_at_once(bomb: Bomb) -> None:
    seconds, found = seconds_of(bomb())

    assert isinstance(found, Image.Image)
    assert found.mode == "RGB"
    assert seconds < SECONDS


def test_time_is_bounded_where_nothing_else_is() -> None:
    data = bombs.png_that_unpacks()
    began = time.thread_time()

    with pytest.raises(ImageError, match=r"longer to decode than 0\.5 s") as refusal:
        decode_image(data, seconds=0.5)

    assert refusal.value.code == "slow_to_decode"
    assert "CLIP_IMAGE_SECONDS" in refusal.value.hint
    assert time.thread_time() - began < SECONDS


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wrap", [bombs.png_with_exif, bombs.jpeg_with_exif, bombs.webp_with_exif])
def test_a_tag_that_claims_more_than_there_is_costs_no_image(
    wrap: Callable[[bytes], bytes],
) -> None:
    turned = struct.pack(">HHLHH", 0x0112, 3, 1, 6, 0)
    broken = struct.pack(">HHLL", 0x011A, 5, 2**31, 26)

    assert decode_image(wrap(bombs.exif(turned + broken, 2, b""))).mode == "RGB"


def test_what_is_large_and_honest_is_read() -> None:
    photo = Image.effect_noise((900, 600), 80).convert("RGB")
    plain = encoded(photo, "JPEG")
    profile = b"\xff\xe2" + struct.pack(">H", 65_535) + b"MPF " + bytes(65_529)
    rows = encoded(photo, "TIFF", compression="raw", tiffinfo={278: 1})

    for data in (
        plain[:2] + profile * 300 + plain[2:],
        encoded(photo, "JPEG", progressive=True),
        _in_chunks_of(encoded(photo), 256),
        rows,
        encoded(photo, "TIFF", compression="tiff_lzw", tiffinfo={278: 1}),
        encoded(photo, "GIF", comment=b"x" * 200_000),
    ):
        assert decode_image(data).size == photo.size


def _in_chunks_of(data: bytes, size: int) -> bytes:
    """A PNG file whose pixels lie in chunks of so many bytes."""
    start, end = data.index(b"IDAT"), data.index(b"IEND") - 4
    pixels = b"".join(bombs.parts_of(data[start - 4 : end], b"IDAT"))
    cut = [pixels[place : place + size] for place in range(0, len(pixels), size)]
    return data[: start - 4] + b"".join(bombs.chunk(b"IDAT", part) for part in cut) + data[end:]
