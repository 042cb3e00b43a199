"""Batches of one model thread, with numbers for images."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from ls_backend.images.image_vectors import Batcher


class Model:
    """Answers each number with itself, once it is let go; remembers its batches."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.batches: list[list[int]] = []

    def __call__(self, pixels: Sequence[Any]) -> Any:
        self.batches.append(list(pixels))
        self.go.wait(60)
        if -1 in pixels:
            raise ZeroDivisionError
        return np.array([[number] for number in pixels], dtype=np.float32)


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def batcher(model: Model) -> Iterator[Batcher]:
    batcher = Batcher(model, most=4)
    yield batcher
    model.go.set()
    batcher.close()


def test_what_waits_goes_together_and_each_gets_its_own(model: Model, batcher: Batcher) -> None:
    first = batcher.submit(0)
    while not model.batches:
        pass
    futures = [first, *(batcher.submit(number) for number in range(1, 7))]
    model.go.set()

    assert [future.result(60)[0] for future in futures] == [0, 1, 2, 3, 4, 5, 6]
    assert model.batches == [[0], [1, 2, 3, 4], [5, 6]]


def test_what_nobody_waits_for_any_more_is_left_out(model: Model, batcher: Batcher) -> None:
    first = batcher.submit(0)
    while not model.batches:
        pass
    given_up, wanted = batcher.submit(1), batcher.submit(2)
    assert given_up.cancel()
    model.go.set()

    assert (first.result(60)[0], wanted.result(60)[0]) == (0, 2)
    assert model.batches == [[0], [2]]


def test_a_batch_that_fails_does_not_end_the_next(model: Model, batcher: Batcher) -> None:
    model.go.set()
    with pytest.raises(ZeroDivisionError):
        batcher.submit(-1).result(60)

    assert batcher.submit(5).result(60)[0] == 5


def test_close_answers_what_waits(model: Model) -> None:
    batcher = Batcher(model, most=4)
    futures = [batcher.submit(number) for number in range(6)]
    model.go.set()
    batcher.close()

    assert all(future.done() for future in futures)
