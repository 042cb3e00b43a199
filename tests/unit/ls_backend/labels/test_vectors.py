"""Text vectors: encoded once for all who ask, in portions, and not waited for without end."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from backend_client import PLAIN, loaded

from ls_backend.clip.clip import Clip
from ls_backend.errors import ModelError
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget
from ls_backend.labels.vectors import SETS_KEPT, TEXTS_IN_A_PORTION, LabelVectors
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app
from ls_backend.zero_shot import TEMPLATES, Vectors


def config(*names: str) -> str:
    labels = "".join(f'<Choice value="{name}"/>' for name in names)
    return (
        '<View><Image name="image" value="$image"/><Choices name="c" toName="image" '
        f'clip_background="">{labels}</Choices></View>'
    )


def target(*names: str) -> LabelTarget:
    return read_label_config(config(*names))


class Encoder:
    """Encodes once it is let go; remembers what it was asked."""

    def __init__(self, encode: Callable[[Sequence[str]], Vectors]) -> None:
        self.encode = encode
        self.go = threading.Event()
        self.go.set()
        self.asked: list[list[str]] = []
        self.failures = 0

    def __call__(self, texts: Sequence[str]) -> Vectors:
        self.asked.append(list(texts))
        self.go.wait(60)
        if self.failures:
            self.failures -= 1
            raise ModelError("no numbers", hint="h")
        return self.encode(texts)


@pytest.fixture
def encoder(clip: Clip) -> Encoder:
    return Encoder(clip.encode_texts)


def test_many_who_ask_at_once_wait_for_one_encoding(encoder: Encoder) -> None:
    texts = LabelVectors(encoder)
    encoder.go.clear()
    with ThreadPoolExecutor(8) as callers:
        asked = [callers.submit(texts.of, target("cat", "bus", "dog")) for _ in range(8)]
        encoder.go.set()
        found = [future.result() for future in asked]

    assert len(encoder.asked) == 1
    assert all(np.array_equal(found[0], each) for each in found)


def test_many_labels_go_in_portions_which_change_nothing(clip: Clip, encoder: Encoder) -> None:
    names = [f"thing {number}" for number in range(3 * TEXTS_IN_A_PORTION - 2)]

    found = LabelVectors(encoder).of(target(*names))

    assert [len(asked) // len(TEMPLATES) for asked in encoder.asked] == [
        TEXTS_IN_A_PORTION, TEXTS_IN_A_PORTION, TEXTS_IN_A_PORTION - 2,
    ]  # fmt: skip
    alone = [LabelVectors(clip.encode_texts).of(target(name, "x", "y"))[0] for name in names[-3:]]
    assert np.abs(found[-3:] - np.array(alone)).max() < 1e-5


def test_who_has_no_more_time_does_not_wait_and_finds_them_later(encoder: Encoder) -> None:
    texts = LabelVectors(encoder)
    encoder.go.clear()
    with pytest.raises(TimeoutError):
        texts.of(target("cat", "bus", "dog"), deadline=0.0)
    encoder.go.set()

    assert len(texts.of(target("cat", "bus", "dog"))) == 3
    assert len(encoder.asked) == 1


def test_a_failure_is_told_and_tried_again(encoder: Encoder) -> None:
    texts = LabelVectors(encoder)
    encoder.failures = 1

    with pytest.raises(ModelError):
        texts.of(target("cat", "bus", "dog"))
    assert len(texts.of(target("cat", "bus", "dog"))) == 3


def test_the_sets_used_last_are_kept(encoder: Encoder) -> None:
    texts = LabelVectors(encoder)
    sets = [target("cat", "bus", f"thing {number}") for number in range(SETS_KEPT + 1)]
    for each in (*sets[:-1], sets[0], sets[-1]):
        texts.of(each)
    asked = len(encoder.asked)

    texts.of(sets[0])
    assert len(encoder.asked) == asked
    texts.of(sets[1])
    assert len(encoder.asked) == asked + 1


def test_predict_does_not_outlast_its_time_while_labels_are_read(
    clip: Clip, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = ClipModel(clip)
    monkeypatch.setattr(model, "_texts", LabelVectors(encoder))
    in_no_time = dataclasses.replace(PLAIN, predict_seconds=0.0)
    app = create_app(loaded(model), in_no_time)
    body = {"tasks": [], "label_config": config("cat", "bus", "dog")}
    encoder.go.clear()

    refused = app.test_client().post("/predict", json=body)
    setup = app.test_client().post("/setup", json={"schema": body["label_config"]})
    encoder.go.set()
    model.study(read_label_config(config("cat", "bus", "dog")))
    answered = app.test_client().post("/predict", json=body)

    assert refused.status_code == 503
    assert refused.headers["Retry-After"]
    assert refused.get_json()["message"] == "CLIP still reads the 3 labels of 'c'."
    assert setup.status_code == 200
    assert answered.get_json() == {"results": []}
