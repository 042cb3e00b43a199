"""What the refusal of a storage means: which failures pass, and what the others ask for.

A failure that passes is asked about again, never for long. The libraries below (botocore, s3fs) are
told not to try again on their own, so that the tries of several layers do not multiply. The words
are for the ML engineer who runs a sync; those about the Hugging Face hub are in `hub_requests`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ls_backend.library_errors import causes, headers_of, http_status, s3_code, status_of
from ls_backend.retrying import retry_after_s, retrying

Result = TypeVar("Result")

TRIES = 5
PATIENCE = 20.0
"""Seconds after which no new try begins: a library may have tried for that long already."""
LONGEST_WAIT = 330.0
"""Seconds that a server may ask for before the next try; for more, the failure is told instead.
The hub counts requests in windows of 5 minutes.
"""
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure"),
    "hf": "hf",
}
"""The extra of this package that a kind of URL needs."""

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
_CREDENTIALS = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, as for the aws "
    "command; AWS_ENDPOINT_URL for a server that is not Amazon's.",
    "gcs": "Run gcloud auth application-default login, or set GOOGLE_APPLICATION_CREDENTIALS to "
    "the key file of a service account.",
    "azure": "Set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or "
    "AZURE_STORAGE_CONNECTION_STRING.",
}
_RIGHTS = {
    "s3": {
        "written to": "s3:PutObject and s3:DeleteObject",
        "read": "s3:GetObject",
        "listed": "s3:ListBucket",
    },
    "gcs": {
        "written to": "storage.objects.create and storage.objects.delete",
        "read": "storage.objects.get",
        "listed": "storage.objects.list",
    },
    "azure": dict.fromkeys(("written to", "read", "listed"), "Storage Blob Data Contributor"),
}
_ELSEWHERE = "credentials come from the usual environment of that storage."
# By name, because the libraries that raise them need not be installed.
_NO_CREDENTIALS = {
    "NoCredentialsError",
    "PartialCredentialsError",
    "CredentialRetrievalError",
    "ProfileNotFound",
    "DefaultCredentialsError",
    "ClientAuthenticationError",
}
_REFUSED_CREDENTIALS = {
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "ExpiredToken",
    "InvalidToken",
    "InvalidClientTokenId",
    "AuthFailure",
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


def meaning(error: Exception, shown: str, done: str) -> tuple[str, str]:
    """Why a storage cannot be used, and what to do now.

    Args:
        error: What fsspec or the library below raised.
        shown: URL of the storage, without password.
        done: What was to be done with it: "opened", "written to", "read" or "listed".
    """
    scheme, _, rest = shown.partition("://")
    kind = EXTRAS.get(scheme, "")
    bucket, _, prefix = rest.partition("/")
    chain = list(causes(error))
    codes = {s3_code(each) for each in chain}
    names = {base.__name__ for each in chain for base in type(each).__mro__}
    how = _CREDENTIALS.get(kind, f"Set up access as usual; {_ELSEWHERE}")
    if names & _NO_CREDENTIALS:
        return f"no credentials were found ({_reason(error)})", how
    if codes & _REFUSED_CREDENTIALS or http_status(error) == 401:
        return f"it does not accept the credentials ({_reason(error)})", how
    if is_no_bucket(error):
        return (
            f"there is no bucket {bucket}",
            "Check url under [storage], and that the credentials and the endpoint are "
            f"those of that storage; or create the bucket {bucket}.",
        )
    if http_status(error) == 403 or ("PermissionError" in names and kind):
        right = _RIGHTS.get(kind, {}).get(done, "the right to do so")
        place = f"{bucket}/{prefix}" if prefix else bucket
        return (
            f"these credentials have no right to it ({_reason(error)})",
            f"Allow them {right} on {place}. A sync needs to list, read, write and remove there.",
        )
    if is_passing(error):
        return (
            f"it cannot be reached, or does not work now ({_reason(error)})",
            "Check the network and the endpoint, and run this again; it goes on where it stopped.",
        )
    return (
        _reason(error),
        f"Check url under [storage], and that you may read and write there; {_ELSEWHERE}",
    )


def is_no_bucket(error: BaseException) -> bool:
    """If what is missing is the whole bucket, not one file in it."""
    return any(
        s3_code(each) == "NoSuchBucket" or "bucket does not exist" in str(each).lower()
        for each in causes(error)
    )


def _asked_wait(error: BaseException) -> float | None:
    asked = (retry_after_s(headers_of(cause)) for cause in causes(error))
    return next((seconds for seconds in asked if seconds is not None), None)


def _reason(error: BaseException) -> str:
    """What the library says, without a full stop."""
    return (str(error) or type(error).__name__).strip().rstrip(".")
