"""Pictures of the dataset card, from files as they come."""

from __future__ import annotations

import io
from typing import Any

import pytest
from card_release import contents, facts, record
from PIL import Image

from importers.record import Record
from importers.training_storage.card.files import card_files
from importers.training_storage.card.picture_grid import MOST_LABELS, SIDE, THUMBNAILS, draw, strips
from ls_backend.errors import StorageError

RED, WHITE, GREY = (255, 0, 0), (255, 255, 255), (224, 224, 224)
PITCH = SIDE + 4


def encoded(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def drawn(*pictures: bytes) -> Image.Image:
    """The strip of these pictures."""
    records = [record(n) for n in range(len(pictures))]
    of = {r.sample: data for r, data in zip(records, pictures, strict=True)}
    return Image.open(io.BytesIO(draw(records, lambda r: of[r.sample]))).convert("RGB")


def test_a_wide_picture_is_shown_whole() -> None:
    strip = drawn(encoded(Image.new("RGB", (200, 100), RED)))
    assert strip.size == (SIDE, SIDE)
    assert strip.getpixel((5, SIDE // 2)) == RED
    assert strip.getpixel((SIDE // 2, 10)) == WHITE


def test_a_small_and_a_very_long_picture() -> None:
    strip = drawn(encoded(Image.new("RGB", (8, 8), RED)), encoded(Image.new("RGB", (5000, 3), RED)))
    assert strip.getpixel((2, 2)) == RED
    assert strip.getpixel((PITCH + 3, SIDE // 2 - 1)) != WHITE


def test_colours_of_every_kind_of_picture() -> None:
    palette = Image.new("P", (64, 64), 1)
    palette.putpalette([0, 0, 0, *RED])
    strip = drawn(
        encoded(Image.new("L", (64, 64), 90)),
        encoded(Image.new("RGBA", (64, 64), (*RED, 0))),
        encoded(Image.new("RGBA", (64, 64), (*RED, 255))),
        encoded(palette),
        encoded(palette, transparency=1),
        encoded(Image.new("CMYK", (64, 64), (0, 255, 255, 0)), "JPEG"),
    )
    middles = [strip.getpixel((n * PITCH + SIDE // 2, SIDE // 2)) for n in range(6)]
    assert middles[:5] == [(90, 90, 90), WHITE, RED, RED, WHITE]
    assert middles[5] == pytest.approx(RED, abs=4)


def test_a_photo_is_turned_upright() -> None:
    photo = Image.new("RGB", (64, 64), WHITE)
    photo.paste(RED, (0, 0, 32, 64))  # red on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter, clockwise: red is on top then
    strip = drawn(encoded(photo, "JPEG", exif=exif, quality=95))
    assert strip.getpixel((SIDE - 10, 10)) == pytest.approx(RED, abs=9)
    assert strip.getpixel((10, SIDE - 10)) == pytest.approx(WHITE, abs=9)


def test_the_place_of_a_broken_picture_stays_grey() -> None:
    whole = encoded(Image.effect_noise((64, 64), 90))
    strip = drawn(b"no picture", whole[: len(whole) // 2], encoded(Image.new("RGB", (9, 9), RED)))
    assert strip.size == (3 * PITCH - 4, SIDE)
    middles = [strip.getpixel((n * PITCH + SIDE // 2, SIDE // 2)) for n in range(3)]
    assert middles == [GREY, GREY, RED]


def test_pictures_that_cannot_be_had_stop_the_release() -> None:
    def refused(_: Record) -> bytes:
        raise StorageError("The storage is away.", hint="Try again.")

    with pytest.raises(StorageError):
        card_files(contents([record(1)]), facts(), refused)


def test_a_strip_of_noise_is_below_a_megabyte() -> None:
    noise = [Image.effect_noise((256, 256), 99) for _ in range(3)]
    data = encoded(Image.merge("RGB", noise))
    strip = draw([record(n) for n in range(THUMBNAILS)], lambda _: data)
    assert len(strip) < 1_000_000
    assert strip == draw([record(n) for n in range(THUMBNAILS)], lambda _: data)


def test_the_first_labels_are_shown_and_each_by_few_pictures() -> None:
    labels = [f"label {n}" for n in range(MOST_LABELS + 5)]
    records = [record(n, labels[n % 55], n % 55) for n in range(55 * 10)]
    asked: list[str] = []

    def image(of: Record) -> bytes:
        asked.append(of.sample)
        return b""

    files = card_files(contents(records, labels), facts(), image)
    pictures = [name for name in files if name.startswith("pictures/")]
    assert len(pictures) == MOST_LABELS
    assert len(set(asked)) == len(asked) == MOST_LABELS * THUMBNAILS
    text = files["README.md"].decode()
    assert all(f"]({name})" in text for name in pictures)
    assert "The first 50 of 55 labels are shown." in text


def test_a_new_sample_changes_few_strips() -> None:
    before = [record(n, f"label {n % 20}", n % 20) for n in range(2000)]
    after = [*before, *(record(2000 + n, f"label {n}", n) for n in range(5))]
    was, now = ({s.path: s for s in strips(records)} for records in (before, after))
    assert len(now.keys() - was.keys()) <= 2
    assert [s.of for s in now.values()] == [101] * 5 + [100] * 15


def test_strips_of_the_last_release_are_taken_over() -> None:
    records = [record(n, f"label {n % 3}", n % 3) for n in range(30)]
    labels = ["label 0", "label 1", "label 2"]
    data = encoded(Image.new("RGB", (9, 9), RED))
    before = card_files(contents(records, labels), facts(), lambda _: data)
    left = strips(records)[1].shown[0]
    asked: list[str] = []

    def image(of: Record) -> bytes:
        asked.append(of.label)
        return data

    fewer = [r for r in records if r != left]
    after = card_files(contents(fewer, labels), facts(), image, before.get)
    assert asked == ["label 1"] * THUMBNAILS
    assert len(before.keys() & after.keys()) == 2 + 2  # README.md, campaign.toml and two strips
