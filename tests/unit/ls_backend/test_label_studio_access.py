"""Whether Label Studio accepts the token: asked, said in the log, at /ready and on the page."""

from __future__ import annotations

import logging
import time
from html import unescape
from typing import Any

import pytest
from backend_client import CONFIG, loaded
from flask.testing import FlaskClient
from studio_answers import LEGACY, PAT, Server

from ls_backend import label_studio_access
from ls_backend.clip.clip import Clip
from ls_backend.label_studio import Credentials
from ls_backend.label_studio_access import LabelStudioAccess
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app
from ls_backend.settings import Settings


def answered(access: LabelStudioAccess, state: str) -> None:
    """Wait until it knows."""
    until = time.monotonic() + 30
    while access.last.state != state:
        assert time.monotonic() < until, access.last
        time.sleep(0.01)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_studio_access, "ASKED_AGAIN_AFTER_S", 0.0)


@pytest.mark.parametrize("token", [LEGACY, PAT], ids=["legacy", "personal"])
def test_a_token_that_is_accepted(
    server: Server, caplog: pytest.LogCaptureFixture, token: str
) -> None:
    access = LabelStudioAccess(Credentials(server.url, token))

    with caplog.at_level(logging.INFO, "ls_backend"):
        access.ask()
        answered(access, "accepted")

    assert (access.last.message, access.last.hint) == ("", "")
    assert caplog.messages == [f"Label Studio at {server.url} accepts the token."]
    assert server.seen[-1][1] == "/api/current-user/whoami"


def test_a_wrong_token_and_an_expired_one_are_refused(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.refused(401, "Invalid token.")
    server.refresh_status = 401

    for token in (LEGACY, PAT):
        access = LabelStudioAccess(Credentials(server.url, token))
        access.ask()
        answered(access, "refused")

        assert "does not know the token" in access.last.message
        assert "No image is read there." in access.last.message
        assert "Personal Access Token" in access.last.hint
        assert "start the backend again" in access.last.hint
    assert len(caplog.records) == 2
    assert LEGACY not in caplog.text
    assert PAT not in caplog.text


@pytest.mark.parametrize(
    ("status", "state"), [(503, "unreachable"), (404, "wrong"), (500, "wrong")]
)
def test_what_is_no_answer_to_the_question_is_no_refusal(
    server: Server, status: int, state: str
) -> None:
    server.status, server.body = status, "<html>"
    access = LabelStudioAccess(Credentials(server.url, LEGACY))

    access.ask()

    answered(access, state)
    assert access.last.message
    assert access.last.hint


@pytest.mark.usefixtures("at_once")
def test_a_state_is_said_once_and_a_change_again(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    access = LabelStudioAccess(Credentials(server.url, LEGACY))
    server.refused(401, "Invalid token.")
    with caplog.at_level(logging.INFO, "ls_backend"):
        for _ in range(3):
            before = len(server.seen)
            access.ask()
            while len(server.seen) == before:
                time.sleep(0.01)
        answered(access, "refused")
        server.status = 200
        access.ask_if_refused()
        answered(access, "accepted")
        before = len(server.seen)
        access.ask_if_refused()

    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert len(server.seen) == before


def test_within_seconds_it_is_asked_once(server: Server) -> None:
    access = LabelStudioAccess(Credentials(server.url, LEGACY))
    for _ in range(20):
        access.ask()
    answered(access, "accepted")

    assert len(server.seen) == 1


@pytest.fixture
def refused(clip: Clip, server: Server) -> FlaskClient:
    """A backend whose token Label Studio does not know."""
    server.refused(401, "Invalid token.")
    settings = Settings(label_studio=Credentials(server.url, LEGACY), cache_max_bytes=0)
    return create_app(loaded(ClipModel(clip)), settings).test_client()


def test_images_that_are_refused_bring_the_question_up(refused: FlaskClient) -> None:
    backend = refused.application.extensions["clip"]
    assert refused.get("/ready").get_json()["label_studio"]["state"] == "asking"

    task = {"id": 7, "data": {"image": "/data/upload/1/a.png"}}
    body: dict[str, Any] = {"tasks": [task], "label_config": CONFIG, "project": "3.1795336526"}
    assert refused.post("/predict", json=body).get_json() == {"results": [[]]}
    answered(backend.access, "refused")

    ready = refused.get("/ready")
    assert ready.status_code == 200
    said = ready.get_json()["label_studio"]
    assert said["state"] == "refused"
    assert "does not know the token" in said["message"]
    page = unescape(refused.get("/").text)
    assert f"<p>{said['message']}</p>" in page
    assert f'<p class="hint">{said["hint"]}</p>' in page
    assert LEGACY not in page + ready.text


def test_without_a_label_studio_there_is_nothing_to_ask(client: FlaskClient) -> None:
    assert "label_studio" not in client.get("/ready").get_json()
    assert 'id="access"' not in client.get("/").text
