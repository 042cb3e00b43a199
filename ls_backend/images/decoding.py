"""The threads in which files become pixels, and the memory that pixels take meanwhile.

malloc keeps a heap for each thread that asks for memory, and of an image of 50 megapixels gives
nothing back. So there are as many threads as processors, only so many pixels are in memory at
a time, and after large images malloc is told to return what it keeps.
"""

from __future__ import annotations

import ctypes
import threading
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any, TypeVar

from ls_backend.clip.devices import cpu_quota

PIXELS_AT_ONCE = 64_000_000
"""Pixels in memory at a time, of all images; four to twelve bytes each. A larger image is alone."""
LARGE_PIXELS = 4_000_000
"""Pixels of an image after which memory is given back."""

T = TypeVar("T")
Take = Callable[[int], None]


class Decoding:
    """Threads that decode within a budget of pixels. Safe to share between threads."""

    def __init__(self, pixels: int = PIXELS_AT_ONCE) -> None:
        self._budget = PixelBudget(pixels)
        self._threads = ThreadPoolExecutor(cpu_quota(), thread_name_prefix="decode")

    def submit(self, use: Callable[[Take], T]) -> Future[T]:
        """What `use` returns, later. It takes pixels before it has them, and keeps none of them.

        The function that it is given waits until so many more pixels may be in memory.
        """
        return self._threads.submit(self._used, use)

    def close(self) -> None:
        """End all threads; what waits is dropped."""
        self._threads.shutdown(cancel_futures=True)

    def _used(self, use: Callable[[Take], T]) -> T:
        taken: list[int] = []

        def take(pixels: int) -> None:
            taken.append(self._budget.take(pixels))

        try:
            return use(take)
        except Exception as error:
            _let_go(error)
            raise
        finally:
            self._budget.give_back(sum(taken))
            if sum(taken) >= LARGE_PIXELS:
                give_back_memory()


class PixelBudget:
    """So many pixels at a time; who asks first gets them first.

    Args:
        pixels: The budget; one who asks for more gets all of it.
    """

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._asking: deque[object] = deque()
        self._changed = threading.Condition()

    def take(self, pixels: int) -> int:
        """How many are taken, once they are free."""
        wanted, ticket = min(pixels, self._all), object()
        with self._changed:
            self._asking.append(ticket)
            self._changed.wait_for(lambda: self._asking[0] is ticket and self._free >= wanted)
            self._asking.popleft()
            self._free -= wanted
            self._changed.notify_all()
        return wanted

    def give_back(self, pixels: int) -> None:
        with self._changed:
            self._free += pixels
            self._changed.notify_all()


def give_back_memory() -> None:
    """Have malloc return freed memory to the system, where it is glibc's; others do so anyway."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)


def _let_go(error: BaseException | None) -> None:
    """An error holds the variables of all that it went through, pixels too."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


@cache
def _malloc_trim() -> Any:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):  # no glibc; on Windows None names no library
        return None
