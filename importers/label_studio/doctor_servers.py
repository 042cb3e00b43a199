"""Checks of the two servers: Label Studio and the ML backend, each from here and from the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import requests

from importers.label_studio.backend import ask_backend, is_refused_address, not_a_backend, said_in
from importers.label_studio.diagnosis import Fault, unreached
from importers.label_studio.installation import Concern, Installation, NotNow
from importers.label_studio.version import ROUTE as VERSION_ROUTE
from importers.label_studio.version import checked_version
from importers.label_studio.webhook import is_no_address, webhook_needs_a_dot, webhook_url
from ls_backend.errors import ConfigError, LabelStudioError, LsClipError
from ls_backend.label_studio import Credentials
from ls_backend.label_studio_errors import no_answer, not_label_studio
from ls_backend.label_studio_types import MlBackend
from ls_backend.tls import TrustingAdapter
from ls_backend.words import listed

_TIMEOUT_S = 10.0
_ML_SWITCH = "ML_BLOCK_LOCAL_IP=false"
_WEBHOOK_SWITCH = "SSRF_PROTECTION_ENABLED=false"


def label_studio_answers(installation: Installation) -> str:
    """Asks without a token, so that a wrong one is told apart; names a version that is too old."""
    url = installation.credentials.url
    if _asked_openly(installation.credentials, "/health").get("status") != "UP":
        raise not_label_studio(url, "ask how it is")
    _check_path(installation.credentials)
    version = _asked_openly(installation.credentials, VERSION_ROUTE)
    named = f"Label Studio {checked_version(version, url)}".rstrip()
    return f"{named} answers at {url}"


def _check_path(credentials: Credentials) -> None:
    """Label Studio's /health answers under every path, this route at its own alone."""
    url, route = credentials.url, "/api/current-user/whoami"
    if _asked_openly(credentials, route):  # that we are to sign in
        return
    parts = urlsplit(url)
    root = f"{parts.scheme}://{parts.netloc}"
    if root == url or not _asked_openly(replace(credentials, url=root), route):
        raise not_label_studio(url, "ask how it is")
    raise LabelStudioError(
        f"Label Studio answers at {root}, and has nothing under {parts.path}.",
        hint=f"Leave the path out: LABEL_STUDIO_URL={root}",
        code="label_studio_wrong_url",
    )


def _asked_openly(credentials: Credentials, route: str) -> dict[str, Any]:
    """The JSON object that Label Studio answers without a token; empty where it is none."""
    with requests.Session() as session:
        if credentials.ca_bundle is not None:
            session.mount("https://", TrustingAdapter(credentials.ca_bundle))
        try:
            return said_in(session.get(f"{credentials.url}{route}", timeout=_TIMEOUT_S))
        except requests.RequestException as error:
            raise no_answer(error, credentials.url, "ask how it is") from None


def token(installation: Installation) -> str:
    """Which kind it is, and whether Label Studio knows it."""
    who = installation.ls.json("GET", "/api/current-user/whoami", what="sign in")
    personal = installation.credentials.token.count(".") == 2
    return f"a {'personal access' if personal else 'legacy'} token of {who.get('email')}"


def project(installation: Installation) -> str:
    """Is there, and shown to us."""
    if installation.project_id is None:
        raise NotNow("none is named, or the campaign is not pushed yet")
    return f"{installation.project['title']!r} with {installation.project['task_number']} tasks"


def registered(installation: Installation) -> str:
    """Label Studio itself asks the backend for its health and its version."""
    if installation.backend is None:
        raise _not_registered(installation)
    fault = unreached(installation.project, installation.backend)
    if fault is not None:
        raise _out_of_reach(installation, installation.backend, fault)
    return f"Label Studio reaches {installation.url}"


def address_allowed(installation: Installation) -> str:
    """Would Label Studio take the backend's address? A registration that cannot be carried out."""
    # The impossible timeout and sign-in keep Label Studio from ever going beyond the address.
    probe = {"url": installation.url, "timeout": "-", "auth_method": "-", "title": "-"}
    _probe(installation, "/api/ml", probe, _ML_SWITCH, "an ML backend", installation.url)
    return f"Label Studio takes {installation.url}"


