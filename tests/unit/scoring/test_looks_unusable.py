"""Pictures that nobody needs to look at are found; scenes that are merely dark or white are not."""

from __future__ import annotations

import io
import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from importers.scoring.looks import BLANK, BRIGHT, DARK, ONE_COLOUR, flaw_of
from importers.sketch.draw import draw
from importers.sketch.spec import COLORS, OBJECTS, SETTINGS, STYLES

SIDE = 256


def plain(*color: int) -> Image.Image:
    return Image.new("RGB", (SIDE, SIDE), color)


def noisy(image: Image.Image, spread: float) -> Image.Image:
    pixels = np.asarray(image, dtype=np.float64)
    noise = np.random.default_rng(0).normal(0, spread, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def as_jpeg(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=70)
    return Image.open(file).convert("RGB")


def with_box(image: Image.Image, side: int, *color: int) -> Image.Image:
    corner = (SIDE - side) // 2
    ImageDraw.Draw(image).rectangle((corner, corner, corner + side, corner + side), fill=color)
    return image


def gradient(low: int, high: int) -> Image.Image:
    row = np.linspace(low, high, SIDE).astype(np.uint8)
    return Image.fromarray(np.repeat(row[None, :, None], SIDE, axis=0).repeat(3, axis=2))


def night() -> Image.Image:
    """A black sky with forty stars, each three pixels wide."""
    picture = plain(4, 4, 12)
    pen = ImageDraw.Draw(picture)
    dice = random.Random(1)
    for _ in range(40):
        x, y = dice.randrange(SIDE), dice.randrange(SIDE)
        pen.ellipse((x - 1, y - 1, x + 1, y + 1), fill=(255, 255, 230))
    return picture


def line_on_paper() -> Image.Image:
    picture = plain(255, 255, 255)
    ImageDraw.Draw(picture).ellipse((90, 90, 170, 170), outline=(40, 40, 40), width=2)
    return picture


UNUSABLE = {
    "black": (plain(0, 0, 0), BLANK),
    "white as JPEG": (as_jpeg(plain(255, 255, 255)), BLANK),
    "grey, with grain": (noisy(plain(127, 127, 127), 8), ONE_COLOUR),
    "a speck on blue": (with_box(plain(20, 60, 200), 8, 255, 255, 0), ONE_COLOUR),
    "a faint fog": (gradient(120, 130), ONE_COLOUR),
    "hardly exposed": (gradient(0, 25), DARK),
    "hardly exposed, with grain": (noisy(gradient(0, 20), 4), DARK),
    "burnt out": (gradient(247, 255), BRIGHT),
    "one pixel": (Image.new("RGB", (1, 1)), BLANK),
}
USABLE = {
    "a thing on white": with_box(plain(255, 255, 255), 24, 200, 30, 30),
    "a thing on black": with_box(plain(0, 0, 0), 24, 90, 90, 90),
    "a pale thing on white": with_box(plain(255, 255, 255), 60, 225, 225, 225),
    "stars": night(),
    "a line on paper": line_on_paper(),
    "a soft gradient": gradient(90, 160),
    "a narrow picture": with_box(plain(255, 255, 255), 40, 0, 0, 0).resize((512, 40)),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_unusable_picture_is_named(name: str) -> None:
    picture, flaw = UNUSABLE[name]
    assert flaw_of(picture) == flaw


@pytest.mark.parametrize("name", USABLE)
def test_a_bare_picture_is_not_unusable(name: str) -> None:
    assert flaw_of(USABLE[name]) is None


def test_no_drawing_of_any_setting_and_style_is_unusable() -> None:
    dice = random.Random(0)
    for style in STYLES:
        for setting in SETTINGS:
            for kinds in ((), (), ("no_object",)):
                prompt = (
                    f"a {style} of a tiny {dice.choice(COLORS)} {dice.choice(OBJECTS)} "
                    f"in the {setting}"
                )
                rate = 1.0 if kinds else 0.0
                drawing = draw(prompt, dice.randrange(9999), 128, rate, kinds or ("garbled",))
                with Image.open(io.BytesIO(drawing.png)) as image:
                    assert flaw_of(image.convert("RGB")) is None, (prompt, kinds)
