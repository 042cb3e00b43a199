"""The ML backend, asked from here: every request to it, and what it says of a labeling config.

Owns the words for a backend that is not there, is another, or still loads its model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit

import requests

from ls_backend.errors import ConfigError, LabelStudioError, LsClipError
from ls_backend.label_studio_errors import may_speak_https, reason_of
from ls_backend.retrying import retry_after_s, retrying

if TYPE_CHECKING:
    from tenacity import Retrying

    from ls_backend.label_studio_types import NewPrediction, Project, Task

MODEL_MAY_LOAD_S = 180.0
PREDICT_TIMEOUT_S = 100.0
LOADING = "backend_loading"
_SHORTEST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 10.0
_LONGEST_BACKOFF_S = 2.0
_TIMEOUT_S = 10.0
_TOLD_EVERY_S = 60.0

Error = TypeVar("Error", bound=LsClipError)


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
    asking = patiently(patience_s)
    return asking(_asked_version, address, label_config, project_id, basic_auth)


def patiently(patience_s: float = MODEL_MAY_LOAD_S) -> Retrying:
    """Calls a function again as long as it raises a "backend_loading"."""
    return retrying(
        lambda error: getattr(error, "code", "") == LOADING,
        asked_wait_s=lambda error: error.pause if isinstance(error, _StillLoads) else None,
        longest_backoff_s=_LONGEST_BACKOFF_S,
        patience_s=patience_s,
        told_every_s=_TOLD_EVERY_S,
    )


def ask_backend(
    address: str,
    method: str,
    route: str,
    basic_auth: tuple[str, str] | None,
    timeout_s: float = _TIMEOUT_S,
    **options: Any,
) -> requests.Response:
    """The backend's answer, asked from here.

    Args:
        address: Of the backend, without a slash at its end.
        options: Further ones of `requests.request`.

    Raises:
        ConfigError: there is none ("backend_unreachable"), or it wants to know who asks
            ("backend_unauthorized").
    """
    try:
        response = requests.request(
            method, f"{address}{route}", auth=basic_auth, timeout=timeout_s, **options
        )
    except requests.RequestException as error:
        hint = "Start it with `ls-clip serve`, or correct its address."
        if may_speak_https(error, address):
            hint = f"Is it https instead of http? If not: {hint}"
        raise ConfigError(
            f"The ML backend at {address} does not answer ({reason_of(error)}).",
            hint=hint,
            code="backend_unreachable",
        ) from None
    if response.status_code == 401:
        raise unauthorized(ConfigError, address, basic_auth is not None)
    return response


def said_in(response: requests.Response) -> dict[str, Any]:
    """The JSON object in an answer; an empty one where there is none."""
    try:
        said = response.json()
    except requests.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def answer_for(
    address: str, project: Project, task: Task, basic_auth: tuple[str, str] | None
) -> NewPrediction | LsClipError:
    """The backend's prediction for one task, or its reason for none; nothing is stored.

    Raises:
        ConfigError: it cannot be asked from here, or refuses.
    """
    body = {
        "tasks": [task],
        "project": str(project["id"]),
        "label_config": project["label_config"],
        "params": {"reasons": True},
    }
    address = address.rstrip("/")
    response = ask_backend(address, "POST", "/predict", basic_auth, PREDICT_TIMEOUT_S, json=body)
    said = said_in(response)
    if not response.ok:
        raise ConfigError(
            f"The ML backend refuses /predict: {said.get('message', response.status_code)}",
            hint=str(said.get("hint") or "Its log has the reason."),
        )
    return first_answer(said.get("results"), said.get("reasons"))


def first_answer(results: Any, reasons: Any = None) -> NewPrediction | LsClipError:
    """The first of a backend's results, or its reason for none."""
    answer = next(iter(results or []), None)
    if isinstance(answer, dict) and isinstance(answer.get("score"), (int, float)):
        return cast("NewPrediction", answer)
    reason = next(iter(reasons or []), None) or {}
    no_score = "its prediction has no score." if answer else "it does not say why."
    return LsClipError(
        str(reason.get("message", no_score)),
        hint=str(reason.get("hint", "Its log has the reason.")),
        code=str(reason.get("code", "no_reason")),
    )


def not_a_backend(address: str, response: requests.Response) -> ConfigError:
    """The error for an address at which something else answers."""
    return ConfigError(
        f"Something answers at {address} (HTTP {response.status_code}), but it is not this ML "
        "backend.",
        hint="Give the address that `ls-clip serve` printed.",
        code="backend_wrong_url",
    )


def _asked_version(
    address: str, label_config: str, project_id: int, basic_auth: tuple[str, str] | None
) -> str:
    body = {"project": str(project_id), "schema": label_config, "hostname": ""}
    response = ask_backend(address, "POST", "/setup", basic_auth, json=body)
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
    """Do nothing for what can be the address of an ML backend.

    Raises:
        ConfigError: it cannot.
    """
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
    said, pause = said_in(response), retry_after_s(response.headers)
    if response.status_code == 503 and pause is not None:
        raise _StillLoads(address, min(max(pause, _SHORTEST_PAUSE_S), _LONGEST_PAUSE_S))
    if said.get("model_version"):
        return str(said["model_version"])
    if said.get("hint"):
        raise ConfigError(
            f"The ML backend at {address} cannot answer this project: {said.get('message')}",
            hint=str(said["hint"]),
            code="backend_refuses_config",
        )
    raise not_a_backend(address, response)
