"""How many pixels are in memory at a time, and that memory is given back."""

from __future__ import annotations

import base64
import platform
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from image_files import encoded
from PIL import Image

from ls_backend.clip.clip import Clip
from ls_backend.clip.devices import cpu_quota
from ls_backend.errors import ImageError
from ls_backend.images import decoding
from ls_backend.images.decoding import Decoding, PixelBudget, Take
from ls_backend.images.image_vectors import ImageParts, ImageVectors
from ls_backend.images.pixels import decode_image
from ls_backend.images.task_images import TaskImages
from ls_backend.settings import Settings

SIDE = 1000


@pytest.fixture
def large() -> bytes:
    """Four megapixels with transparency, in few bytes."""
    return encoded(Image.new("RGBA", (2 * SIDE, 2 * SIDE), (255, 0, 0, 128)))


@pytest.fixture
def start() -> Iterator[Callable[[int], Decoding]]:
    started: list[Decoding] = []

    def begin(pixels: int) -> Decoding:
        started.append(Decoding(pixels))
        return started[-1]

    yield begin
    for threads in started:
        threads.close()


class Watch:
    """Counts the pixels of images that are decoded, and not let go."""

    def __init__(self) -> None:
        self.most = self.most_threads = 0
        self._now = self._threads = 0
        self._lock = threading.Lock()

    def decoded(self, data: bytes, take: Take) -> tuple[int, int]:
        image = decode_image(data, before_pixels=lambda pixels: self._count(pixels, take))
        with self._lock:
            self._now -= image.width * image.height
            self._threads -= 1
        return image.size

    def _count(self, pixels: int, take: Take) -> None:
        take(pixels)
        with self._lock:
            self._now += pixels
            self._threads += 1
            self.most = max(self.most, self._now)
            self.most_threads = max(self.most_threads, self._threads)


def test_pixels_in_memory_stay_within_the_budget(
    start: Callable[[int], Decoding], large: bytes
) -> None:
    one, watch = (2 * SIDE) ** 2, Watch()
    threads = start(one + one // 2)  # room for one, and not for two
    small = encoded(Image.new("RGB", (SIDE, SIDE)))

    coming = [
        threads.submit(lambda take, data=data: watch.decoded(data, take))
        for data in [large, small] * 6
    ]

    assert [future.result(60) for future in coming] == [(2 * SIDE,) * 2, (SIDE,) * 2] * 6
    assert one <= watch.most <= one + one // 2
    assert watch.most_threads <= cpu_quota()


def test_an_image_beyond_the_budget_is_decoded_alone(
    start: Callable[[int], Decoding], large: bytes
) -> None:
    threads, watch = start(1000), Watch()

    coming = [threads.submit(lambda take: watch.decoded(large, take)) for _ in range(4)]

    assert [future.result(60) for future in coming] == [(2 * SIDE,) * 2] * 4
    assert watch.most_threads == 1


def test_an_image_that_fails_gives_its_pixels_back(
    start: Callable[[int], Decoding], large: bytes
) -> None:
    threads, watch = start(1000), Watch()
    half = large[: len(large) // 2]

    broken = threads.submit(lambda take: watch.decoded(half, take))
    whole = threads.submit(lambda take: watch.decoded(large, take))

    with pytest.raises(ImageError, match="damaged"):
        broken.result(60)
    assert whole.result(60) == (2 * SIDE, 2 * SIDE)


def test_who_asks_first_gets_pixels_first() -> None:
    budget = PixelBudget(10)
    turns: list[str] = []
    budget.take(8)

    def wait_for(pixels: int, name: str) -> None:
        budget.take(pixels)
        turns.append(name)

    large = threading.Thread(target=wait_for, args=(10, "large"))
    large.start()
    while not budget._asking:
        pass
    small = threading.Thread(target=wait_for, args=(1, "small"))  # for which there is room
    small.start()
    while len(budget._asking) < 2:
        pass
    budget.give_back(8)
    large.join(30)
    budget.give_back(10)
    small.join(30)

    assert turns == ["large", "small"]


def test_memory_is_given_back_after_large_images_alone(
    start: Callable[[int], Decoding], large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_back: list[int] = []
    monkeypatch.setattr(decoding, "give_back_memory", lambda: given_back.append(1))
    threads, watch = start(10**9), Watch()
    small = encoded(Image.new("RGB", (SIDE, SIDE)))

    threads.submit(lambda take: watch.decoded(small, take)).result(60)
    assert given_back == []
    threads.submit(lambda take: watch.decoded(large, take)).result(60)
    assert given_back == [1]


def test_malloc_can_be_told_to_give_memory_back_where_it_is_glibcs() -> None:
    trim = decoding._malloc_trim()
    assert (trim is not None) == (platform.libc_ver()[0] == "glibc")
    assert trim is None or trim(0) in (0, 1)


def test_images_of_tasks_are_decoded_within_the_budget(
    clip: Clip, tmp_path: Path, large: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[int] = []
    monkeypatch.setattr(PixelBudget, "take", lambda _, pixels: taken.append(pixels) or pixels)
    settings = Settings(cache_dir=tmp_path)
    vectors = ImageVectors(clip, TaskImages(settings), settings)
    inline = "data:image/png;base64," + base64.b64encode(large).decode()

    found = vectors.encode([ImageParts({"id": 1, "data": {"image": inline}}, "image")])
    vectors.close()

    assert not isinstance(found[0], ImageError)
    assert taken == [(2 * SIDE) ** 2]
