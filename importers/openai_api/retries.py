"""Asking again: which errors of an API are met with another try, when, and for how long."""

from __future__ import annotations

import logging
import math
import random
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from importers.openai_api.errors import RateLimited, Temporary
from ls_backend.errors import GeneratorError
from ls_backend.retrying import retrying

if TYPE_CHECKING:
    from tenacity import Retrying

PATIENCE_S = 900.0
"""How long an API may say "later" before the run is stopped."""
LONGEST_BACKOFF_S = 30.0
"""The longest wait where an API does not say how long."""

log = logging.getLogger(__name__)

_REMEMBERED = 32
_FIRST_INTERVAL_S = 0.5
_LONGEST_INTERVAL_S = 60.0
_INCREASE = 0.05  # of the rate at which the API said "too many", for each request that passes


def api_retrying(
    errors: tuple[type[GeneratorError], ...],
    sleep: Callable[[float], None],
    *,
    patience_s: float,
    attempts: float = math.inf,
) -> Retrying:
    """Call a function until it meets none of these errors; see `retrying`."""
    return retrying(
        lambda error: isinstance(error, errors),
        asked_wait_s=lambda error: error.wait_s if isinstance(error, Temporary) else None,
        longest_backoff_s=LONGEST_BACKOFF_S,
        attempts=attempts,
        patience_s=patience_s,
        sleep=sleep,
    )


class Pace:
    """When the next request may leave; one for all threads.

    Args:
        sleep: Waits a number of seconds.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sleep = sleep
        self._clock = clock
        self._lock = threading.Lock()
        self._interval_s = 0.0
        self._step = 0.0
        self._next_at = self._resume_at = clock()
        self._slowed_at: float | None = None
        self._refusal: RateLimited | None = None
        self._refused_since = 0.0
        self._refused_in_a_row = 0
        self._passed_since_slowed = False
        self._passed: deque[float] = deque(maxlen=_REMEMBERED)

    @property
    def rate(self) -> float | None:
        """Requests in a second; None where nothing is slowed down."""
        with self._lock:
            return 1 / self._interval_s if self._interval_s else None

    def wait(self) -> float:
        """Wait for a turn to send; returns when that was, for `slow_down`.

        Raises:
            RateLimited: the API has said "later" for longer than anybody waits.
        """
        while True:
            with self._lock:
                waits_s = self._resume_at - self._refused_since
                if self._refusal is not None and waits_s > PATIENCE_S:
                    raise self._refusal
                now = self._clock()
                turn = max(self._next_at, self._resume_at)
                if turn <= now:
                    self._next_at = now + self._interval_s
                    return now
            self._sleep(turn - now)

    def slow_down(self, sent_at: float, refusal: RateLimited) -> None:
        """The API refused a request as one too many: everybody pauses.

        Args:
            sent_at: What `wait` returned for it. Of requests that were in the air together, only
                the first lowers the rate; and none before something has passed at the last one.
        """
        with self._lock:
            now = self._clock()
            first = self._slowed_at is None or sent_at >= self._slowed_at
            if self._refusal is None:
                self._refused_since = now
            self._refusal = refusal
            self._refused_in_a_row += first
            pause = self._backoff_s() if refusal.wait_s is None else refusal.wait_s
            self._resume_at = max(self._resume_at, now + pause)
            if first:
                if self._passed_since_slowed or not self._interval_s:
                    slower = 2 * (self._interval_s or self._mean_interval_s(now))
                    self._interval_s = min(slower, _LONGEST_INTERVAL_S)
                    self._step = _INCREASE / self._interval_s
                    self._passed_since_slowed = False
                self._slowed_at = self._resume_at
                log.info(
                    "%s: all requests wait %.0f s, then go on at %.1f a minute.",
                    refusal.message.rstrip("."),
                    self._resume_at - now,
                    60 / self._interval_s,
                )

    def speed_up(self) -> None:
        """A request passed."""
        with self._lock:
            self._passed.append(self._clock())
            self._refusal = None
            self._refused_in_a_row = 0
            self._passed_since_slowed = True
            if self._interval_s:
                self._interval_s = 1 / (1 / self._interval_s + self._step)

    def _mean_interval_s(self, now: float) -> float:
        if not self._passed:
            return _FIRST_INTERVAL_S
        return max((now - self._passed[0]) / len(self._passed), 1e-3)

    def _backoff_s(self) -> float:
        longest: float = min(LONGEST_BACKOFF_S, 2.0**self._refused_in_a_row)
        return random.uniform(longest / 2, longest)
