"""How the hub is asked, what its refusals mean, and what one commit is to change.

No request is without a time limit. `Changes` gathers new contents until they are many enough for a
commit; large files are uploaded by the way that the hub offers.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importers.training_storage.storages.errors import LONGEST_WAIT, is_passing
from ls_backend.library_errors import causes, http_status
from ls_backend.words import count

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    Operation = CommitOperationAdd | CommitOperationCopy | CommitOperationDelete

MOST_FILES = 1000
MOST_BYTES = 256 * 2**20
"""Files, and bytes of them, in one commit."""

_TOKENS = "https://huggingface.co/settings/tokens"
_TRIES = {"max_retries": 3, "base_wait_time": 0.5}
_TIMEOUTS = {"connect": 10.0, "read": 120.0, "write": 60.0, "pool": 60.0}
"""Seconds; the hub answers a commit of 1000 files within a minute or two."""


class AsksToWait(Exception):
    """The hub asks to come back later than one would wait for it.

    Attributes:
        seconds: Time to wait for, in seconds.
    """

    def __init__(self, seconds: int) -> None:
        super().__init__(f"it asks to wait for {seconds} s")
        self.seconds = seconds


def limit_time() -> None:
    """Give every request of huggingface_hub in this process a time limit, where it sets none.

    Its own are endless for uploads and commits, and it waits for as long as the hub may ask.
    """
    from huggingface_hub import get_session, set_client_factory

    session = get_session()
    if _limit in session.event_hooks["request"]:
        return
    hooks: dict[str, list[Callable[..., Any]]] = {
        "request": [*session.event_hooks["request"], _limit],
        "response": [*session.event_hooks["response"], _refuse_long_waits],
    }
    set_client_factory(
        partial(type(session), event_hooks=hooks, follow_redirects=True, timeout=None)
    )


def get(address: str) -> Any:
    """GET from the hub with this user's token: the answer, read whole.

    Raises HfHubHTTPError for a status that is an error.
    """
    hub = _hub()
    response = hub.http_backoff("GET", address, headers=hub.build_hf_headers(), **_TRIES)
    hub.hf_raise_for_status(response)
    return response


def digest(address: str) -> str:
    """The sha256 of what GET gives, read piece by piece; raises like `get`."""
    hub = _hub()
    found = hashlib.sha256()
    with hub.http_stream_backoff(
        "GET", address, headers=hub.build_hf_headers(), **_TRIES
    ) as response:
        hub.hf_raise_for_status(response)
        for piece in response.iter_bytes():
            found.update(piece)
    return found.hexdigest()


@contextmanager
def quietly() -> Iterator[None]:
    """Without the progress bars and remarks of huggingface_hub, which know nothing of a sync."""
    hub = _hub()
    log = logging.getLogger("huggingface_hub.hf_api")
    level, shows_bars = log.level, not hub.are_progress_bars_disabled()
    log.setLevel(logging.ERROR)
    if shows_bars:
        hub.disable_progress_bars()
    try:
        yield
    finally:
        log.setLevel(level)
        if shows_bars:
            hub.enable_progress_bars()


def choose_upload(endpoint: str, repo: str) -> None:
    """Let large files be uploaded the plain way (git LFS) to a hub that does not know Xet.

    huggingface_hub itself uses Xet wherever it is installed, without asking.
    """
    from huggingface_hub import constants
    from huggingface_hub.errors import HfHubHTTPError

    try:
        get(f"{endpoint}/api/datasets/{repo}/xet-write-token/main")
    except HfHubHTTPError as error:
        if error.response.status_code != 404:
            raise
        constants.HF_HUB_DISABLE_XET = True


def meaning(error: Exception, repo: str) -> tuple[str, str]:
    """Why the hub does not do what it was asked for, and what to do now.

    Args:
        repo: "OWNER/NAME".
    """
    from huggingface_hub.errors import LocalTokenNotFoundError

    if isinstance(error, LocalTokenNotFoundError):
        return (
            "there is no token for the hub.",
            f"Make one with the right to write at {_TOKENS}; then set HF_TOKEN, or run: "
            "hf auth login",
        )
    status = http_status(error)
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


def _limit(request: Any) -> None:
    given = request.extensions.get("timeout") or {}
    limits = {name: given.get(name) or most for name, most in _TIMEOUTS.items()}
    request.extensions = {**request.extensions, "timeout": limits}


def _refuse_long_waits(response: Any) -> None:
    if response.status_code != 429:
        return
    limit = _hub().parse_ratelimit_headers(response.headers)
    asked = limit.reset_in_seconds if limit and limit.remaining == 0 else 0
    said = response.headers.get("retry-after", "")
    seconds = max(asked, int(said) if said.isdigit() else 0)
    if seconds > LONGEST_WAIT:
        raise AsksToWait(seconds)


def _first_line(error: BaseException) -> str:
    root = list(causes(error))[-1]
    lines = str(root).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(root).__name__


def _hub() -> Any:
    """What huggingface_hub offers to those who ask the hub themselves; its types hide it."""
    from huggingface_hub import utils

    return utils


@dataclass(frozen=True)
class CopyOf:
    """The content of a file that is in the repository, as of the commit before.

    Attributes:
        path: Path of that file in the repository.
    """

    path: str


Content = bytes | Path | CopyOf | None
"""What a file will hold; None: it will not be there."""


class Changes:
    """New contents by path in the repository.

    Attributes:
        contents: New contents, in the order in which they were given.
    """

    def __init__(self) -> None:
        self.contents: dict[str, Content] = {}
        self._bytes = 0

    def has_room(self, content: Content) -> bool:
        """If one more file fits; the first one always does."""
        bytes_then = self._bytes + _length(content)
        return not self.contents or (len(self.contents) < MOST_FILES and bytes_then <= MOST_BYTES)

    def set(self, path: str, content: Content) -> None:
        """Let a file have this content."""
        self.forget(path)
        self.contents[path] = content
        self._bytes += _length(content)

    def forget(self, path: str) -> None:
        """Leave a file as it is in the repository."""
        self._bytes -= _length(self.contents.pop(path, None))

    def copied(self, path: str) -> Content:
        """What a copy of this file holds."""
        content = self.contents.get(path)
        return CopyOf(path) if content is None else content

    def adds_below(self, folder: str) -> bool:
        """If a file below a folder gets a content; "" is the whole repository."""
        inside = f"{folder}/" if folder else ""
        added = (path for path, content in self.contents.items() if content is not None)
        return any(path.startswith(inside) for path in added)

    def removes(self, path: str) -> bool:
        """If this file will not be there."""
        return path in self.contents and self.contents[path] is None

    def operations(self) -> list[Operation]:
        """What huggingface_hub calls them; reads and hashes the contents."""
        return [_operation(path, content) for path, content in self.contents.items()]

    def summary(self) -> str:
        """For the history: "Add 3 files, remove 1 file"."""
        verbs = Counter(map(_verb, self.contents.values()))
        return ", ".join(
            f"{verb} {count(n, 'file')}" for verb, n in sorted(verbs.items())
        ).capitalize()


def different(operations: Iterable[Operation]) -> list[CommitOperationAdd]:
    """One addition for each content: files that are alike need one upload."""
    from huggingface_hub import CommitOperationAdd

    additions = [each for each in operations if isinstance(each, CommitOperationAdd)]
    return list({each.upload_info.sha256: each for each in additions}.values())


def _operation(path: str, content: Content) -> Operation:
    from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete

    if content is None:
        return CommitOperationDelete(path, is_folder=False)
    if isinstance(content, CopyOf):
        return CommitOperationCopy(content.path, path)
    return CommitOperationAdd(path, content)


def _verb(content: Content) -> str:
    if content is None:
        return "remove"
    return "copy" if isinstance(content, CopyOf) else "add"


def _length(content: Content) -> int:
    if isinstance(content, Path):
        return content.stat().st_size
    return len(content) if isinstance(content, bytes) else 0
