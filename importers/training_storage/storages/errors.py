"""What the refusal of a storage means for the ML engineer who runs a sync.

Of object stores and others that fsspec reaches, and, from `hub_errors` on, of the Hugging Face hub.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from importers.training_storage.storages.hub_requests import AsksToWait
from importers.training_storage.storages.retries import is_passing
from ls_backend.errors import StorageError
from ls_backend.library_errors import causes, http_status, s3_code

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
_TOKENS = "https://huggingface.co/settings/tokens"
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


@contextmanager
def hub_errors(shown: str, repo: str, done: str) -> Iterator[None]:
    """Raise what goes wrong inside as a StorageError.

    Args:
        shown: URL of the storage.
        repo: "OWNER/NAME".
        done: What was to be done with the storage: "read", "written to".
    """
    try:
        yield
    except StorageError:
        raise
    except ImportError as error:
        raise StorageError(
            f"Training storage {shown} cannot be opened: {error}",
            hint="Install what it needs: pip install 'label-studio-clip[hf]'",
        ) from error
    except Exception as error:
        # huggingface_hub raises its own errors, its HTTP library's and plain ones.
        raise _hub_error(error, shown, repo, done) from error


def conflict(shown: str) -> StorageError:
    """Somebody else has committed since this storage was looked at."""
    return StorageError(
        f"Training storage {shown} was changed by somebody else while this was writing.",
        hint="Nothing was mixed. See to it that one sync at a time writes there, and run this "
        "again.",
        code="storage_conflict",
    )


def not_a_hub_url(url: str) -> StorageError:
    """A URL of the hub that does not name a dataset."""
    return StorageError(
        f"Training storage {url} is not the address of a dataset repository.",
        hint="Write hf://datasets/OWNER/NAME, or hf://datasets/OWNER/NAME/FOLDER.",
    )


def _reason(error: BaseException) -> str:
    """What the library says, without a full stop."""
    return (str(error) or type(error).__name__).strip().rstrip(".")


def _hub_error(error: Exception, shown: str, repo: str, done: str) -> StorageError:
    status = http_status(error)
    if status in (409, 412):
        return conflict(shown)
    why, hint = _hub_meaning(error, status, repo)
    return StorageError(f"Training storage {shown} cannot be {done}: {why}", hint=hint)


def _hub_meaning(error: Exception, status: int | None, repo: str) -> tuple[str, str]:
    """Why, and what to do now."""
    from huggingface_hub.errors import LocalTokenNotFoundError

    if isinstance(error, LocalTokenNotFoundError):
        return (
            "there is no token for the hub.",
            f"Make one with the right to write at {_TOKENS}; then set HF_TOKEN, or run: "
            "hf auth login",
        )
    if isinstance(error, AsksToWait):
        return (
            f"the hub allows no more requests for now, and asks to wait for {error.seconds} s.",
            "Run this again after that time; it goes on where it stopped.",
        )
    if status == 401:
        return (
            "the hub does not accept the token, or needs one.",
            f"Make a new one at {_TOKENS}; then set HF_TOKEN (it comes before the login), or run: "
            "hf auth login",
        )
    if status == 403:
        return (
            f"the token has no right to write to the dataset {repo}.",
            f"Give it that right at {_TOKENS} (role write, or write access to this repository).",
        )
    if status == 404:
        return (
            f"there is no dataset {repo}, or this token may not see it.",
            f"Check url under [storage], or create it: hf repo create {repo} --repo-type dataset",
        )
    if is_passing(error):
        return (
            f"the hub cannot be reached, or does not work now ({_first_line(error)}).",
            "Check the network and HF_ENDPOINT, and run this again; it goes on where it stopped.",
        )
    return _first_line(
        error
    ), "Check url under [storage], and what the hub says of that repository."


def _first_line(error: BaseException) -> str:
    root = list(causes(error))[-1]
    lines = str(root).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(root).__name__
