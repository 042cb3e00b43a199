"""A Label Studio that answers as a test tells it to, and a way to ask it.

The answers are those that Label Studio 1.23.2 gave; `tests/e2e` asks a real one.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ls_backend.label_studio import LabelStudio

LEGACY = "0123456789abcdef0123456789abcdef01234567"
COOKIE = "sessionid=very-secret"
Connect = Callable[..., LabelStudio]


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


def read(ls: LabelStudio) -> Any:
    return ls.json("GET", "/api/projects", what="read the projects")
