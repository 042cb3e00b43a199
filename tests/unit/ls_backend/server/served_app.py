"""The app behind its real server, in a thread of the test's process; and strangers on sockets."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask

from ls_backend.server.app import kept_of_bodies
from ls_backend.server.http_server import HttpServer
from ls_backend.server.listening import bound
from ls_backend.settings import Settings


@dataclass
class ServedApp:
    """A running server."""

    server: HttpServer
    address: tuple[str, int]

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A new connection, on which so much is sent."""
        sock = socket.create_connection(self.address, timeout=30)
        sock.sendall(sent)
        return sock

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> int:
        """The status of an answer on a connection of its own."""
        kept = self.keep()
        try:
            return asked(kept, method, path, body, **headers)
        finally:
            kept.close()

    def keep(self) -> http.client.HTTPConnection:
        """A connection to ask on several times."""
        return http.client.HTTPConnection(*self.address, timeout=30)


def asked(
    kept: http.client.HTTPConnection, method: str, path: str, body: Any = None, **headers: str
) -> int:
    """The status of an answer."""
    kept.request(method, path, body, headers)
    answer = kept.getresponse()
    answer.read()
    return answer.status


@contextmanager
def served_app(app: Flask, settings: Settings, threads: int = 24) -> Iterator[ServedApp]:
    """Answers while the block runs."""
    sock = bound("127.0.0.1", 0)
    stop = app.extensions["clip"].stop
    server = HttpServer(app, sock, kept_of_bodies(settings), threads, stop)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield ServedApp(server, sock.getsockname()[:2])
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive()


def is_closed(sock: socket.socket, seconds: float = 10.0) -> bool:
    """Whether the other side closes the connection within some time."""
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            """An answer may come before."""
    except TimeoutError:
        return False
    except OSError:
        return True
    return True


def drip(sock: socket.socket, text: bytes, every_s: float) -> float:
    """Send byte after byte until the other side has closed; the seconds that took."""
    began = time.monotonic()
    for position in range(len(text)):
        try:
            sock.sendall(text[position : position + 1])
        except OSError:
            break
        time.sleep(every_s)
    return time.monotonic() - began
