"""When a storage is asked again: after what passes by itself, and never for long.

The libraries below (botocore, s3fs) are told not to try again on their own, so that the tries of
several layers do not multiply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ls_backend.library_errors import causes, headers_of, s3_code, status_of
from ls_backend.retrying import retry_after_s, retrying

Result = TypeVar("Result")

TRIES = 5
PATIENCE = 20.0
"""Seconds after which no new try begins: a library may have tried for that long already."""
LONGEST_WAIT = 330.0
"""Seconds that a server may ask for before the next try; for more, the failure is told instead.
The hub counts requests in windows of 5 minutes.
"""

LONGEST_BACKOFF = 8.0
"""Seconds between two tries, where the server does not say how long."""
_PASSING_STATUS = {408, 429, 500, 502, 503, 504}
_PASSING_CODES = {"SlowDown", "RequestTimeout", "Throttling", "ThrottlingException"}
# By name, because each storage brings its own HTTP library and none need be installed: what
# Python, botocore, aiohttp, azure and httpx call a connection that failed, or an answer cut short.
_PASSING_NAMES = {
    "TimeoutError",
    "ConnectionError",
    "HTTPClientError",
    "IncompleteReadError",
    "ClientConnectionError",
    "ClientPayloadError",
    "ServiceRequestError",
    "ServiceResponseError",
    "TransportError",
}


def persistent(ask: Callable[[], Result]) -> Result:
    """Ask; again, up to TRIES times, while the failure is one that passes. The last one is raised.

    `ask` must be safe to repeat.
    """
    return retrying(
        lambda error: is_passing(error) and (_asked_wait(error) or 0.0) <= LONGEST_WAIT,
        asked_wait_s=_asked_wait,
        longest_backoff_s=LONGEST_BACKOFF,
        attempts=TRIES,
        lasting_s=PATIENCE,
    )(ask)


def is_passing(error: BaseException) -> bool:
    """If the same request may well succeed in a moment: overload, timeouts, cut connections."""
    for cause in causes(error):
        status = status_of(cause)
        if status is not None:
            return status in _PASSING_STATUS or s3_code(cause) in _PASSING_CODES
        if _PASSING_NAMES & {kind.__name__ for kind in type(cause).__mro__}:
            return True
    return False


def _asked_wait(error: BaseException) -> float | None:
    asked = (retry_after_s(headers_of(cause)) for cause in causes(error))
    return next((seconds for seconds in asked if seconds is not None), None)
