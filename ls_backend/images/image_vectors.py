"""Images of tasks → unit vectors, many at a time.

Owns the threads that fetch, and the common batches in which images of all requests meet the model.
Each request has a few images under way and no more, so one open task is not held up behind
a thousand. Whatever goes wrong with an image, short of the model's failing, is that image's error.
"""

from __future__ import annotations

import hashlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_backend.clip.clip import Clip
from ls_backend.errors import ImageError
from ls_backend.images.decoding import Decoding, Take
from ls_backend.images.pixels import Box, cropped
from ls_backend.images.task_images import TaskImages
from ls_backend.images.vector_cache import VectorCache
from ls_backend.metrics import BATCH_IMAGES, CACHE, QUEUE_DEPTH, count_images
from ls_backend.settings import Settings
from ls_backend.zero_shot import Vectors

OUT_OF_TIME = "out_of_time"
"""Code of an image whose turn did not come before the deadline."""
UNFORESEEN = "unforeseen"
"""Code of an image that failed in a way that nobody thought of; the log has where."""

THREADS = 128
UNDER_WAY = 48
"""Images that are read, or wait for the model, at the same time; all requests share them."""
LEAST_UNDER_WAY = 2
"""Images under way of one request, however many requests there are."""
NAP_SECONDS = 1.0
"""Longest wait before a request checks again whether it must answer sooner."""

LARGEST_BATCH = 32
"""Images in one batch on the model."""
SMOOTHING = 0.8
"""Share of the past in the running mean of a batch's seconds."""

