"""How the hub is asked: no request without a time limit, large files by the way that it offers."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from importers.training_storage.storages.retries import LONGEST_WAIT

_TRIES = {"max_retries": 3, "base_wait_time": 0.5}
_TIMEOUTS = {"connect": 10.0, "read": 120.0, "write": 60.0, "pool": 60.0}
"""Seconds; the hub answers a commit of 1000 files within a minute or two."""


class AsksToWait(Exception):
    """The hub asks to come back later than one would wait for it."""

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


def _hub() -> Any:
    """What huggingface_hub offers to those who ask the hub themselves; its types hide it."""
    from huggingface_hub import utils

    return utils
