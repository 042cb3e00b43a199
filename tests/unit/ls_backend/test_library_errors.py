"""Where each library keeps the status, the code and the headers of an answer."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError
from huggingface_hub.errors import HfHubHTTPError

from ls_backend.library_errors import causes, headers_of, http_status, s3_code, status_of


def with_attributes(**values: Any) -> Exception:
    error = Exception("as of a library that is not installed")
    vars(error).update(values)
    return error


def of_botocore(code: str, status: int) -> ClientError:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": {"retry-after": "3"}}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, "PutObject")  # type: ignore[typeddict-item]


def of_requests(status: int) -> requests.HTTPError:
    response = requests.Response()
    response.status_code = status
    response.headers["Retry-After"] = "4"
    return requests.HTTPError("no", response=response)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (of_botocore("SlowDown", 503), 503),
        (of_requests(404), 404),
        (with_attributes(status_code=403), 403),
        (with_attributes(status=429), 429),
        (with_attributes(code=401), 401),
        (with_attributes(code="401"), 401),
        (with_attributes(code="NoSuchBucket"), None),
        (with_attributes(code=0), None),
        (OSError(13, "Permission denied"), None),
    ],
)
def test_the_status_is_found_wherever_it_is(error: Exception, status: int | None) -> None:
    assert status_of(error) == status
    outer = OSError("storage failed")
    outer.__cause__ = error
    assert http_status(outer) == status
    assert status_of(outer) is None
    assert list(causes(outer)) == [outer, error]


def test_the_hubs_errors_are_read_like_those_of_requests() -> None:
    import httpx

    response = httpx.Response(409, request=httpx.Request("GET", "https://huggingface.co"))
    assert http_status(HfHubHTTPError("no", response=response)) == 409


def test_codes_and_headers() -> None:
    assert s3_code(of_botocore("NoSuchBucket", 404)) == "NoSuchBucket"
    assert s3_code(of_requests(404)) == s3_code(OSError()) == ""
    assert headers_of(of_botocore("SlowDown", 503)).get("retry-after") == "3"
    assert headers_of(of_requests(503)).get("retry-after") == "4"
    assert headers_of(OSError()).get("retry-after") is None
