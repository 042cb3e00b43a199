"""From tasks to vectors: in order, in time, and once."""

from __future__ import annotations

import dataclasses
import io
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawings import Draw
from image_host import Answer, ImageHost, body, dripping

from ls_backend.clip.clip import Clip
from ls_backend.errors import ImageError
from ls_backend.images import task_images
from ls_backend.images.image_vectors import ImageParts, ImageVectors
from ls_backend.images.task_images import LABEL_STUDIO_AT_ONCE, TaskImages
from ls_backend.label_studio import Credentials
from ls_backend.settings import Settings

LABELS = ("cat", "dog", "bus", "fish")
Start = Callable[..., ImageVectors]


def png(drawing: Draw, label: str) -> bytes:
    buffer = io.BytesIO()
    drawing(label).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def settings(host: ImageHost, tmp_path: Path, drawing: Draw) -> Settings:
    for label in LABELS:
        host.routes[f"/data/upload/1/{label}.png"] = body(png(drawing, label))
        host.routes[f"/elsewhere/{label}.png"] = body(png(drawing, label))
    host.routes["/slow.png"] = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x")
    return Settings(label_studio=Credentials(host.url, "t" * 40), cache_dir=tmp_path)


@pytest.fixture
def start(clip: Clip, settings: Settings) -> Iterator[Start]:
    started: list[ImageVectors] = []

    def begin(**changes: Any) -> ImageVectors:
        chosen = dataclasses.replace(settings, **changes)
        started.append(ImageVectors(clip, TaskImages(chosen), chosen))
        return started[-1]

    yield begin
    for vectors in started:
        vectors.close()


class Crowd:
    """Answers when `expected` are asked at once; waits a while to see if one more is."""

    def __init__(self, answer: Answer, expected: int) -> None:
        self.largest = 0
        self._answer = answer
        self._expected = expected
        self._here = 0
        self._changed = threading.Condition()

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        with self._changed:
            self._here += 1
            self.largest = max(self.largest, self._here)
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.largest >= self._expected, 30)
            self._changed.wait_for(lambda: self.largest > self._expected, 0.5)
            self._here -= 1
        self._answer(request)


def look(path: str) -> ImageParts:
    return ImageParts({"id": 1, "data": {"image": path}}, "image")


def uploads(labels: list[str]) -> list[ImageParts]:
    return [look(f"/data/upload/1/{label}.png") for label in labels]


def test_each_look_gets_its_own_vector_or_its_own_error(
    start: Start, clip: Clip, drawing: Draw
) -> None:
    labels = [*LABELS, "nothing"] * 20

    found = start(cache_max_bytes=0).encode(uploads(labels))

    expected = dict(zip(LABELS, clip.encode_images([drawing(x) for x in LABELS]), strict=True))
    for label, answer in zip(labels, found, strict=True):
        if label == "nothing":
            assert isinstance(answer, ImageError)
            assert answer.code == "http_404"
        else:
            assert not isinstance(answer, ImageError)
            assert np.abs(answer[0] - expected[label]).max() <= 1e-5


def test_an_upload_is_fetched_once_and_another_address_each_time(
    start: Start, host: ImageHost
) -> None:
    looks = [*uploads(["cat"]), look("/elsewhere/cat.png")]
    first = start().encode(looks)
    second = start().encode(looks)

    assert [asked.path for asked in host.asked].count("/data/upload/1/cat.png") == 1
    assert [asked.path for asked in host.asked].count("/elsewhere/cat.png") == 2
    assert np.array_equal(np.array(first), np.array(second))


def test_what_is_not_there_in_time_is_left_over_and_the_rest_is_not_lost(start: Start) -> None:
    vectors = start(cache_max_bytes=0, image_seconds=5.0)
    began = time.monotonic()

    found = vectors.encode(
        [look("/slow.png"), *uploads(["cat"]), look("/slow.png")], time.monotonic() + 1.5
    )

    assert time.monotonic() - began < 4
    assert [getattr(answer, "code", "seen") for answer in found] == [
        "out_of_time", "seen", "out_of_time",
    ]  # fmt: skip


def test_one_image_does_not_wait_for_anothers_thousand(start: Start) -> None:
    vectors = start(cache_max_bytes=0, image_seconds=20.0)
    until = time.monotonic() + 5
    slow = [
        threading.Thread(target=vectors.encode, args=([look("/slow.png")] * 1000, until))
        for _ in range(4)
    ]
    for caller in slow:
        caller.start()
    time.sleep(0.3)
    found = vectors.encode(uploads(["cat"]), time.monotonic() + 30)
    still_slow = all(caller.is_alive() for caller in slow)
    for caller in slow:
        caller.join()

    assert not isinstance(found[0], ImageError)
    assert still_slow


def test_label_studio_is_asked_for_few_images_at_once(
    start: Start, host: ImageHost, drawing: Draw, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_images, "TURN_SECONDS", 60.0)
    crowd = Crowd(body(png(drawing, "cat")), LABEL_STUDIO_AT_ONCE)
    paths = [f"/data/upload/1/{number}.png" for number in range(2 * LABEL_STUDIO_AT_ONCE)]
    host.routes |= dict.fromkeys(paths, crowd)

    found = start(cache_max_bytes=0).encode([look(path) for path in paths])

    assert not any(isinstance(answer, ImageError) for answer in found)
    assert crowd.largest == LABEL_STUDIO_AT_ONCE


def test_parts_of_an_image_are_read_once_and_remembered_apart(
    start: Start, host: ImageHost, clip: Clip, drawing: Draw
) -> None:
    boxes = ((0.0, 0.0, 0.5, 1.0), None, (0.5, 0.0, 1.0, 1.0))
    task = {"id": 1, "data": {"image": "/data/upload/1/cat.png"}}
    looks = [ImageParts(task, "image", boxes), ImageParts(task, "image", boxes[1:])]
    cat = drawing("cat")
    left = cat.crop((0, 0, cat.width // 2, cat.height))
    right = cat.crop((cat.width // 2, 0, cat.width, cat.height))

    first, second = start().encode(looks[:1])[0], start().encode(looks[1:])[0]

    assert not isinstance(first, ImageError)
    assert np.abs(first - clip.encode_images([left, cat, right])).max() <= 1e-5
    assert np.array_equal(first[1:], np.array(second))
    assert len(host.asked) == 1
