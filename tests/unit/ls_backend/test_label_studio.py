"""Signing in to Label Studio, and what people read when it does not work.

The answers are those that Label Studio 1.23.2 gave; `tests/e2e` asks a real one.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ls_backend.errors import (
    ConfigError,
    LabelStudioError,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
)
from ls_backend.label_studio import Credentials, LabelStudio, credentials_from_env

LEGACY = "0123456789abcdef0123456789abcdef01234567"
COOKIE = "sessionid=very-secret"
LEGACY_OFF = (
    "Authentication token no longer valid: legacy token authentication has been disabled for this "
    "organization"
)


def jwt(**claims: Any) -> str:
    parts = ({"alg": "HS256"}, claims)
    encoded = (base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)
    return ".".join([*encoded, "signature"])


PAT = jwt(token_type="refresh", exp=8000000000, iat=1700000000)


class Server(ThreadingHTTPServer):
    """Answers every path in the same way, after an optional sign-in with a PAT."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.body: Any = {"ok": True}
        self.headers: dict[str, str] = {}
        self.delay_s = 0.0
        self.refresh_status = 200
        self.access_lifetime_s = 300
        self.seen: list[tuple[str, str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def refused(self, status: int, detail: str) -> None:
        self.status = status
        self.body = {"status_code": status, "version": "1.23.2", "detail": detail}

    def answer(self, path: str) -> tuple[int, Any]:
        if path != "/api/token/refresh/":
            time.sleep(self.delay_s)
            return self.status, self.body
        if self.refresh_status != 200:
            return self.refresh_status, {"detail": "Token is invalid"}
        # Its clock is years away from ours.
        access = jwt(token_type="access", iat=1000, exp=1000 + self.access_lifetime_s)
        return 200, {"access": access}


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, self.headers.get("Authorization")))
        status, body = self.server.answer(self.path)
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Set-Cookie", COOKIE)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        with suppress(BrokenPipeError):  # the client had enough of waiting
            self.wfile.write(data)

    do_POST = do_GET

    def log_message(self, *_: Any) -> None:
        """Tests share our stderr."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


Connect = Callable[..., LabelStudio]


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    opened = []

    def connect(token: str = LEGACY, url: str | None = None) -> LabelStudio:
        opened.append(LabelStudio(Credentials(url or server.url, token)))
        return opened[-1]

    yield connect
    for ls in opened:
        ls.close()


def by_request(ls: LabelStudio) -> Any:
    return ls.json("GET", "/api/projects", what="read the projects")


def by_sdk(ls: LabelStudio) -> Any:
    with ls.translated("read the projects"):
        return list(ls.sdk.projects.list())


both_ways = pytest.mark.parametrize("read", [by_request, by_sdk])


def test_a_legacy_token_is_sent_as_it_is(server: Server, connect: Connect) -> None:
    assert connect().json("GET", "api/projects") == {"ok": True}
    assert server.seen == [("GET", "/api/projects", f"Token {LEGACY}")]


def test_a_personal_access_token_buys_an_access_token_once(
    server: Server, connect: Connect
) -> None:
    ls = connect(PAT)
    for _ in range(3):
        ls.json("GET", "/api/projects")
    first, *others = server.seen
    assert first[:2] == ("POST", "/api/token/refresh/")
    assert len(others) == 3
    assert all(str(authorization).startswith("Bearer ey") for _, _, authorization in others)
    assert PAT not in str(server.seen)


def test_an_access_token_is_renewed_before_it_ends(server: Server, connect: Connect) -> None:
    server.access_lifetime_s = 29
    ls = connect(PAT)
    ls.headers()
    ls.headers()
    assert [path for _, path, _ in server.seen] == ["/api/token/refresh/"] * 2


@pytest.mark.parametrize("token", [LEGACY, PAT])
def test_the_sdk_signs_in_the_same_way(server: Server, connect: Connect, token: str) -> None:
    server.body = {"count": 0, "results": [], "next": None, "previous": None}
    assert by_sdk(connect(token)) == []
    expected = "Token" if token == LEGACY else "Bearer"
    assert str(server.seen[-1][2]).startswith(f"{expected} ")


def test_a_netrc_entry_does_not_replace_our_token(
    server: Server, connect: Connect, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    connect().json("GET", "/api/projects")
    assert server.seen[0][2] == f"Token {LEGACY}"


@both_ways
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
    read: Callable[[LabelStudio], Any],
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


@both_ways
@pytest.mark.parametrize("status", [200, 404])
def test_something_else_at_the_address_is_recognised(
    server: Server, connect: Connect, read: Callable[[LabelStudio], Any], status: int
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


@both_ways
def test_a_redirect_is_not_followed_with_the_token(
    server: Server, connect: Connect, read: Callable[[LabelStudio], Any]
) -> None:
    server.status, server.headers = 301, {"Location": "https://elsewhere.example/api/projects"}
    with pytest.raises(LabelStudioError) as error:
        read(connect())
    assert error.value.code == "label_studio_moved"
    assert len(server.seen) == 1


@both_ways
def test_nobody_listens(connect: Connect, read: Callable[[LabelStudio], Any]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(LabelStudioUnreachable, match="Connection refused") as error:
            read(connect(url=f"http://127.0.0.1:{port}"))
    assert "LABEL_STUDIO_URL" in error.value.hint


@both_ways
def test_https_where_there_is_http(
    server: Server, connect: Connect, read: Callable[[LabelStudio], Any]
) -> None:
    with pytest.raises(LabelStudioUnreachable) as error:
        read(connect(url=server.url.replace("http:", "https:")))
    assert "http instead of https" in error.value.hint


def test_an_answer_that_takes_too_long(server: Server, connect: Connect) -> None:
    server.delay_s = 1.0
    with pytest.raises(LabelStudioUnreachable, match="took too long"):
        connect().json("GET", "/api/projects", timeout=0.05)


@both_ways
@pytest.mark.parametrize("token", [LEGACY, PAT])
def test_secrets_stay_out_of_errors(
    server: Server, connect: Connect, read: Callable[[LabelStudio], Any], token: str
) -> None:
    ls = connect(token)
    server.refused(400, f"cannot use {token} in {ls.headers()['Authorization']}")
    with pytest.raises(LabelStudioError) as error:
        read(ls)
    shown = f"{error.value} {error.value.hint} {error.value.__cause__} {ls!r}"
    assert token not in shown
    assert "signature" not in shown
    assert COOKIE not in shown
    assert error.value.__suppress_context__ or error.value.__context__ is None


def test_errors_of_our_own_pass_through(connect: Connect) -> None:
    ls = connect()
    with pytest.raises(ZeroDivisionError), ls.translated("divide"):
        _ = 1 / 0


def test_credentials_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", " http://localhost:8080/ ")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", f'"{LEGACY}"\n')
    assert credentials_from_env() == Credentials("http://localhost:8080", LEGACY)
    assert credentials_from_env("https://named.example/ls").url == "https://named.example/ls"
    assert LEGACY not in repr(credentials_from_env())


@pytest.mark.parametrize("missing", ["LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"])
def test_a_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://localhost:8080")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", LEGACY)
    monkeypatch.delenv(missing)
    with pytest.raises(ConfigError, match=missing) as error:
        credentials_from_env()
    assert f"export {missing}=" in error.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8080",
        "ftp://host",
        "http://",
        "http://host:99999",
        "http://ho st",
        "http://user:password@host",
        "http://host/projects?page=1",
        "http://[::1",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as error:
        Credentials(url, LEGACY)
    assert "password@" not in error.value.message


@pytest.mark.parametrize("token", ["", "two words", "ключ", "line\nbreak"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(ConfigError) as error:
        Credentials("http://localhost:8080", token)
    assert token not in error.value.message or not token


def test_an_access_token_is_refused_since_it_ends_in_five_minutes() -> None:
    with pytest.raises(LabelStudioUnauthorized, match="five minutes"):
        LabelStudio(Credentials("http://localhost:8080", jwt(token_type="access", exp=1, iat=1)))
