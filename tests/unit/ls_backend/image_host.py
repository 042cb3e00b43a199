"""A real web server whose every path answers as a test says."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from served import answering

Answer = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    path: str
    host: str
    authorization: str | None


class _Server(ThreadingHTTPServer):
    """Its answers look at `stopped`, so that none goes on behind the test that asked for it."""

    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.stopped = threading.Event()


class ImageHost:
    """`host.routes["/a.png"] = body(b"…")`; `host.asked` has what arrived, in order.

    With `tls`, its certificate in it, the host speaks https.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.routes: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._answer(self)

            do_CONNECT = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """Tests read `asked` instead."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._answering = answering(self._server)
        self.port = self._server.server_port
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    def __enter__(self) -> ImageHost:
        self._answering.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.stopped.set()
        self._answering.__exit__(kind, error, trace)

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        headers = request.headers
        self.asked.append(Asked(request.path, headers["Host"], headers["Authorization"]))
        try:
            self.routes.get(request.path.partition("?")[0], status(404))(request)
        except OSError:
            """The client had enough."""


def body(data: bytes, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        for name, value in {"Content_Length": str(len(data)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        request.wfile.write(data)

    return answer


def status(code: int) -> Answer:
    return lambda request: request.send_error(code)


def redirect(url: str, code: int = 302) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        request.send_header("Location", url)
        request.end_headers()

    return answer


def raw(data: bytes) -> Answer:
    """These bytes instead of an HTTP answer."""
    return lambda request: _write(request, data)


def dripping(head: bytes, drop: bytes, seconds: float = 30.0) -> Answer:
    """A byte or two at a time, so that no single read ever waits long."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        _write(request, head)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not request.server.stopped.wait(0.02):
            _write(request, drop)

    return answer


def endless() -> Answer:
    """A body without a length that never ends."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            _write(request, b"\x89PNG" * 1024)

    return answer


def _write(request: BaseHTTPRequestHandler, data: bytes) -> None:
    request.wfile.write(data)
    request.wfile.flush()
