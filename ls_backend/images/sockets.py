"""A socket to a checked address, straight or through a proxy; no wait of it outlasts a deadline.

The host is resolved once, every one of its addresses is checked, and the connection goes to a
checked address, so a name cannot point elsewhere between check and use. Through a proxy it is the
proxy that resolves: what is known here of the host is checked, the rest is the proxy's to allow.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from ls_backend.addresses import PROXY_VARIABLE, Origin, Proxy, check_public, host_header
from ls_backend.errors import ImageError
from ls_backend.images.names import Addresses, addresses_of, left
from ls_backend.tls import tls_context

CONNECT_SECONDS = 4.0
KNOWN_WITHIN_SECONDS = 2.0
"""How long a name is looked up that a proxy will look up itself."""
PROXY_HINT = f"{PROXY_VARIABLE} names it; see that it runs, and whom it lets through."

_tls = lru_cache(maxsize=4)(tls_context)


def connect(
    origin: Origin,
    deadline: float,
    *,
    is_trusted: bool,
    proxy: Proxy | None = None,
    ca_bundle: Path | None = None,
) -> socket.socket:
    """A socket on which to ask `origin`, with TLS for https.

    Args:
        deadline: `time.monotonic()` at which it is too late.
        is_trusted: It may lie on a private address.
        proxy: What to go through.

    Raises:
        ImageError: A private address, or the proxy does not let through.
        OSError: It cannot be reached, TimeoutError not in time.
    """
    if proxy is not None:
        _check_what_is_known(origin, deadline)
        sock = _through(proxy, origin, deadline)
    else:
        found = addresses_of(origin.host, origin.port, deadline)
        if not is_trusted:
            _check(origin, found)
        sock = _opened(origin, found, deadline)
    return _secured(sock, origin, deadline, ca_bundle)


def exchange(
    sock: socket.socket, method: str, target: str, headers: Mapping[str, str], deadline: float
) -> http.client.HTTPResponse:
    """Ask over an open socket; the answer's body is read under the same deadline."""
    connection = http.client.HTTPConnection("unused")
    connection.sock = cast(Any, _DeadlineSocket(sock, deadline))
    connection.request(method, target, headers=dict(headers))
    return connection.getresponse()


def _check_what_is_known(origin: Origin, deadline: float) -> None:
    try:
        soon = min(deadline, time.monotonic() + KNOWN_WITHIN_SECONDS)
        found = addresses_of(origin.host, origin.port, soon)
    except (socket.gaierror, TimeoutError):  # behind a proxy, names of the world are often unknown
        return
    _check(origin, found)


def _check(origin: Origin, found: Addresses) -> None:
    for *_, address in found:
        check_public(origin, str(address[0]))


def _through(proxy: Proxy, origin: Origin, deadline: float) -> socket.socket:
    """A socket to the proxy; for https, one on which `origin` answers."""
    name = host_header(proxy.origin)
    try:
        sock = _opened(proxy.origin, addresses_of(*proxy.origin[1:], deadline), deadline)
        if origin.scheme == "http":
            return sock
        target = f"{host_header(origin).removesuffix(f':{origin.port}')}:{origin.port}"
        try:
            headers = {"Host": target, **proxy.headers}
            status = exchange(sock, "CONNECT", target, headers, deadline).status
        except BaseException:
            sock.close()
            raise
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException) as error:
        why = getattr(error, "strerror", None) or error or type(error).__name__
        raise _proxy_error(f"The proxy {name} cannot be used: {why}.") from error
    if status != 200:
        sock.close()
        raise _proxy_error(f"The proxy {name} does not lead to {target}: HTTP {status}.")
    return sock


def _proxy_error(message: str) -> ImageError:
    return ImageError(message, hint=PROXY_HINT, code="proxy")


def _opened(origin: Origin, found: Addresses, deadline: float) -> socket.socket:
    problem: OSError = OSError(f"{origin.host} has no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(CONNECT_SECONDS, left(deadline)))
            sock.connect(address)
        except OSError as error:
            sock.close()
            problem = error
        else:
            return sock
    raise problem


def _secured(
    sock: socket.socket, origin: Origin, deadline: float, ca_bundle: Path | None
) -> socket.socket:
    if origin.scheme == "http":
        return sock
    try:
        sock.settimeout(left(deadline))
        return _tls(ca_bundle).wrap_socket(sock, server_hostname=origin.host)
    except BaseException:
        sock.close()
        raise


class _DeadlineSocket:
    """What http.client needs of a socket; every wait ends at one deadline.

    A plain timeout starts anew with each byte, so a server that drips would hold it for hours.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(left(self._deadline))
        self._sock.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(_DeadlineReader(self._sock, self._deadline))

    def close(self) -> None:
        """Whoever opened the socket closes it; http.client would do so before the body is read."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._sock.settimeout(left(self._deadline))
        return self._sock.recv_into(buffer)
