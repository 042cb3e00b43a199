"""Registers the ML backend with a project, under the title that keeps the queue in order.

Label Studio takes a backend's title for the project's model version. If it differs from the version
that stored predictions carry, their scores vanish and the queue turns random, without a warning.
So the title is the version; a campaign whose pushed predictions are of another stays with those.
Connecting again mends what has drifted and adds nothing a second time.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from importers.label_studio.backend import (
    LOADING,
    backend_version,
    check_address,
    is_refused_address,
    patiently,
    unauthorized,
)
from importers.label_studio.diagnosis import (
    NOT_CHOSEN,
    NOT_FIRST,
    Fault,
    hidden_control,
    queue_faults,
)
from importers.label_studio.project import (
    belongs_to_campaign,
    campaign_project,
    read_project,
    stored_versions,
    use_model_version,
)
from importers.label_studio.queries import ProjectTasks
from importers.label_studio.version import check_version
from importers.label_studio.webhook import delete_others, mend_webhook
from importers.ledger import Ledger
from importers.ledger.notes import Note
from ls_backend.errors import ConfigError, LabelStudioError
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import MlBackend, Project
from ls_backend.labels.regions import OUR_VERSIONS

_REGISTER_TIMEOUT_S = 60.0
_LOCAL_HINT = (
    "Start Label Studio with ML_BLOCK_LOCAL_IP=false and SSRF_PROTECTION_ENABLED=false in its "
    "environment, or give the backend a public address."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConnectReport:
    """How project and backend stand to each other now.

    Attributes:
        backend_id: Label Studio's number of the backend.
        created: Whether it was not registered before.
        model_version: Version of the backend, which is its title.
        queue_version: Version whose scores order the queue; live predictions come only where it is
            the backend's.
        mended: Faults that were put right, in words.
        faults: What is still wrong with the queue, or worth knowing.
    """

    backend_id: int
    created: bool
    model_version: str
    queue_version: str
    mended: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()

    @property
    def live(self) -> bool:
        """Label Studio asks the backend for predictions of tasks that have none."""
        asks_another = any(fault.code == NOT_FIRST for fault in self.faults)
        return self.queue_version == self.model_version and not asks_another


def connect_project(ls: LabelStudio, project_id: int, backend_url: str) -> ConnectReport:
    """Connect the backend to any project; Label Studio alone needs to reach it.

    Raises:
        ConfigError: the backend cannot answer the project's labeling config.
        LabelStudioError: Label Studio refuses, or cannot use the backend.
    """
    return _connect(ls, read_project(ls, project_id), backend_url, None, must_answer=False)


def connect_campaign(ls: LabelStudio, ledger: Ledger, backend_url: str) -> ConnectReport:
    """Connect the backend to the campaign's project; Label Studio alone needs to reach it.

    Raises:
        ConfigError: the backend cannot answer the campaign's labeling config.
        LabelStudioError: nothing was pushed yet, or Label Studio refuses or cannot use the backend.
    """
    scored = ledger.note(Note.MODEL_VERSION)
    project = campaign_project(ls, ledger)
    return _connect(ls, project, backend_url, scored, must_answer=scored is None)


def connect(
    ls: LabelStudio,
    project_id: int,
    backend_url: str,
    model_version: str | None,
    basic_auth: tuple[str, str] | None = None,
    webhook_secret: str | None = None,
) -> ConnectReport:
    """Register the backend and its webhook, or mend what has drifted.

    Args:
        backend_url: Where Label Studio reaches the backend.
        model_version: What the backend answers for this project: see `backend_version`. None has
            Label Studio ask it.
        basic_auth: User name and password that the backend asks for.
        webhook_secret: What X-Clip-Secret says in the webhook.

    Raises:
        ConfigError: the address is none.
        LabelStudioError: Label Studio refuses; where that is about the backend, `code`
            begins with "backend_", where about its webhook with "webhook_".
    """
    check_address(backend_url)
    backends = registered_backends(ls, project_id)
    registered, others = _ours(backends, backend_url)
    before = read_project(ls, project_id)["model_version"]
    title = model_version or (registered["title"] if registered else backend_url)
    auth = _auth_settings(basic_auth)
    settings = {"project": project_id, "url": backend_url, "title": title, **auth}
    backend_id = patiently()(_register, ls, registered["id"] if registered else None, settings)
    if model_version is None:
        model_version = settings["title"] = _rename(ls, backend_id, settings)
    mended = _drifted(registered, settings)
    mended += delete_others(ls, [f"/api/ml/{backend['id']}" for backend in others])
    queue_version = _settle_queue(ls, project_id, model_version, before)
    addresses = [backend_url, *([registered["url"]] if registered else [])]
    webhook = mend_webhook(ls, project_id, addresses, webhook_secret)
    if registered is not None:
        mended += [f"webhook: {fault}" for fault in webhook]
    remaining = [backend for backend in backends if backend not in (registered, *others)]
    return ConnectReport(
        backend_id=backend_id,
        created=registered is None,
        model_version=model_version,
        queue_version=queue_version,
        mended=tuple(mended),
        faults=_faults(ls, project_id, remaining, {**settings, "id": backend_id}),
    )


def registered_backends(ls: LabelStudio, project_id: int) -> list[MlBackend]:
    """The project's ML backends; Label Studio asks each of them anew how it is."""
    backends: list[MlBackend] = ls.json(
        "GET",
        "/api/ml",
        what=f"read the ML backends of project {project_id}",
        params={"project": project_id},
    )
    return backends


