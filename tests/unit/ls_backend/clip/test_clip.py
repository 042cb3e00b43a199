"""Vectors of images and texts: what they hang on, and what they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
from drawings import Draw
from hypothesis import given, settings
from hypothesis import strategies as st
from model_folders import random_model
from PIL import Image

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.zero_shot import probabilities, text_vectors

SAME = 1e-5


def test_vectors_are_of_unit_length(clip: Clip, drawing: Draw) -> None:
    images = clip.encode_images([drawing("cat"), drawing("dog")])
    texts = clip.encode_texts(["a cat", "", "a very long caption " * 50])

    assert images.dtype == texts.dtype == np.float32
    assert (len(images), len(texts)) == (2, 3)
    for vectors in (images, texts):
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(vectors)), abs=1e-5)


def test_nothing_in_nothing_out(clip: Clip) -> None:
    assert len(clip.encode_images([])) == len(clip.encode_texts([])) == 0


def test_images_and_texts_meet(clip: Clip, drawing: Draw) -> None:
    labels = ["cat", "bus", "tree", "fish"]

    cosines = (
        clip.encode_images([drawing(label) for label in labels])
        @ clip.encode_texts([f"a photo of a {label}" for label in labels]).T
    )

    assert cosines.argmax(axis=1).tolist() == [0, 1, 2, 3]


@settings(max_examples=10, deadline=None)
@given(
    order=st.permutations(["cat", "bus", "tree", "fish", "star", "dog"]), size=st.integers(1, 36)
)
def test_a_vector_does_not_depend_on_its_batch(
    clip: Clip, drawing: Draw, order: list[str], size: int
) -> None:
    picks = (order * 6)[:size]
    together = clip.encode_images([drawing(label) for label in picks])

    alone = clip.encode_images([drawing(picks[-1])])[0]

    assert np.abs(alone - together[-1]).max() <= SAME


def test_a_very_long_image_is_read_in_its_middle(clip: Clip, drawing: Draw) -> None:
    picture = drawing("cat").resize((64, 64))
    long = Image.new("RGB", (64 * 40, 64), "white")
    long.paste(picture, (64 * 40 // 2 - 32, 0))
    strip = Image.new("RGB", (20_000, 1))

    alone, middle, _ = clip.encode_images([picture, long, strip])

    assert float(alone @ middle) > 0.999


@pytest.fixture(scope="module")
def random_vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As deep as a ViT-B-32, half as wide, and knows nothing: for what holds of any weights."""
    config = open_clip.get_model_config("ViT-B-32")
    config["vision_cfg"]["width"] //= 2
    config["text_cfg"].update(width=256, heads=4)
    return random_model(tmp_path_factory.mktemp("models") / "random-vit", config)


@pytest.mark.parametrize("which", ["tiny", "random_vit"])
def test_bfloat16_gives_the_same_answers(
    which: str, drawing: Draw, request: pytest.FixtureRequest
) -> None:
    model = str(request.getfixturevalue("random_vit") if which == "random_vit" else MODEL_FOLDER)
    exact = Clip.load(model, device="cpu", precision="float32")
    short = Clip.load(model, device="cpu", precision="bfloat16")
    images = [
        drawing(label).rotate(angle)
        for label in ("cat", "dog", "bus", "fish", "tree")
        for angle in range(0, 360, 36)
    ]
    texts = text_vectors(("cat", "dog", "bus", "fish", "tree"), exact.encode_texts)

    shares = [
        probabilities(clip.encode_images(images), texts, clip.logit_scale)
        for clip in (exact, short)
    ]

    first, second = np.sort(shares[0], axis=1)[:, :-3:-1].T
    others = shares[0].argmax(axis=1) != shares[1].argmax(axis=1)
    assert (first - second)[others] == pytest.approx(0, abs=0.01)
    assert np.abs(shares[0] - shares[1]).mean() <= 0.01
    assert exact.fingerprint != short.fingerprint


@pytest.mark.parametrize("by", ["pixels", "images"])
def test_a_batch_that_does_not_fit_into_memory_is_halved(
    clip: Clip, drawing: Draw, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    images = [drawing(label) for label in ("cat", "dog", "bus", "fish", "tree")]
    whole = clip.encode_images(images)
    encode, sizes = clip._pixel_vectors, []

    def small_memory(batch: Any) -> Any:
        sizes.append(len(batch))
        if len(batch) > 1:
            raise RuntimeError("DefaultCPUAllocator: not enough memory")
        return encode(batch)

    monkeypatch.setattr(clip, "_pixel_vectors", small_memory)
    if by == "images":
        halved = clip.encode_images(images)
    else:
        halved = clip.encode_pixels([clip.preprocess(image) for image in images])

    assert np.abs(halved - whole).max() <= SAME
    assert sizes == [5, 2, 1, 1, 3, 1, 2, 1, 1]


def test_another_failure_is_no_lack_of_memory(
    clip: Clip, drawing: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries = []

    def broken(batch: Any) -> Any:
        tries.append(len(batch))
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(clip, "_pixel_vectors", broken)

    with pytest.raises(RuntimeError, match="shapes"):
        clip.encode_images([drawing("cat"), drawing("dog")])
    assert tries == [2]
