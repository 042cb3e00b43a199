"""What people read when Label Studio refuses, or is not there."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from certificates import authority
from image_host import ImageHost
from studio_answers import COOKIE, LEGACY, PAT, Connect, Server, read

from ls_backend.errors import LabelStudioError, LabelStudioUnauthorized, LabelStudioUnreachable

LEGACY_OFF = (
    "Authentication token no longer valid: legacy token authentication has been disabled for this "
    "organization"
)


@pytest.mark.parametrize(
    ("status", "detail", "code", "words"),
    [
        (401, "Invalid token.", "label_studio_unauthorized", "does not know the token"),
        (401, LEGACY_OFF, "label_studio_unauthorized", "does not accept legacy tokens"),
        (403, "You may not.", "label_studio_forbidden", "You may not."),
        (404, "No Project matches.", "label_studio_not_found", "No Project matches."),
        (400, "Title too short.", "label_studio_rejected", "Title too short."),
        (500, "boom", "label_studio_failed", "failed (HTTP 500)"),
        (503, "starting", "label_studio_unreachable", "is not there"),
    ],
)
def test_refusals_are_worded(
    server: Server,
    connect: Connect,
    status: int,
    detail: str,
    code: str,
    words: str,
) -> None:
    server.refused(status, detail)
    with pytest.raises(LabelStudioError) as error:
        read(connect())
    assert error.value.code == code
    assert error.value.message.startswith("Could not read the projects: ")
    assert words in error.value.message
    assert error.value.hint


@pytest.mark.parametrize("status", [200, 404])
def test_something_else_at_the_address_is_recognised(
    server: Server, connect: Connect, status: int
) -> None:
    server.status, server.body = status, "<!doctype html><title>My router</title>"
    with pytest.raises(LabelStudioError) as error:
        read(connect())
    assert error.value.code == "label_studio_wrong_url"
    assert "router" not in error.value.message


def test_something_else_that_a_pat_is_offered_to(server: Server, connect: Connect) -> None:
    server.refresh_status = 404
    with pytest.raises(LabelStudioError) as error:
        connect(PAT).headers()
    assert "sign in" in error.value.message


def test_a_pat_that_the_server_does_not_know(server: Server, connect: Connect) -> None:
    server.refresh_status = 401
    with pytest.raises(LabelStudioUnauthorized, match="does not know the token"):
        connect(PAT).json("GET", "/api/projects")


def test_a_redirect_is_not_followed_with_the_token(server: Server, connect: Connect) -> None:
    server.status, server.headers = 301, {"Location": "https://elsewhere.example/api/projects"}
    with pytest.raises(LabelStudioError) as error:
        read(connect())
    assert error.value.code == "label_studio_moved"
    assert len(server.seen) == 1


def test_nobody_listens(connect: Connect) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(LabelStudioUnreachable, match="Connection refused") as error:
            read(connect(url=f"http://127.0.0.1:{port}"))
    assert "LABEL_STUDIO_URL" in error.value.hint


def test_https_where_there_is_http(server: Server, connect: Connect) -> None:
    with pytest.raises(LabelStudioUnreachable) as error:
        read(connect(url=server.url.replace("http:", "https:")))
    assert "http instead of https" in error.value.hint


def test_http_where_there_is_https(connect: Connect, tmp_path: Path) -> None:
    with ImageHost(authority(tmp_path).server) as host:
        address = host.url.replace("https:", "http:")
        with pytest.raises(LabelStudioUnreachable) as error:
            read(connect(url=address))
    assert "https instead of http" in error.value.hint


@pytest.mark.parametrize(
    "page",
    [
        "<html><h1>400 Bad Request</h1>The plain HTTP request was sent to HTTPS port</html>",
        "Client sent an HTTP request to an HTTPS server.\n",
        "<p>You're speaking plain HTTP to an SSL-enabled server port.</p>",
    ],
    ids=["nginx", "go", "apache"],
)
def test_a_proxy_that_wants_https(server: Server, connect: Connect, page: str) -> None:
    server.status, server.body = 400, page
    with pytest.raises(LabelStudioError) as error:
        read(connect())
    assert error.value.code == "label_studio_moved"
    assert server.url.replace("http:", "https:") in error.value.hint


@pytest.mark.parametrize("said", ["Token is expired", "Token is blacklisted"])
def test_a_token_that_has_ended_is_to_be_made_anew(
    server: Server, connect: Connect, said: str
) -> None:
    server.refused(401, said)
    with pytest.raises(LabelStudioUnauthorized, match="has expired or was revoked") as error:
        read(connect())
    assert "Create New Token" in error.value.hint


def test_an_answer_that_takes_too_long(server: Server, connect: Connect) -> None:
    server.delay_s = 1.0
    with pytest.raises(LabelStudioUnreachable, match="took too long"):
        connect().json("GET", "/api/projects", timeout=0.05)


@pytest.mark.parametrize("token", [LEGACY, PAT])
def test_secrets_stay_out_of_errors(server: Server, connect: Connect, token: str) -> None:
    ls = connect(token)
    server.refused(400, f"cannot use {token} in {ls.headers()['Authorization']}")
    with pytest.raises(LabelStudioError) as error:
        read(ls)
    shown = f"{error.value} {error.value.hint} {error.value.__cause__} {ls!r}"
    assert token not in shown
    assert "signature" not in shown
    assert COOKIE not in shown
    assert error.value.__suppress_context__ or error.value.__context__ is None