def faults_of_queue(
    ls: LabelStudio, project: Project, backends: Sequence[MlBackend], backend: MlBackend | None
) -> list[Fault]:
    """All that is wrong with the project's queue: see `queue_faults`."""
    number, version = project["id"], str(project["model_version"] or "")
    predicted = ProjectTasks(ls, number).predicted(version) if version else 0
    unscored = max(project["task_number"] - predicted, 0)
    return queue_faults(project, stored_versions(ls, number), unscored, backends, backend)


def our_backend(backends: Sequence[MlBackend]) -> MlBackend | None:
    """The registration of this ML backend, else the first that may be one."""
    unknown = [b for b in backends if not b["model_version"]]
    return next((b for b in [*filter(_is_ours, backends), *unknown]), None)


def basic_auth() -> tuple[str, str] | None:
    """User name and password of the backend, from BASIC_AUTH_USER and BASIC_AUTH_PASS."""
    user = os.environ.get("BASIC_AUTH_USER")
    return (user, os.environ.get("BASIC_AUTH_PASS", "")) if user else None


def webhook_secret() -> str | None:
    """What X-Clip-Secret must say, from CLIP_WEBHOOK_SECRET."""
    return os.environ.get("CLIP_WEBHOOK_SECRET", "").strip() or None


def _connect(
    ls: LabelStudio, project: Project, backend_url: str, trusted: str | None, *, must_answer: bool
) -> ConnectReport:
    """Connect under the version that the backend answers with from here, or else a trusted one."""
    check_version(ls)
    config, number = project["label_config"], project["id"]
    version = trusted
    try:
        version = backend_version(backend_url, config, number, basic_auth())
    except ConfigError as error:
        if error.code != "backend_unreachable" or must_answer:
            raise
        then = (
            f", only by Label Studio at best: taken on trust that it answers with {trusted}"
            if trusted
            else ": Label Studio is to ask it"
        )
        log.warning("%s is not reached from here%s.", backend_url, then)
    return connect(ls, number, backend_url, version, basic_auth(), webhook_secret())


def _faults(
    ls: LabelStudio, project_id: int, others: Sequence[MlBackend], settings: Mapping[str, Any]
) -> tuple[Fault, ...]:
    """What is wrong once a backend is registered with these settings; the report itself says which
    version the queue goes by."""
    project = read_project(ls, project_id)
    ours = cast(MlBackend, {"model_version": settings["title"], **settings})
    faults = faults_of_queue(ls, project, [*others, ours], ours)
    hidden = hidden_control(project["label_config"])
    return tuple(fault for fault in [*faults, *hidden] if fault.code != NOT_CHOSEN)


def _rename(ls: LabelStudio, backend_id: int, settings: Mapping[str, Any]) -> str:
    """Give the registration the version for its title that Label Studio has asked for."""
    backends = registered_backends(ls, settings["project"])
    version = next(str(b["model_version"]) for b in backends if b["id"] == backend_id)
    _register(ls, backend_id, {**settings, "title": version})
    return version


