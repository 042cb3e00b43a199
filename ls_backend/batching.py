"""Pixels of all requests → one batch at a time on the model. Owns the model's one thread.

A batch takes what waits. Where more images are on their way, it waits for them, but no longer than
half of what a batch takes: an image that comes alone is not held up.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_backend.metrics import BATCH_IMAGES, QUEUE_DEPTH

MOST_AT_ONCE = 32
SMOOTHING = 0.8
"""Share of the past in the running mean of a batch's seconds."""

Vector = NDArray[np.float32]
_Waiting = tuple[Any, "Future[Vector]"]


class Batcher:
    """Encodes images of many threads in common batches.

    Args:
        encode: Preprocessed images → their vectors, shape (n, d), in order.
        most: Images in one batch at most; twice as many may wait, then `encode` blocks its caller.
    """

    def __init__(self, encode: Callable[[Sequence[Any]], Any], most: int = MOST_AT_ONCE) -> None:
        self._encode = encode
        self._most = most
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(2 * most)
        self._seconds = 0.0
        self._coming = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="model", daemon=True)
        self._thread.start()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """While an image is being made ready: batches wait a little for those."""
        with self._lock:
            self._coming += 1
        try:
            yield
        finally:
            with self._lock:
                self._coming -= 1

    def submit(self, pixels: Any) -> Future[Vector]:
        """The vector of one preprocessed image, later."""
        future: Future[Vector] = Future()
        self._queue.put((pixels, future))
        return future

    def close(self) -> None:
        """Encode what waits, then end the thread."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        is_open = True
        while is_open:
            batch, is_open = self._gathered()
            QUEUE_DEPTH.set(self._queue.qsize())
            wanted = [waiting for waiting in batch if waiting[1].set_running_or_notify_cancel()]
            if wanted:
                self._answer(wanted)

    def _gathered(self) -> tuple[list[_Waiting], bool]:
        batch: list[_Waiting] = []
        waiting = self._queue.get()
        until = time.monotonic() + self._seconds / 2
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == self._most:
                return batch, True
            try:
                left = until - time.monotonic() if self._coming else 0.0
                waiting = self._queue.get(timeout=max(0.0, left))
            except queue.Empty:
                return batch, True
        return batch, False

    def _answer(self, batch: list[_Waiting]) -> None:
        started = time.monotonic()
        BATCH_IMAGES.observe(len(batch))
        try:
            vectors = self._encode([pixels for pixels, _ in batch])
        except Exception as error:
            for _, future in batch:
                future.set_exception(error)
            return
        for (_, future), vector in zip(batch, vectors, strict=True):
            future.set_result(vector)
        took = time.monotonic() - started
        self._seconds = SMOOTHING * self._seconds + (1 - SMOOTHING) * took
