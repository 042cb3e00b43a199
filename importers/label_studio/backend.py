"""What the ML backend itself says of a labeling config, asked from here.

Owns the words for a backend that is not there, is another, or still loads its model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

import requests

from ls_backend.errors import ConfigError, LabelStudioError, LsClipError

if TYPE_CHECKING:
    from tenacity import RetryCallState, Retrying

MODEL_MAY_LOAD_S = 180.0
LOADING = "backend_loading"
_LONGEST_PAUSE_S = 10.0
_SETUP_TIMEOUT_S = 10.0

Error = TypeVar("Error", bound=LsClipError)

log = logging.getLogger(__name__)


class _StillLoads(ConfigError):
    """The backend says 503 and when to ask again."""

    default_code = LOADING

    def __init__(self, address: str, pause: float) -> None:
        super().__init__(
            f"The ML backend at {address} still loads its model.",
            hint=f"Wait until {address}/ready says ready, then run this again.",
        )
        self.pause = pause


def backend_version(
    backend_url: str,
    label_config: str,
    project_id: int,
    basic_auth: tuple[str, str] | None = None,
    patience_s: float = MODEL_MAY_LOAD_S,
) -> str:
    """The model version with which the backend answers this labeling config.

    Args:
        patience_s: How long to wait for a backend whose model still loads.

    Raises:
        ConfigError: nothing, or something else, answers at that address; or the backend cannot
            answer such a config; or its model still loads ("backend_loading").
    """
    check_address(backend_url)
    address = backend_url.rstrip("/")
    asking = patiently(address, patience_s)
    return asking(_asked_version, address, label_config, project_id, basic_auth)


def patiently(address: str, patience_s: float = MODEL_MAY_LOAD_S) -> Retrying:
    """Calls a function again as long as it raises a "backend_loading"."""
    from tenacity import Retrying, retry_if_exception, stop_after_delay

    return Retrying(
        retry=retry_if_exception(lambda error: getattr(error, "code", "") == LOADING),
        stop=stop_after_delay(patience_s),
        wait=_pause,
        before_sleep=_note_waiting(address, patience_s),
        reraise=True,
    )


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.pause if isinstance(error, _StillLoads) else 1.0


def _note_waiting(address: str, patience_s: float) -> Callable[[RetryCallState], None]:
    def note(state: RetryCallState) -> None:
        if state.attempt_number == 1:
            log.info(
                "The ML backend at %s still loads its model: waiting up to %.0f seconds.",
                address,
                patience_s,
            )

    return note


def _asked_version(
    address: str, label_config: str, project_id: int, basic_auth: tuple[str, str] | None
) -> str:
    try:
        response = requests.post(
            f"{address}/setup",
            json={"project": str(project_id), "schema": label_config, "hostname": ""},
            auth=basic_auth,
            timeout=_SETUP_TIMEOUT_S,
        )
    except requests.RequestException as error:
        raise ConfigError(
            f"The ML backend at {address} does not answer ({type(error).__name__}).",
            hint="Start it with `ls-clip serve`, or correct its address.",
            code="backend_unreachable",
        ) from None
    if response.status_code == 401:
        raise unauthorized(ConfigError, address, basic_auth is not None)
    return _version_in(response, address)


def unauthorized(kind: type[Error], address: str, presented: bool) -> Error:
    """An error of this kind for a backend that does not let in whom we presented, or nobody."""
    what = "does not know this" if presented else "asks for a"
    return kind(
        f"The ML backend at {address} {what} user name and password.",
        hint="Set BASIC_AUTH_USER and BASIC_AUTH_PASS to those that it was started with, then run "
        "this again.",
        code="backend_unauthorized",
    )


def is_refused_address(error: LabelStudioError) -> bool:
    """Whether Label Studio refuses an address for where it lies, local or private."""
    text = error.message.lower()
    return "reserved network address" in text or "url was not allowed" in text


def check_address(backend_url: str) -> None:
    try:
        parts = urlsplit(backend_url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(
            f"{backend_url!r} is not the address of an ML backend.",
            hint="Give the address that `ls-clip serve` printed, such as http://127.0.0.1:9090",
        )


def _version_in(response: requests.Response, address: str) -> str:
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        answer = None
    if response.status_code == 503 and "Retry-After" in response.headers:
        raise _StillLoads(address, _seconds(response.headers["Retry-After"]))
    version = answer.get("model_version") if isinstance(answer, dict) else None
    if version:
        return str(version)
    if isinstance(answer, dict) and answer.get("hint"):
        raise ConfigError(
            f"The ML backend at {address} cannot answer this project: {answer.get('message')}",
            hint=str(answer["hint"]),
            code="backend_refuses_config",
        )
    raise ConfigError(
        f"Something answers at {address} (HTTP {response.status_code}), but it is not this ML "
        "backend.",
        hint="Give the address that `ls-clip serve` printed.",
        code="backend_wrong_url",
    )


def _seconds(retry_after: str) -> float:
    given = float(retry_after) if retry_after.isdecimal() else 1.0
    return min(max(given, 0.2), _LONGEST_PAUSE_S)
