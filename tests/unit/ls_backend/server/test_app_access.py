"""Who may ask the backend what."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from backend_client import CONFIG, PLAIN, loaded

from ls_backend.clip.clip import Clip
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app

AUTH = replace(PLAIN, basic_auth_user="studio", basic_auth_pass="wörd")


@pytest.mark.parametrize("given", [None, ("studio", "word"), ("", ""), ("studi", "wörd")])
def test_basic_auth_guards_all_but_the_webhook(clip: Clip, given: tuple[str, str] | None) -> None:
    client = create_app(loaded(ClipModel(clip)), AUTH).test_client()

    for route in ("/health", "/versions", "/nowhere"):
        answer = client.get(route, auth=given)
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
    assert client.post("/setup", json={"schema": CONFIG}, auth=given).status_code == 401
    assert client.post("/webhook", json={}, auth=given).status_code == 200


def test_basic_auth_lets_in_who_knows_it(clip: Clip) -> None:
    client = create_app(loaded(ClipModel(clip)), AUTH).test_client()

    assert client.get("/health", auth=("studio", "wörd")).status_code == 200
    assert client.get("/health", headers={"Authorization": "Bearer x"}).status_code == 401


def basic(encoded: bytes) -> str:
    return "Basic " + base64.b64encode(encoded).decode()


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (basic("studio:wörd".encode("latin-1")), 200),  # Label Studio
        (basic("studio:wörd".encode()), 200),  # curl, browsers
        (basic("studio:wörd".encode("utf-16")), 401),
        (basic(b"studio:w\xffrd"), 401),
        (basic(b"\xff"), 401),
        ("Basic \xff", 401),
        ("Basic \xff:\xff", 401),
        ("Basic", 401),
        ("Basic " + "A" * 5, 401),
        ("\xff", 401),
        ("Bearer a=b", 401),
    ],
)
@pytest.mark.parametrize("route", ["/health", "/", "/metrics"])
def test_any_authorization_is_let_in_or_refused(
    clip: Clip, given: str, status: int, route: str
) -> None:
    client = create_app(loaded(ClipModel(clip)), AUTH).test_client()

    assert client.get(route, headers={"Authorization": given}).status_code == status


@pytest.mark.parametrize("password", ["日本", "\udcfc"])
def test_a_password_that_latin_1_does_not_have(clip: Clip, password: str) -> None:
    settings = replace(AUTH, basic_auth_pass=password)
    client = create_app(loaded(ClipModel(clip)), settings).test_client()
    right = basic(f"studio:{password}".encode("utf-8", "surrogateescape"))

    assert client.get("/health", headers={"Authorization": right}).status_code == 200
    assert client.get("/health", headers={"Authorization": basic(b"studio:?")}).status_code == 401


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_a_webhook_secret_with_umlauts(clip: Clip, encoding: str) -> None:
    settings = replace(AUTH, webhook_secret="gehört")
    client = create_app(loaded(ClipModel(clip)), settings).test_client()
    headers = {"X-Clip-Secret": "gehört".encode(encoding).decode("latin-1")}

    assert client.post("/webhook", data=b"{}", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("given", "status"), [("s3cret", 200), ("other", 401), (None, 401), ("sécret", 401)]
)
def test_the_webhook_asks_for_its_secret(clip: Clip, given: str | None, status: int) -> None:
    settings = replace(AUTH, webhook_secret="s3cret")
    client = create_app(loaded(ClipModel(clip)), settings).test_client()
    headers = {"X-Clip-Secret": given.encode("utf-8").decode("latin-1")} if given else {}

    answer = client.post("/webhook", data=b"no json at all", headers=headers)

    assert answer.status_code == status