def _ours(
    backends: Sequence[MlBackend], backend_url: str
) -> tuple[MlBackend | None, list[MlBackend]]:
    """The registration to keep, if there is one, and further ones of the same address."""
    same_address = [b for b in backends if b["url"].rstrip("/") == backend_url.rstrip("/")]
    same_kind = [b for b in backends if _is_ours(b)]
    return next(iter(same_address + same_kind), None), same_address[1:]


def _is_ours(backend: MlBackend) -> bool:
    """Whether it is called as ours are, or answers so."""
    said = (backend["title"], backend["model_version"])
    return any((name or "").startswith(OUR_VERSIONS) for name in said)


def _drifted(registered: MlBackend | None, settings: Mapping[str, Any]) -> list[str]:
    if registered is None:
        return []
    found = []
    if registered["title"] != settings["title"]:
        found.append(f"its title was {registered['title']!r}")
    if registered["url"].rstrip("/") != settings["url"].rstrip("/"):
        found.append(f"its address was {registered['url']}")
    user = settings.get("basic_auth_user")
    if registered["auth_method"] != settings["auth_method"] or (
        user and registered["basic_auth_user"] != user
    ):
        found.append("it had other credentials")
    return found


def _register(ls: LabelStudio, backend_id: int | None, settings: Mapping[str, Any]) -> int:
    method, path = ("POST", "/api/ml") if backend_id is None else ("PATCH", f"/api/ml/{backend_id}")
    try:
        answer = ls.json(
            method,
            path,
            what="connect the ML backend",
            json=settings,
            timeout=_REGISTER_TIMEOUT_S,
        )
    except LabelStudioError as error:
        raise _explained(error, settings["url"], "basic_auth_user" in settings) from None
    return int(answer["id"])


def _explained(error: LabelStudioError, backend_url: str, presented: bool) -> LabelStudioError:
    text = error.message.lower()
    if is_refused_address(error):
        return LabelStudioError(
            f"Label Studio refuses an ML backend at {backend_url}: it is a local or private "
            "address.",
            hint=_LOCAL_HINT,
            code="backend_address_refused",
        )
    if "health check failed" in text:
        return LabelStudioError(
            f"Label Studio cannot reach the ML backend at {backend_url}.",
            hint="Start it with `ls-clip serve`. From a container, 127.0.0.1 is the container "
            "itself: give an address that Label Studio's machine can reach.",
            code="backend_unreachable",
        )
    if "valid ml backend" in text and "503 server error" in text:
        return LabelStudioError(
            f"The ML backend at {backend_url} still loads its model.",
            hint="Wait until its /ready says ready, then connect again.",
            code=LOADING,
        )
    if "valid ml backend" in text:
        return LabelStudioError(
            f"Label Studio reaches {backend_url}, but not an ML backend that answers /setup"
            f"{_reason_in(error.message)}.",
            hint="Is it the address that `ls-clip serve` printed? Its log says what it was asked.",
            code="backend_refuses_setup",
        )
    if "authentication" in text:
        return unauthorized(LabelStudioError, backend_url, presented)
    return error


def _reason_in(message: str) -> str:
    if "timed out" in message:
        return " within 3 seconds"
    found = re.search(r"(?:Client|Server) Error: (.+?)(?: for url|…)", message)
    return f": {found.group(1)}" if found else ""


def _settle_queue(ls: LabelStudio, project_id: int, version: str, before: str | None) -> str:
    """Choose the version that orders the queue, and set it."""
    project = read_project(ls, project_id)
    stored = stored_versions(ls, project_id)
    now = project["model_version"]
    chosen = version
    if belongs_to_campaign(project) and stored and version not in stored:
        # Only a push brings scores of the new version; until then the queue keeps its order.
        chosen = before if before in stored else max(stored, key=lambda name: stored[name])
    elif not belongs_to_campaign(project) and now in stored:
        chosen = now
    use_model_version(ls, project_id, chosen)
    return chosen


def _auth_settings(basic_auth: tuple[str, str] | None) -> dict[str, str]:
    if basic_auth is None:
        return {"auth_method": "NONE"}
    user, password = basic_auth
    return {"auth_method": "BASIC_AUTH", "basic_auth_user": user, "basic_auth_pass": password}
