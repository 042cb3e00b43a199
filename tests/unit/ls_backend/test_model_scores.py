"""Promises about every score: a probability, and the same whatever else was in the batch."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from backend_client import PLAIN, inline
from drawings import Draw
from hypothesis import given, settings
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface

from ls_backend.clip.clip import Clip
from ls_backend.images.image_vectors import ImageVectors
from ls_backend.images.task_images import TaskImages
from ls_backend.labels.config import read_label_config
from ls_backend.labels.vectors import LabelVectors
from ls_backend.metrics import BATCH_IMAGES
from ls_backend.model import ClipModel

BOX = '<Rectangle name="box" toName="image"/>'
CONTROLS = (
    "<Choices {}><Choice value='cat'/></Choices>",
    "<Choices {}><Choice value='cat'/><Choice value='Other'/></Choices>",
    "<Choices {}><Choice value='cat'/><Choice value='bus'/><Choice value='dog'/></Choices>",
    "<Choices {} choice='multiple'><Choice value='cat'/><Choice value='bus'/></Choices>",
    "<Choices {} choice='multiple' clip_threshold='1'><Choice value='cat'/></Choices>",
    "<Choices {} perRegion='true'><Choice value='cat'/><Choice value='bus'/></Choices>",
    "<Taxonomy {}><Choice value='a'><Choice value='cat'/></Choice><Choice value='b'/></Taxonomy>",
    "<RectangleLabels {}><Label value='cat'/><Label value='bus'/></RectangleLabels>",
)
ATTRIBUTES = (
    "", "clip_claim='$label'", "clip_claim='$label' clip_prefill='clip'", "clip_fit='$prompt'",
    "clip_claim='$label' clip_prefill='none'",
)  # fmt: skip
REGIONS = [
    {
        "id": f"r{left}", "from_name": "box", "to_name": "image", "type": "rectangle",
        "original_width": 9, "original_height": 9, "image_rotation": 0,
        "value": {"x": left, "y": 0, "width": 50, "height": 100, "rotation": 0},
    }
    for left in (0, 50)
]  # fmt: skip
CONFIGS = [
    '<View><Image name="image" value="$image"/>'
    + (BOX if "perRegion" in control else "")
    + control.format(f"name='what' toName='image' {attributes}")
    + "</View>"
    for control in CONTROLS
    for attributes in ATTRIBUTES
]


class Numbers(Clip):
    """A model whose vectors are drawn by lot."""

    def __init__(self, seed: int, scale: float, bias: float | None) -> None:
        self.name, self.fingerprint = "lot", str(seed)
        self.logit_scale, self.logit_bias = scale, bias
        self.lot = np.random.default_rng(seed)

    def encode_texts(self, texts: Any) -> Any:
        return self.encode_images(texts)

    def encode_images(self, images: Any) -> Any:
        rows = self.lot.normal(size=(len(images), 3)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True) if len(rows) else rows


@settings(max_examples=400, deadline=None)
@given(
    config=st.sampled_from(CONFIGS),
    seed=st.integers(0, 1000),
    scale=st.floats(0.01, 300),
    bias=st.none() | st.floats(-100, 100),
    claim=st.sampled_from(["cat", "bus", "a / cat", ["cat", "bus"], "cow", None, 7]),
    prompt=st.sampled_from(["a cat", "", None, 7]),
)
def test_every_score_is_a_finite_probability_and_every_prediction_is_accepted(
    config: str, seed: int, scale: float, bias: float | None, claim: Any, prompt: Any
) -> None:
    clip = Numbers(seed, scale, bias)
    model = ClipModel(clip)
    model._texts = LabelVectors(clip.encode_texts)
    data = {"image": "x", "label": claim, "prompt": prompt}
    task = {"id": 1, "data": data, "annotations": [{"result": REGIONS}]}

    (said,) = model.predict(
        [task],
        read_label_config(config),
        lambda looks: [clip.encode_images(look.boxes) for look in looks],
    )

    assert isinstance(said, dict)
    for scored in (said, *said["result"]):
        if scored is said or scored["from_name"] == "what":
            assert type(scored["score"]) is float
            assert math.isfinite(scored["score"])
            assert 0 <= scored["score"] <= 1
    assert LabelInterface(config).validate_prediction(said, return_errors=True) == []


@pytest.fixture
def vectors(clip: Clip) -> Iterator[ImageVectors]:
    """Reads and encodes through the real batcher, and remembers nothing."""
    vectors = ImageVectors(clip, TaskImages(PLAIN), PLAIN)
    yield vectors
    vectors.close()


PICTURES = ("cat", "dog", "bus", "fish", "tree", "star")
MIXED = read_label_config(
    '<View><Image name="image" value="$image"/><Choices name="c" toName="image">'
    '<Choice value="cat"/><Choice value="dog"/><Choice value="Other"/></Choices></View>'
)


def largest_batch() -> float:
    """The upper edge of the largest batch so far."""
    buckets = [s for m in BATCH_IMAGES.collect() for s in m.samples if s.name.endswith("_bucket")]
    filled = [float(b.labels["le"]) for b in buckets if b.value < buckets[-1].value]
    return max(filled, default=0.0)


def test_a_score_does_not_depend_on_its_batch_mates(
    clip: Clip, drawing: Draw, vectors: ImageVectors
) -> None:
    """Twelve requests at a time, each with a mixture of its own, all through one batcher."""
    model, shown = ClipModel(clip), {name: inline(drawing, name) for name in PICTURES}
    assert clip.precision == "float32"

    def scores(names: list[str]) -> list[float]:
        tasks = [{"id": n, "data": {"image": shown[name]}} for n, name in enumerate(names)]
        return [answer["score"] for answer in model.predict(tasks, MIXED, vectors.encode)]  # type: ignore[call-overload]

    alone = {name: scores([name])[0] for name in PICTURES}
    lot = random.Random(3)
    requests = [lot.choices(PICTURES, k=lot.randint(1, 30)) for _ in range(36)]
    with ThreadPoolExecutor(12) as callers:
        answers = list(callers.map(scores, requests))

    assert largest_batch() >= 4
    for names, found in zip(requests, answers, strict=True):
        for name, score in zip(names, found, strict=True):
            assert abs(score - alone[name]) <= 1e-5
