"""What the hub's refusals mean for the ML engineer who runs a sync."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from importers.training_storage.storages.hub_requests import AsksToWait
from importers.training_storage.storages.retries import causes, is_passing, status_of
from ls_backend.errors import StorageError

_TOKENS = "https://huggingface.co/settings/tokens"


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
        raise _told(error, shown, repo, done) from error


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


def _told(error: Exception, shown: str, repo: str, done: str) -> StorageError:
    status = next((found for each in causes(error) if (found := status_of(each))), None)
    if status in (409, 412):
        return conflict(shown)
    why, hint = _meaning(error, status, repo)
    return StorageError(f"Training storage {shown} cannot be {done}: {why}", hint=hint)


def _meaning(error: Exception, status: int | None, repo: str) -> tuple[str, str]:
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
            f"the hub cannot be reached, or does not work now ({_reason(error)}).",
            "Check the network and HF_ENDPOINT, and run this again; it goes on where it stopped.",
        )
    return _reason(error), "Check url under [storage], and what the hub says of that repository."


def _reason(error: BaseException) -> str:
    root = list(causes(error))[-1]
    lines = str(root).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(root).__name__
