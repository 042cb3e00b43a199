"""Near duplicates are told from vectors, in order, whatever blocks are compared at once."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from importers.config.sections import SelectionSettings
from importers.scoring import looks as module
from importers.scoring.looks import Vectors, near_duplicates, packed, unpacked
from importers.sketch.draw import draw
from ls_backend.clip.clip import Clip


def unit(rows: np.ndarray) -> Vectors:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def at_angles(*degrees: float) -> Vectors:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_the_first_leads_and_the_nearest_leader_is_named() -> None:
    found = near_duplicates(at_angles(0, 40, 3, 38, 0, 90), threshold=np.cos(np.radians(5)))
    assert found == {2: 0, 3: 1, 4: 0}


def test_a_chain_of_small_steps_ends_where_it_is_far_from_its_start() -> None:
    assert near_duplicates(at_angles(0, 4, 8, 12), np.cos(np.radians(5))) == {1: 0, 3: 2}


def test_what_is_settled_leads_even_where_it_is_alike() -> None:
    found = near_duplicates(at_angles(0, 1, 2, 60), np.cos(np.radians(5)), settled=2)
    assert found == {2: 1}


def test_the_same_image_reaches_every_threshold_but_no_other_does() -> None:
    random = np.random.default_rng(0)
    rows = unpacked(packed(unit(random.normal(size=(50, 64)))))
    assert near_duplicates(np.concatenate([rows, rows]), 1.0) == {50 + i: i for i in range(50)}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), count=st.integers(2, 40), block=st.integers(1, 7))
def test_blocks_make_no_difference(seed: int, count: int, block: int) -> None:
    rows = unit(np.random.default_rng(seed).normal(size=(count, 3)))
    whole = near_duplicates(rows, 0.9, settled=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", block)
        patch.setattr(module, "LEADERS_AT_ONCE", block)
        assert near_duplicates(rows, 0.9, settled=1) == whole
    more = unit(np.random.default_rng(seed + 1).normal(size=(5, 3)))
    later = near_duplicates(np.concatenate([rows, more]), 0.9, settled=1)
    assert {row: leader for row, leader in later.items() if row < count} == whole


def test_half_precision_keeps_cosines() -> None:
    rows = unit(np.random.default_rng(0).normal(size=(40, 512)))
    again = unpacked(packed(rows))
    assert len(packed(rows)[0]) == 1024
    assert np.abs(again @ again.T - rows @ rows.T).max() < 1e-4


@pytest.fixture(scope="module")
def clip() -> Clip:
    return Clip.load("sketch")


DEFAULT = SelectionSettings().near_duplicates


def drawing(prompt: str, seed: int) -> Image.Image:
    with Image.open(io.BytesIO(draw(prompt, seed, 256).png)) as image:
        return image.convert("RGB")


def test_by_default_drawings_of_one_prompt_are_not_near_duplicates(clip: Clip) -> None:
    for prompt in ("a photo of a red cat in the studio", "a watercolour of a boat at night"):
        vectors = clip.encode_images([drawing(prompt, seed) for seed in range(60)])
        assert near_duplicates(vectors, DEFAULT) == {}


def test_by_default_copies_of_a_picture_are_near_duplicates(clip: Clip) -> None:
    first = drawing("a photo of a red cat on the beach", 3)
    file = io.BytesIO()
    first.save(file, "JPEG", quality=90)
    copies = [first, Image.open(file).convert("RGB"), first.resize((224, 224))]
    vectors = clip.encode_images([*copies, drawing("a photo of a red cat on the beach", 4)])
    assert near_duplicates(vectors, DEFAULT) == {1: 0, 2: 0}
