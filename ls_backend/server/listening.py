"""The listening socket of a server, and how many connections this process can hold."""

from __future__ import annotations

import errno
import select
import socket
from contextlib import suppress

from ls_backend.errors import ConfigError

BACKLOG = 1024
"""Connections that wait to be accepted."""
MOST_CONNECTIONS = 1000
OPEN_FILES = 4096
"""Asked of the system: connections, large bodies and images each need one."""
CONNECTIONS_WITHOUT_POLL = 400
"""Windows knows select alone, which takes 512 sockets."""
_OTHER_PORT = "another: --port 9191 (0 takes a free one)."
_HOST_HINT = (
    "Name one with --host: 127.0.0.1 is for this machine alone, 0.0.0.0 for every network it is in."
)


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


def most_connections() -> int:
    """How many connections to hold at a time: half of the files that this process may open.

    Raises the process's own limit of open files first, as far as the system lets it.
    """
    if not hasattr(select, "poll"):
        return CONNECTIONS_WITHOUT_POLL
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < OPEN_FILES:
        wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if soft == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, soft // 2)


def _cannot_listen(host: str, port: int, error: Exception) -> ConfigError:
    why, hint = str(error), f"Choose {_OTHER_PORT}"
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRNOTAVAIL or isinstance(error, (socket.gaierror, UnicodeError)):
        why, hint = "that is no address of this machine", _HOST_HINT
    elif number == errno.EADDRINUSE:
        why, hint = "the port is in use", f"Stop what uses the port, or choose {_OTHER_PORT}"
    elif number == errno.EACCES:
        why = "ports below 1024 are for the administrator"
    return ConfigError(
        f"The server cannot listen on {host}:{port}: {why}.", hint=hint, code="address"
    )