def webhook_allowed(installation: Installation) -> str:
    """The same for webhooks, which have a switch of their own."""
    address = webhook_url(installation.url)
    probe = {"url": address, "actions": ["-"]}
    _probe(installation, "/api/webhooks/", probe, _WEBHOOK_SWITCH, "a webhook", address)
    return f"Label Studio takes {address}"


def ready(installation: Installation) -> str:
    """The backend, from here: no worry where Label Studio alone reaches it."""
    try:
        response = installation.ask("GET", "/ready")
    except ConfigError as error:
        if error.code != "backend_unreachable" or not _is_connected(installation):
            raise
        raise Concern(error.message, hint="No harm: Label Studio reaches it.") from None
    answer = said_in(response)
    if response.ok and answer.get("state") == "ready":
        how = " ".join(str(answer[k]) for k in ("device", "precision") if answer.get(k))
        return f"{installation.url} is ready: {answer.get('model')}{f' on {how}' if how else ''}"
    if answer.get("state"):
        raise ConfigError(
            f"The ML backend at {installation.url} is not ready: {answer['state']}"
            + (f" ({answer['message']})." if answer.get("message") else "."),
            hint=str(answer.get("hint") or "Wait until its model is loaded."),
        )
    raise not_a_backend(installation.url, response)


def reached_from_here(installation: Installation) -> bool:
    """Whether the backend can be asked directly."""
    try:
        return installation.ask("GET", "/ready").ok
    except ConfigError:
        return False


def _not_registered(installation: Installation) -> LabelStudioError:
    """Says of other backends, too: Label Studio asks the first one, and no other."""
    number, hint = installation.project_id, installation.connect_command
    others = [f"{backend['title']!r} at {backend['url']}" for backend in installation.backends]
    if not others:
        message = f"Project {number} has no ML backend."
    elif installation.named_url:
        message = f"Project {number} has no ML backend at {installation.url}, but {listed(others)}."
    else:
        message = f"Project {number} has no ML backend of ls-clip, but {listed(others)}."
    if others:
        hint += (
            ". Label Studio asks only the backend that a project had first: for live predictions, "
            "delete the other in Settings > Model"
        )
    return LabelStudioError(message, hint=hint, code="backend_missing")


def _out_of_reach(installation: Installation, backend: MlBackend, fault: Fault) -> LabelStudioError:
    message = fault.message
    if backend["readable_state"] == "Error":
        hint = f"Its log says what it was asked; then: {installation.connect_command}"
    elif _asks_for_a_password(installation):
        # Label Studio does not tell a refused password from a dead backend.
        message = (
            f"{message.removesuffix('.')} (it asks for a user name and password, perhaps for "
            "others than Label Studio has)."
        )
        hint = (
            "With the backend's BASIC_AUTH_USER and BASIC_AUTH_PASS set: "
            f"{installation.connect_command}"
        )
    else:
        hint = (
            "Start it with `ls-clip serve`. From a container, 127.0.0.1 is the container itself: "
            "register an address that Label Studio's machine can reach."
        )
    return LabelStudioError(message, hint=hint, code="backend_unreachable")


def _asks_for_a_password(installation: Installation) -> bool:
    try:
        ask_backend(installation.url, "GET", "/health", None)
    except ConfigError as error:
        return error.code == "backend_unauthorized"
    return False


def _is_connected(installation: Installation) -> bool:
    try:
        backend = installation.backend if installation.project_id is not None else None
    except LsClipError:  # Label Studio does not say, and a check of its own says that
        return False
    return backend is not None and backend["readable_state"] == "Connected"


def _probe(
    installation: Installation,
    path: str,
    body: dict[str, Any],
    switch: str,
    noun: str,
    address: str,
) -> None:
    try:
        installation.ls.request(
            "POST", path, what="probe", json={"project": installation.project_id, **body}
        )
    except LabelStudioError as error:
        if is_refused_address(error):
            raise LabelStudioError(
                f"Label Studio refuses {noun} at {address}: it is a local or private address.",
                hint=f"Start Label Studio with {switch} in its environment, or give the backend a "
                "public address.",
            ) from None
        if is_no_address(error):
            raise webhook_needs_a_dot(address) from None
        if "resolve" in error.message.lower():
            raise LabelStudioError(
                f"Label Studio's machine does not know the host of {address}.",
                hint="Register an address that it knows: `ls-clip connect --url …`.",
            ) from None
        if error.code != "label_studio_rejected":
            raise
