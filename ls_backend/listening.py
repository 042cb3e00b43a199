"""The socket that the backend listens on: bound before anything else, refused in plain words."""

from __future__ import annotations

import errno
import socket

from ls_backend.errors import ConfigError

BACKLOG = 1024


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ConfigError: The address cannot be used.
    """
    if not 0 <= port <= 65_535:
        raise _cannot_listen(host, port, ValueError("ports go from 0 to 65535"))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _cannot_listen(host, port, error) from error
    return sock


def url_of(sock: socket.socket) -> str:
    """The http address of a bound socket."""
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _cannot_listen(host: str, port: int, error: Exception) -> ConfigError:
    busy = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    why = "the port is in use" if busy else str(error)
    return ConfigError(
        f"The backend cannot listen on {host}:{port}: {why}.",
        hint="Stop what uses the port, or choose another: --port 9191 (0 takes a free one).",
        code="address",
    )
