"""A way to a server that can be shut for a while, as networks and restarts do."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class Gate:
    """Forwards connections to a server while it is open; shut, it refuses them.

    Args:
        server: URL of what is behind it.
    """

    def __init__(self, server: str) -> None:
        behind = urlsplit(server)
        assert behind.hostname
        assert behind.port
        self._behind = behind.hostname, behind.port
        self._listening: socket.socket | None = None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self._port))
        threading.Thread(target=self._accept, args=[self._listening], daemon=True).start()

    def shut(self) -> None:
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept
            self._listening.close()
            self._listening = None

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):  # it was shut
            while True:
                visitor, _ = listening.accept()
                server = socket.create_connection(self._behind)
                for ends in ((visitor, server), (server, visitor)):
                    threading.Thread(target=_forward, args=ends, daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):  # one of the two has gone
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    source.close()
