"""A real HTTP proxy: it leads every host name to one server, and remembers what it was asked."""

from __future__ import annotations

import base64
import selectors
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from image_host import ImageHost
from served import answering

NAME, PASSWORD = "clip", "p@ss word"


class ForwardProxy:
    """Lets through to `behind` whoever says NAME and PASSWORD; `asked` has method and target."""

    def __init__(self, behind: ImageHost) -> None:
        self.asked: list[tuple[str, str]] = []
        self._behind = behind
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if outer._lets_through(self):
                    outer._forward(self)

            def do_CONNECT(self) -> None:
                if outer._lets_through(self):
                    outer._tunnel(self)

            def log_message(self, format: str, *args: object) -> None:
                """Tests read `asked` instead."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{server.server_port}"
        self._answering = answering(server)

    def __enter__(self) -> ForwardProxy:
        self._answering.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._answering.__exit__(*error)

    def _lets_through(self, request: BaseHTTPRequestHandler) -> bool:
        self.asked.append((request.command, request.path))
        secret = base64.b64encode(f"{NAME}:{PASSWORD}".encode()).decode()
        if request.headers["Proxy-Authorization"] == f"Basic {secret}":
            return True
        request.send_error(407)
        return False

    def _forward(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        with socket.create_connection(("127.0.0.1", self._behind.port)) as behind:
            head = f"GET {parts.path} HTTP/1.0\r\nHost: {parts.netloc}\r\n\r\n"
            behind.sendall(head.encode())
            while data := behind.recv(65_536):
                request.wfile.write(data)

    def _tunnel(self, request: BaseHTTPRequestHandler) -> None:
        with socket.create_connection(("127.0.0.1", self._behind.port)) as behind:
            request.send_response(200)
            request.end_headers()
            other = {behind: request.connection, request.connection: behind}
            with selectors.DefaultSelector() as waiting:
                for end in other:
                    waiting.register(end, selectors.EVENT_READ)
                while True:
                    for ready, _ in waiting.select():
                        data = ready.fileobj.recv(65_536)  # type: ignore[union-attr]
                        if not data:
                            return
                        other[ready.fileobj].sendall(data)  # type: ignore[index]
