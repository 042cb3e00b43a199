"""Callers that ask /predict at the same time, while somebody watches /health."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import requests

from bench.pictures import CONFIG

HEALTH_EVERY_SECONDS = 0.1
GIVE_UP_SECONDS = 150.0


@dataclass(frozen=True)
class Run:
    """What callers saw: images answered, seconds of all of it, of each answer, of each /health."""

    images: int
    left_over: int
    seconds: float
    waits: tuple[float, ...]
    health: tuple[float, ...]

    @property
    def rate(self) -> float:
        """Images a second."""
        return self.images / self.seconds

    def wait(self, percentile: float) -> float:
        """Seconds that a caller waits for an answer; those that were told to come again, too."""
        return float(np.percentile(self.waits, percentile))

    @property
    def health_p99(self) -> float:
        """Seconds."""
        return float(np.percentile(self.health, 99)) if self.health else float("nan")


def run(
    url: str,
    tasks: Callable[[int], list[dict[str, Any]]],
    callers: int,
    seconds: float = 0.0,
    watch: bool = True,
) -> Run:
    """Each caller asks once, and then again until the time is over.

    Args:
        tasks: What to ask about in the n-th request of all.
        watch: Whether there is a /health to watch.
    """
    waits: list[float] = []
    numbers = iter(range(10**9))
    started = time.perf_counter()

    def call(_caller: int) -> tuple[int, int]:
        answered = left_over = 0
        with requests.Session() as session:
            while not answered + left_over or time.perf_counter() - started < seconds:
                body = {"tasks": tasks(next(numbers)), "label_config": CONFIG, "project": "1.1"}
                before = time.perf_counter()
                results = _asked(session, url, body)
                waits.append(time.perf_counter() - before)
                answered += sum(bool(result) for result in results)
                left_over += sum(not result for result in results)
        return answered, left_over

    with _watched(url, watch) as health, ThreadPoolExecutor(callers) as pool:
        counts = list(pool.map(call, range(callers)))
        took = time.perf_counter() - started
    answered, left_over = (sum(column) for column in zip(*counts, strict=True))
    return Run(answered, left_over, took, tuple(waits), tuple(health))


def _asked(session: requests.Session, url: str, body: dict[str, Any]) -> list[Any]:
    """The results; a backend that says it is busy is asked again."""
    until = time.perf_counter() + GIVE_UP_SECONDS
    while time.perf_counter() < until:
        answer = session.post(f"{url}/predict", json=body, timeout=GIVE_UP_SECONDS)
        if answer.status_code != 503:
            answer.raise_for_status()
            return list(answer.json()["results"])
        time.sleep(float(answer.headers["Retry-After"]))
    raise SystemExit(f"{url}/predict is busy for longer than {GIVE_UP_SECONDS:g} s")


@contextmanager
def _watched(url: str, watch: bool) -> Iterator[list[float]]:
    times: list[float] = []
    stop = threading.Event()

    def ask() -> None:
        with requests.Session() as session:  # Label Studio keeps its connections, too
            while not stop.wait(HEALTH_EVERY_SECONDS):
                before = time.perf_counter()
                session.get(f"{url}/health", timeout=60).raise_for_status()
                times.append(time.perf_counter() - before)

    watcher = threading.Thread(target=ask)
    if watch:
        watcher.start()
    try:
        yield times
    finally:
        stop.set()
        if watch:
            watcher.join()