Vector = NDArray[np.float32]
_Waiting = tuple[Any, "Future[Vector]"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ImageParts:
    """The image of a task, as a whole or parts of it.

    Attributes:
        task: The task, with its data.
        field: Field of the data with the image's address.
        boxes: The parts, each a box in shares of the image; None for the whole image.
    """

    task: Mapping[str, Any]
    field: str
    boxes: tuple[Box | None, ...] = (None,)


class ImageVectors:
    """Reads and encodes the images of tasks. Safe to share between threads.

    Args:
        clip: The model; nobody else encodes images with it meanwhile.
        images: Reads what a task points to.
        settings: Where vectors are remembered, and how many.
    """

    def __init__(self, clip: Clip, images: TaskImages, settings: Settings) -> None:
        self._clip = clip
        self._images = images
        self._requests = 0
        self._answer_by = float("inf")
        self._lock = threading.Lock()
        self._batcher = Batcher(clip.encode_pixels)
        self._readers = ThreadPoolExecutor(THREADS, thread_name_prefix="image")
        self._cache = VectorCache(settings.cache_dir, settings.cache_max_bytes)
        self._decoding = Decoding()

    def encode(
        self, images: Sequence[ImageParts], deadline: float = float("inf")
    ) -> list[Vectors | ImageError]:
        """Per image, in order, a unit vector for each box, shape (boxes, d); or why there is none.

        Args:
            deadline: `time.monotonic()` at which to answer; what is left over then has failed with
                the code "out_of_time".

        Raises:
            ModelError: The model fails.
        """
        names = [self._lasting_name(image) for image in images]
        answers: dict[int, Vectors | ImageError] = {**self._remembered(images, names)}
        missing = [
            (number, image, name)
            for number, (image, name) in enumerate(zip(images, names, strict=True))
            if number not in answers
        ]
        with self._counted():
            for number, future in self._finished(missing, deadline):
                answers[number] = _outcome(future)
        for number in range(len(images)):
            if number not in answers:
                count_images(OUT_OF_TIME)
                answers[number] = _out_of_time()
        return [answers[number] for number in range(len(images))]

    def answer_by(self, moment: float) -> None:
        """Answer every request, those under way too, by then (`time.monotonic()`)."""
        self._answer_by = moment

    def close(self) -> None:
        """End all threads; what waits is dropped."""
        self._readers.shutdown(cancel_futures=True)
        self._decoding.close()
        self._batcher.close()
        self._cache.close()

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._lock:
            self._requests += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests -= 1

    def _share(self) -> int:
        return max(LEAST_UNDER_WAY, UNDER_WAY // self._requests)

    def _lasting_name(self, image: ImageParts) -> str | None:
        with suppress(Exception):  # which comes again when the image is read, as its error
            return self._images.lasting_name(image.task, image.field)
        return None

    def _remembered(
        self, images: Sequence[ImageParts], names: Sequence[str | None]
    ) -> dict[int, Vectors]:
        """The vectors of images, by number, for which nothing need be read."""
        keys = [
            [self._key(name, box) for box in image.boxes] if name else []
            for image, name in zip(images, names, strict=True)
        ]
        known = self._cache.get([key for of_one in keys for key in of_one])
        found = {
            number: np.stack([known[key] for key in of_one])
            for number, of_one in enumerate(keys)
            if of_one and all(key in known for key in of_one)
        }
        CACHE.labels("hit").inc(len(found))
        count_images("ok", len(found))
        return found

    def _finished(
        self, images: Sequence[tuple[int, ImageParts, str | None]], deadline: float
    ) -> Iterator[tuple[int, Future[Vectors]]]:
        ahead = iter(images)
        under_way: dict[Future[Vectors], int] = {}
        try:
            while True:
                while len(under_way) < self._share() and (following := next(ahead, None)):
                    number, image, name = following
                    under_way[self._readers.submit(self._read, image, name, deadline)] = number
                left = min(deadline, self._answer_by) - time.monotonic()
                if not under_way or left <= 0:
                    return
                for future in wait(under_way, min(left, NAP_SECONDS), FIRST_COMPLETED).done:
                    yield under_way.pop(future), future
        finally:
            for future in under_way:
                future.cancel()

    def _read(self, image: ImageParts, name: str | None, deadline: float) -> Vectors:
        """The image's vectors, and the cache keeps them: under its content, and its name."""
        with _its_own_fault():
            keys, known, coming = self._started(image, deadline)
        for key, future in coming.items():
            known[key] = future.result()  # the model's fault, if any
        with _its_own_fault():
            for box, key in zip(image.boxes, keys, strict=True):
                self._cache.put(known[key], key, *([self._key(name, box)] if name else []))
            return np.stack([known[key] for key in keys])

    def _started(
        self, image: ImageParts, deadline: float
    ) -> tuple[list[str], dict[str, Vector], dict[str, Future[Vector]]]:
        """The key of each box, the vectors that are remembered, and those on their way."""
        _check_time(deadline)
        with self._batcher.expecting():
            data = self._images.fetch(image.task, image.field)
            content = hashlib.sha256(data).hexdigest()
            keys = [self._key(content, box) for box in image.boxes]
            known = self._cache.get(keys)
            boxes = dict(zip(keys, image.boxes, strict=True))
            missing = {key: box for key, box in boxes.items() if key not in known}
            CACHE.labels("miss" if missing else "hit").inc()
            if not missing:
                return keys, known, {}
            submitted = partial(self._submitted, data, missing, deadline)
            return keys, known, self._decoding.submit(submitted).result()

    def _submitted(
        self, data: bytes, boxes: Mapping[str, Box | None], deadline: float, take: Take
    ) -> dict[str, Future[Vector]]:
        _check_time(deadline)
        image = self._images.decode(data, take)
        return {
            key: self._batcher.submit(self._clip.preprocess(cropped(image, box) if box else image))
            for key, box in boxes.items()
        }

    def _key(self, what: str, box: Box | None) -> str:
        place = "" if box is None else " {:.6f} {:.6f} {:.6f} {:.6f}".format(*box)
        return f"{self._clip.fingerprint[:32]} {what}{place}"


class Batcher:
    """Encodes images of many threads in common batches.

    Args:
        encode: Preprocessed images → their vectors, shape (n, d), in order.
        most: Images in one batch at most; twice as many may wait, then `submit` blocks its caller.
    """

    def __init__(self, encode: Callable[[Sequence[Any]], Any], most: int = LARGEST_BATCH) -> None:
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


def _outcome(future: Future[Vectors]) -> Vectors | ImageError:
    try:
        vectors = future.result()
    except ImageError as error:
        count_images(error.code)
        # It is kept until the request is answered; its file, which its trace holds, is not.
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    count_images("ok")
    return vectors


@contextmanager
def _its_own_fault() -> Iterator[None]:
    """Whatever is raised within becomes the error of one image."""
    try:
        yield
    except ImageError:
        raise
    except Exception as error:
        log.error("an image failed in a way that was not foreseen", exc_info=error)
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")[:200]
        raise ImageError(
            f"The image cannot be used: {reason}.",
            hint="The log has the place of it: please report both.",
            code=UNFORESEEN,
        ) from error


def _check_time(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise _out_of_time()


def _out_of_time() -> ImageError:
    return ImageError(
        "The time for this request was over before the image's turn came.",
        hint="Use `ls-clip prelabel` for more than a few tasks.",
        code=OUT_OF_TIME,
    )
