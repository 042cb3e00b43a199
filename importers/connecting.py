"""The ML backend and a project: which version it answers with, and that is registered."""

from __future__ import annotations

import logging
import os

from importers.label_studio.backend import backend_version
from importers.label_studio.connect import ConnectReport, connect
from importers.label_studio.project import campaign_project, read_project
from importers.ledger import Ledger
from importers.up_to_date import MODEL_VERSION_NOTE
from ls_backend.errors import ConfigError
from ls_backend.label_studio import LabelStudio

log = logging.getLogger(__name__)


def connect_project(ls: LabelStudio, project_id: int, backend_url: str) -> ConnectReport:
    """Connect the backend to any project; Label Studio alone needs to reach it.

    Raises:
        ConfigError: the backend cannot answer the project's labeling config.
        LabelStudioError: Label Studio refuses, or cannot use the backend.
    """
    config = read_project(ls, project_id)["label_config"]
    version: str | None = None
    try:
        version = backend_version(backend_url, config, project_id, basic_auth())
    except ConfigError as error:
        if error.code != "backend_unreachable":
            raise
        log.warning("%s is not reached from here: Label Studio is to ask it.", backend_url)
    return connect(ls, project_id, backend_url, version, basic_auth(), webhook_secret())


def connect_campaign(ls: LabelStudio, ledger: Ledger, backend_url: str) -> ConnectReport:
    """Connect the backend to the campaign's project; Label Studio alone needs to reach it.

    Raises:
        ConfigError: the backend cannot answer the campaign's labeling config.
        LabelStudioError: nothing was pushed yet, or Label Studio refuses or cannot use the backend.
    """
    project = campaign_project(ls, ledger)
    project_id = int(project["id"])
    scored = ledger.note(MODEL_VERSION_NOTE)
    try:
        version = backend_version(backend_url, project["label_config"], project_id, basic_auth())
    except ConfigError as error:
        if error.code != "backend_unreachable" or scored is None:
            raise
        log.warning(
            "%s is not reached from here, only by Label Studio at best: taken on trust that it "
            "answers with %s.",
            backend_url,
            scored,
        )
        version = scored
    return connect(ls, project_id, backend_url, version, basic_auth(), webhook_secret())


def basic_auth() -> tuple[str, str] | None:
    """User name and password of the backend, from BASIC_AUTH_USER and BASIC_AUTH_PASS."""
    user = os.environ.get("BASIC_AUTH_USER")
    return (user, os.environ.get("BASIC_AUTH_PASS", "")) if user else None


def webhook_secret() -> str | None:
    """What X-Clip-Secret must say, from CLIP_WEBHOOK_SECRET."""
    return os.environ.get("CLIP_WEBHOOK_SECRET", "").strip() or None
