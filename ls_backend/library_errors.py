"""What the exceptions of other libraries carry: causes, HTTP statuses, S3's codes, headers.

Each HTTP library has places of its own for them, and none need be installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and what it was raised from."""
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__


def http_status(error: BaseException) -> int | None:
    """The HTTP status in an error or in what it was raised from; None where there is none."""
    return next((found for each in causes(error) if (found := status_of(each)) is not None), None)


def status_of(error: BaseException) -> int | None:
    """The HTTP status in an error itself; None where there is none."""
    return next((status for found in _statuses(error) if (status := _status(found))), None)


def s3_code(error: BaseException) -> str:
    """What S3 calls an error ("NoSuchBucket"); empty elsewhere."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


def headers_of(error: BaseException) -> Mapping[str, str]:
    """The headers of the answer that an error was raised for, "retry-after" among them."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        found: Mapping[str, str] = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
        return found
    return getattr(response, "headers", None) or {}


def _statuses(error: BaseException) -> Iterator[Any]:
    response = getattr(error, "response", None)
    if isinstance(response, dict):  # botocore
        yield response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    yield getattr(response, "status_code", None)  # requests, httpx
    for name in ("status_code", "status", "code"):  # azure, aiohttp, gcsfs
        yield getattr(error, name, None)


def _status(found: Any) -> int | None:
    if isinstance(found, str) and found.isdecimal():
        found = int(found)
    return found if isinstance(found, int) and 100 <= found < 600 else None
