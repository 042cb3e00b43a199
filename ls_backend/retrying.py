"""Trying again: how long to wait before the next try, when to stop, and what is told of it."""

from __future__ import annotations

import email.utils
import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ls_backend.errors import LsClipError

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

log = logging.getLogger(__name__)


def retrying(
    worth_it: Callable[[BaseException], bool],
    *,
    asked_wait_s: Callable[[BaseException], float | None],
    longest_backoff_s: float,
    attempts: float = math.inf,
    patience_s: float = math.inf,
    lasting_s: float = math.inf,
    told_every_s: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Retrying:
    """What calls a function again while its errors are worth it; next tries are logged.

    The last error is raised. Between two tries it waits for as long as the other side asks, else at
    random, for longer after each failure ("full jitter").

    Args:
        worth_it: Whether an error may pass with another try.
        asked_wait_s: Seconds that the other side asks to wait; None where it asks for none.
        longest_backoff_s: Seconds, the longest wait where it asks for none.
        attempts: Tries in all.
        patience_s: Seconds that are waited between tries, in all.
        lasting_s: Seconds, tries and waits together, after which no other try begins.
        told_every_s: Seconds of waiting after which a next try is logged again, after the first.
        sleep: Waits a number of seconds.
    """
    from tenacity import Retrying, retry_if_exception, wait_random_exponential

    backoff = wait_random_exponential(max=longest_backoff_s)

    def wait(state: RetryCallState) -> float:
        asked = asked_wait_s(_error_of(state))
        return backoff(state) if asked is None else asked

    def stop(state: RetryCallState) -> bool:
        return (
            state.attempt_number >= attempts
            or state.idle_for + state.upcoming_sleep > patience_s
            or (state.seconds_since_start or 0.0) >= lasting_s
        )

    def tell(state: RetryCallState) -> None:
        every, waited_s = told_every_s, state.idle_for - state.upcoming_sleep
        is_due = every <= 0 or state.idle_for // every > waited_s // every
        if is_due or state.attempt_number == 1:
            _log_the_next_try(state)

    return Retrying(
        retry=retry_if_exception(worth_it),
        stop=stop,
        wait=wait,
        sleep=sleep,
        before_sleep=tell,
        reraise=True,
    )


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from retry-after-ms or retry-after (seconds or a date); None without."""
    milliseconds, seconds = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if milliseconds is not None:
            return max(0.0, float(milliseconds) / 1000)
        return None if seconds is None else max(0.0, float(seconds))
    except ValueError:
        pass
    date = email.utils.parsedate_tz(seconds or "")
    return None if date is None else max(0.0, email.utils.mktime_tz(date) - time.time())


def _log_the_next_try(state: RetryCallState) -> None:
    error = _error_of(state)
    said = error.message if isinstance(error, LsClipError) else str(error)
    why = " ".join(said.split()).rstrip(".") or type(error).__name__
    log.info("%s: trying again in %.1f s.", why, state.upcoming_sleep)


def _error_of(state: RetryCallState) -> BaseException:
    error = state.outcome.exception() if state.outcome else None
    assert error is not None  # only failures are tried again
    return error
