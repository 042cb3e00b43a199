"""Every object can be drawn in every style and setting; a seed always draws the same picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from importers.sketch.render import Companion, Mishap, render
from importers.sketch.spec import (
    ACTIONS,
    COLORS,
    OBJECTS,
    OUTSIDE_OBJECTS,
    SETTINGS,
    SIZES,
    STYLES,
    Spec,
)

CAT = Spec("cat", "red", "beach", "cartoon")


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean distance of two pictures, 0..255."""
    return float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [*OBJECTS, *OUTSIDE_OBJECTS])
def test_every_object_is_seen_in_every_style(name: str, style: str) -> None:
    spec = Spec(name, "blue", "desert", style)
    picture = render(spec, 1, 64)
    assert (picture.mode, picture.size) == ("RGB", (64, 64))
    assert difference(picture, render(spec, 1, 64, Mishap(missing=True))) > 4


@pytest.mark.parametrize("field", ["object", "color", "setting", "style"])
def test_every_word_of_a_spec_changes_the_picture(field: str) -> None:
    values = {"object": OBJECTS, "color": COLORS, "setting": SETTINGS, "style": STYLES}[field]
    pictures = [render(replace(CAT, **{field: value}), 1, 64) for value in values]
    for i, picture in enumerate(pictures):
        assert all(difference(picture, other) > 1 for other in pictures[:i])


@pytest.mark.parametrize("style", STYLES)
def test_the_same_seed_draws_the_same_picture_and_another_seed_another(style: str) -> None:
    spec = replace(CAT, style=style)
    assert render(spec, 7, 64).tobytes() == render(spec, 7, 64).tobytes()
    assert render(spec, 7, 64).tobytes() != render(spec, 8, 64).tobytes()


@pytest.mark.parametrize("style", STYLES)
def test_size_in_pixels_leaves_the_picture_the_same(style: str) -> None:
    spec = replace(CAT, style=style)
    large = render(spec, 3, 256).resize((64, 64), Image.Resampling.BOX)
    assert difference(large, render(spec, 3, 64)) < 12


def test_big_objects_cover_more_than_tiny_ones() -> None:
    def covered(size: str) -> float:
        spec = replace(CAT, size=size)
        return difference(render(spec, 2, 64), render(spec, 2, 64, Mishap(missing=True)))

    tiny, big = (covered(size) for size in sorted(SIZES, reverse=True))
    assert tiny < big


@pytest.mark.parametrize("action", ACTIONS)
def test_objects_stay_inside_the_frame(action: str) -> None:
    spec = Spec("ball", "red", "studio", "cartoon", action, "big")
    for seed in range(8):
        picture = render(spec, seed, 64)
        edge = np.asarray(picture)[0]
        empty = np.asarray(render(spec, seed, 64, Mishap(missing=True)))[0]
        assert (edge == empty).all()


def test_a_cut_off_object_stands_at_the_edge() -> None:
    empty = np.asarray(render(CAT, 5, 64, Mishap(missing=True)), float)
    cut = np.asarray(render(CAT, 5, 64, Mishap(cut_off=True)), float)
    columns = np.abs(cut - empty).mean(axis=(0, 2))
    assert columns[24:40].max() < 1
    assert max(columns[0], columns[-1]) > 10


def test_a_companion_stands_beside_the_object() -> None:
    both = render(CAT, 5, 64, Mishap(companion=Companion("tree", "green")))
    empty = render(CAT, 5, 64, Mishap(missing=True))
    halves = np.abs(np.asarray(both, float) - np.asarray(empty, float)).mean(axis=(0, 2))
    assert halves[:32].max() > 10
    assert halves[32:].max() > 10


def test_a_garbled_picture_keeps_nothing_in_its_place() -> None:
    for seed in range(6):
        good, garbled = render(CAT, seed, 64), render(CAT, seed, 64, Mishap(garbled=True))
        assert difference(good, garbled) > 20


def test_a_card_carries_the_word() -> None:
    plain, labelled = render(CAT, 5, 128), render(CAT, 5, 128, Mishap(word="dog"))
    rows = np.abs(np.asarray(plain, float) - np.asarray(labelled, float)).mean(axis=(1, 2))
    assert (rows > 0).any()
    assert (rows == 0).sum() > 64
