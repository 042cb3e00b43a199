"""Asking again: which errors of an API are met with another try, when, and for how long."""

from __future__ import annotations

import logging
from collections.abc import Callable

import tenacity

from importers.openai_api.errors import Temporary
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
