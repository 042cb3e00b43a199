"""Asking again: which errors of an API are met with another try, when, and for how long."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import deque
from collections.abc import Callable

import tenacity

from importers.openai_api.errors import RateLimited, Temporary
from ls_backend.errors import GeneratorError

_log = logging.getLogger(__name__)
_backoff = tenacity.wait_random_exponential(multiplier=1, max=30)


def retrying(
    errors: tuple[type[GeneratorError], ...],
    sleep: Callable[[float], None],
    *,
    patience_s: float,
    attempts: int | None = None,
) -> tenacity.Retrying:
    """Call a function until it meets none of these errors; each next try is told in the log.

    Waits for as long as the API asks, else 1 to 30 s with jitter, longer after each failure.

    Args:
        sleep: Waits a number of seconds.
        patience_s: Seconds that are waited in all.
        attempts: Tries in all; None for as many as patience allows.
    """

    def stop(state: tenacity.RetryCallState) -> bool:
        if attempts is not None and state.attempt_number >= attempts:
            return True
        return state.idle_for + state.upcoming_sleep > patience_s

    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(errors),
        stop=stop,
        wait=_wait,
        sleep=sleep,
        before_sleep=_tell_of_the_next_try,
        reraise=True,
    )


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, Temporary) and error.wait_s is not None:
        return error.wait_s
    return _backoff(state)


def _tell_of_the_next_try(state: tenacity.RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, GeneratorError):
        why = error.message.rstrip(".")
        _log.info("%s: trying again in %.1f s.", why, state.upcoming_sleep)


PATIENCE_S = 900.0
"""How long an API may say "later" before the run is stopped."""

log = logging.getLogger(__name__)

_REMEMBERED = 32
_LONGEST_BACKOFF_S = 30.0
_FIRST_INTERVAL_S = 0.5
_LONGEST_INTERVAL_S = 60.0
_INCREASE = 0.05  # of the rate at which the API said "too many", for each request that passes


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
                if self._refusal is not None and self._out_of_patience():
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

    def _out_of_patience(self) -> bool:
        return self._resume_at - self._refused_since > PATIENCE_S

    def _mean_interval_s(self, now: float) -> float:
        if not self._passed:
            return _FIRST_INTERVAL_S
        return max((now - self._passed[0]) / len(self._passed), 1e-3)

    def _backoff_s(self) -> float:
        longest: float = min(_LONGEST_BACKOFF_S, 2.0**self._refused_in_a_row)
        return random.uniform(longest / 2, longest)
