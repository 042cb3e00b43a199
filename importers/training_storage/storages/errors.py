"""What the refusal of a storage means for the ML engineer who runs a sync."""

from __future__ import annotations

from importers.training_storage.storages.retries import causes, error_code, is_passing, status_of

EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure"),
    "hf": "hf",
}
"""The extra of this package that a kind of URL needs."""

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
    codes = {error_code(each) for each in chain}
    names = {base.__name__ for each in chain for base in type(each).__mro__}
    how = _CREDENTIALS.get(kind, f"Set up access as usual; {_ELSEWHERE}")
    if names & _NO_CREDENTIALS:
        return f"no credentials were found ({reason(error)})", how
    if codes & _REFUSED_CREDENTIALS or _status(error) == 401:
        return f"it does not accept the credentials ({reason(error)})", how
    if is_no_bucket(error):
        return (
            f"there is no bucket {bucket}",
            "Check url under [storage], and that the credentials and the endpoint are "
            f"those of that storage; or create the bucket {bucket}.",
        )
    if _status(error) == 403 or ("PermissionError" in names and kind):
        right = _RIGHTS.get(kind, {}).get(done, "the right to do so")
        place = f"{bucket}/{prefix}" if prefix else bucket
        return (
            f"these credentials have no right to it ({reason(error)})",
            f"Allow them {right} on {place}. A sync needs to list, read, write and remove there.",
        )
    if is_passing(error):
        return (
            f"it cannot be reached, or does not work now ({reason(error)})",
            "Check the network and the endpoint, and run this again; it goes on where it stopped.",
        )
    return (
        reason(error),
        f"Check url under [storage], and that you may read and write there; {_ELSEWHERE}",
    )


def is_no_bucket(error: BaseException) -> bool:
    """If what is missing is the whole bucket, not one file in it."""
    return any(
        error_code(each) == "NoSuchBucket" or "bucket does not exist" in str(each).lower()
        for each in causes(error)
    )


def reason(error: BaseException) -> str:
    """What the library says, without a full stop."""
    return (str(error) or type(error).__name__).strip().rstrip(".")


def _status(error: BaseException) -> int | None:
    return next((found for each in causes(error) if (found := status_of(each))), None)
