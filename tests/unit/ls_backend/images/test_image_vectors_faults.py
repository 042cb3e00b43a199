"""One image fails in a way that nobody foresaw: the others of the request do not notice."""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from backend_client import CONFIG, inline
from drawings import Draw
from flask.testing import FlaskClient
from image_files import encoded
from image_host import ImageHost, body, raw
from PIL import Image

from ls_backend.clip.clip import Clip
from ls_backend.errors import ImageError, ModelError
from ls_backend.images.image_vectors import UNFORESEEN, ImageParts, ImageVectors
from ls_backend.images.task_images import TaskImages
from ls_backend.settings import Settings

GOOD = 19
ODD = (3, 5)
"""Size of the picture that fails."""
NEGATIVE_CHUNK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"

Break = Callable[[ImageVectors, pytest.MonkeyPatch], None]


@pytest.fixture
def vectors(clip: Clip, tmp_path: Path) -> Iterator[ImageVectors]:
    settings = Settings(allowed_hosts=frozenset({"127.0.0.1"}), cache_dir=tmp_path)
    vectors = ImageVectors(clip, TaskImages(settings), settings)
    yield vectors
    vectors.close()


@pytest.fixture
def looks(host: ImageHost, drawing: Draw) -> list[ImageParts]:
    """Good ones, and the picture of an odd size last."""
    host.routes["/good.png"] = body(encoded(drawing("cat")))
    host.routes["/odd.png"] = body(encoded(Image.new("RGB", ODD)))
    urls = [f"{host.url}/good.png?{number}" for number in range(GOOD)]
    return [
        ImageParts({"id": number, "data": {"image": url}}, "image")
        for number, url in enumerate([*urls, f"{host.url}/odd.png"])
    ]


def fails(function: Callable[..., Any], error: Exception, is_odd: Callable[..., bool]) -> Any:
    def failing(*args: Any, **kwargs: Any) -> Any:
        if is_odd(*args):
            raise error
        return function(*args, **kwargs)

    return failing


def naming(vectors: ImageVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    images = vectors._images
    for stage in ("lasting_name", "fetch"):
        broken = fails(
            getattr(images, stage), LookupError("odd"), lambda task, _: "odd" in str(task)
        )
        monkeypatch.setattr(images, stage, broken)


def fetching(vectors: ImageVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    images = vectors._images
    broken = fails(images.fetch, ZeroDivisionError("odd"), lambda task, _: "odd" in str(task))
    monkeypatch.setattr(images, "fetch", broken)


def decoding(vectors: ImageVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    images, odd = vectors._images, encoded(Image.new("RGB", ODD))
    monkeypatch.setattr(
        images, "decode", fails(images.decode, MemoryError(), lambda data, _: data == odd)
    )


def preprocessing(vectors: ImageVectors, monkeypatch: pytest.MonkeyPatch) -> None:
    clip = vectors._clip
    broken = fails(clip.preprocess, RecursionError("odd"), lambda image: image.size == ODD)
    monkeypatch.setattr(clip, "preprocess", broken)


@pytest.mark.parametrize("stage", [naming, fetching, decoding, preprocessing])
def test_what_one_image_raises_is_its_own_error(
    vectors: ImageVectors, looks: list[ImageParts], monkeypatch: pytest.MonkeyPatch, stage: Break,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    stage(vectors, monkeypatch)

    found = vectors.encode(looks)

    assert not any(isinstance(answer, ImageError) for answer in found[:GOOD])
    assert isinstance(found[-1], ImageError)
    assert found[-1].code == UNFORESEEN
    assert "Error" in found[-1].message
    assert [record.exc_info is not None for record in caplog.records] == [True]


def test_what_the_model_raises_is_everybodys(
    vectors: ImageVectors, looks: list[ImageParts], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_pixels: object) -> Any:
        raise ModelError("The model fails.", hint="Use another.")

    monkeypatch.setattr(vectors._batcher, "_encode", fail)

    with pytest.raises(ModelError):
        vectors.encode(looks)


def test_a_chunk_of_negative_size_costs_its_own_task_alone(
    vectors: ImageVectors, looks: list[ImageParts], host: ImageHost
) -> None:
    host.routes["/odd.png"] = raw(NEGATIVE_CHUNK)

    found = vectors.encode(looks)

    assert [getattr(answer, "code", "seen") for answer in found] == [
        *["seen"] * GOOD, "broken_answer",
    ]  # fmt: skip


def test_errors_that_wait_for_the_others_hold_no_pixels(
    vectors: ImageVectors, host: ImageHost
) -> None:
    numbers = np.full((700, 700), 300.0, dtype=np.float32)  # which are no shares of white
    host.routes["/odd.tif"] = body(encoded(Image.fromarray(numbers), "TIFF"))
    looks = [
        ImageParts({"id": number, "data": {"image": f"{host.url}/odd.tif?{number}"}}, "image")
        for number in range(8)
    ]

    found = vectors.encode(looks)

    assert [getattr(answer, "code", "") for answer in found] == ["brightness"] * 8
    held = [
        thing for thing in gc.get_objects()
        if issubclass(type(thing), Image.Image) and thing.size == (700, 700)
    ]  # fmt: skip
    assert held == []


HALF = "\ud83d"
"""The first half of an emoji, as a text has it that was cut at a number of UTF-16 units."""
FIT = CONFIG.replace('clip_claim="$label"', 'clip_claim="$label" clip_fit="$prompt"')


@pytest.mark.parametrize(
    "odd",
    [
        {"image": f"/data/upload/1/{HALF}.png"},
        {"image": f"https://images.example/{HALF}.png"},
        {"image": f"https://{HALF}.example/a.png"},
        {"image": f"s3://bucket/{HALF}.png"},
        {"image": f"data:image/png;base64,{HALF}"},
        {"label": HALF},
        {"prompt": f"a cat {HALF}"},
        {"other": HALF, HALF: HALF},
    ],
    ids=lambda odd: ascii(odd),
)
def test_half_a_character_costs_its_own_task_at_most(
    client: FlaskClient, drawing: Draw, odd: dict[str, str]
) -> None:
    good = {"image": inline(drawing, "cat"), "label": "cat", "prompt": "a cat"}
    tasks = [{"id": 1, "data": good}, {"id": 2, "data": {**good, **odd}}, {"id": 3, "data": good}]

    answer = client.post(
        "/predict",
        data=json.dumps({"tasks": tasks, "label_config": FIT, "project": "1.1"}),
        content_type="application/json",
    )

    assert answer.status_code == 200
    first, second, third = answer.get_json()["results"]
    assert first["score"] == pytest.approx(third["score"], abs=1e-5)
    assert first["score"] > 0
    assert bool(second) == ("image" not in odd)


def test_half_a_character_in_an_address_is_named(vectors: ImageVectors, drawing: Draw) -> None:
    sources = [f"/data/upload/1/{HALF}.png", inline(drawing, "cat")]
    looks = [ImageParts({"id": 1, "data": {"image": source}}, "image") for source in sources]

    odd, good = vectors.encode(looks)

    assert isinstance(odd, ImageError)
    assert (odd.code, "half a character at place 16" in odd.message) == ("url", True)
    assert not isinstance(good, ImageError)
