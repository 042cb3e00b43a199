"""When a storage is asked again: after what passes by itself, and never for long.

The libraries below (botocore, s3fs) are told not to try again on their own, so that the tries of
several layers do not multiply.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import tenacity

Answer = TypeVar("Answer")

TRIES = 5
PATIENCE = 20.0
"""Seconds after which no new try begins: a library may have tried for that long already."""
LONGEST_WAIT = 330.0
"""Seconds that a server may ask for before the next try; for more, the failure is told instead.
The hub counts requests in windows of 5 minutes.
"""

_backoff = tenacity.wait_random_exponential(multiplier=0.5, max=8)

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


def persistent(ask: Callable[[], Answer]) -> Answer:
    """Ask; again, up to TRIES times, while the failure is one that passes. The last one is raised.

    Waits at random, longer after each failure ("full jitter"), and at least for as long as the
    server asks. `ask` must be safe to repeat.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_worth_another_try),
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(TRIES), tenacity.stop_after_delay(PATIENCE)
        ),
        wait=_wait,
        reraise=True,
    )
    return retrying(ask)


def is_passing(error: BaseException) -> bool:
    """If the same request may well succeed in a moment: overload, timeouts, cut connections."""
    for cause in causes(error):
        status = status_of(cause)
        if status is not None:
            return status in _PASSING_STATUS or error_code(cause) in _PASSING_CODES
        if _PASSING_NAMES & {kind.__name__ for kind in type(cause).__mro__}:
            return True
    return False


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it was raised from."""
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__


def status_of(error: BaseException) -> int | None:
    """The HTTP status that an error of any storage's library carries."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        found = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        found = getattr(response, "status_code", getattr(error, "status_code", None))
    if found is None and type(error).__module__.startswith("gcsfs"):
        found = getattr(error, "code", None)
    return int(found) if isinstance(found, (int, str)) and str(found).isdigit() else None


def error_code(error: BaseException) -> str:
    """What S3 calls an error ("NoSuchBucket"); empty elsewhere."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def asked_wait(error: BaseException) -> float:
    """Seconds that the server asks to wait, by its header Retry-After; 0 when it does not say."""
    for cause in causes(error):
        said = _headers(getattr(cause, "response", None)).get("retry-after", "")
        if str(said).isdigit():
            return float(said)
    return 0.0


def _headers(response: Any) -> Mapping[str, Any]:
    if isinstance(response, dict):
        found: Mapping[str, Any] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return found
    return getattr(response, "headers", None) or {}


def _worth_another_try(error: BaseException) -> bool:
    return is_passing(error) and asked_wait(error) <= LONGEST_WAIT


def _wait(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return max(_backoff(state), asked_wait(error) if error else 0.0)
