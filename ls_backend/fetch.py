"""One bounded GET: checked address, few redirects, a deadline for all of it, a cap on bytes.

The host is resolved once, every one of its addresses is checked, and the connection goes to a
checked address, so a name cannot point elsewhere between check and use. Proxy variables of the
environment play no part.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import quote, urljoin, urlsplit

from ls_backend.addresses import DEFAULT_PORTS, Origin, check_public, origin_of, shown
from ls_backend.errors import ImageError
from ls_backend.tls import TRUST_HINT, tls_context

MAX_REDIRECTS = 3
CONNECT_SECONDS = 4.0
CHUNK = 64 * 1024

T = TypeVar("T")

_tls = lru_cache(maxsize=4)(tls_context)

# getaddrinfo knows no timeout: it waits here, and its caller no longer than the deadline.
_resolver = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")


@dataclass(frozen=True)
class Limits:
    """Bounds of one fetch, redirects included: wall-clock seconds and bytes of body."""

    seconds: float
    max_bytes: int


def fetch(
    url: str,
    limits: Limits,
    *,
    trusted: Callable[[Origin], bool],
    headers: Callable[[Origin, float], Mapping[str, str]],
    ca_bundle: Path | None = None,
) -> bytes:
    """The body that `url` answers with.

    Args:
        trusted: Origins that may lie on a private address.
        headers: What to send to an origin besides the usual; asked again after each redirect, with
            the moment (`time.monotonic()`) at which it is too late.
        ca_bundle: PEM file of authorities to trust besides the public ones.

    Raises:
        ImageError: With a code that says which bound or step failed.
    """
    deadline = time.monotonic() + limits.seconds
    for _ in range(MAX_REDIRECTS + 1):
        origin = origin_of(url)
        try:
            with _connect(origin, deadline, trusted(origin), ca_bundle) as sock:
                response = _get(sock, origin, url, headers(origin, deadline), deadline)
                location = response.getheader("Location")
                if response.status not in (301, 302, 303, 307, 308) or not location:
                    return _body(response, url, limits.max_bytes)
        except (OSError, http.client.HTTPException) as error:
            raise _failure(url, error, limits) from error
        url = _target(url, location)
    raise ImageError(
        f"{shown(url)} is reached only after more than {MAX_REDIRECTS} redirects.",
        hint="Put the address into the task at which the image itself lies.",
        code="redirects",
    )


def _target(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise ImageError(
            f"{shown(url)} redirects to what is no address: {error}.",
            hint="Put the address into the task at which the image itself lies.",
            code="url",
        ) from error


def _connect(
    origin: Origin, deadline: float, is_trusted: bool, ca_bundle: Path | None
) -> socket.socket:
    found = _resolved(origin, deadline)
    if not is_trusted:
        for *_, address in found:
            check_public(origin, str(address[0]))
    problem: OSError = OSError(f"{origin.host} has no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(min(CONNECT_SECONDS, _left(deadline)))
            sock.connect(address)
            return _secured(sock, origin, deadline, ca_bundle)
        except OSError as error:
            sock.close()
            problem = error
    raise problem


def _resolved(origin: Origin, deadline: float) -> Sequence[tuple[Any, ...]]:
    lookup = _resolver.submit(socket.getaddrinfo, origin.host, origin.port, type=socket.SOCK_STREAM)
    try:
        return in_time(lookup, deadline)
    except ValueError as error:  # no name at all: a null byte, a label of more than 63 letters
        raise OSError(f"{origin.host[:80]!r} is no host name") from error


def _secured(
    sock: socket.socket, origin: Origin, deadline: float, ca_bundle: Path | None
) -> socket.socket:
    if origin.scheme == "http":
        return sock
    sock.settimeout(_left(deadline))
    return _tls(ca_bundle).wrap_socket(sock, server_hostname=origin.host)


def _get(
    sock: socket.socket, origin: Origin, url: str, headers: Mapping[str, str], deadline: float
) -> http.client.HTTPResponse:
    parts = urlsplit(url)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]")
    connection = http.client.HTTPConnection(origin.host, origin.port)
    connection.sock = cast(Any, _DeadlineSocket(sock, deadline))
    usual = {
        "Host": _host_header(origin),
        "User-Agent": "label-studio-clip",
        "Accept": "image/*,*/*;q=0.8",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    connection.request("GET", target, headers={**usual, **headers})
    return connection.getresponse()


def _host_header(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == DEFAULT_PORTS[origin.scheme] else f"{host}:{origin.port}"


def _body(response: http.client.HTTPResponse, url: str, max_bytes: int) -> bytes:
    if response.status != 200:
        raise _refused(response.status, url)
    if response.getheader("Content-Encoding", "identity").lower() != "identity":
        raise ImageError(
            f"{shown(url)} answers in a compressed encoding that was not asked for.",
            hint="Let its server send images as they are.",
            code="content_encoding",
        )
    expected = response.length
    if expected is not None and expected > max_bytes:
        raise too_large(url, max_bytes)
    body = io.BytesIO()
    while chunk := response.read(CHUNK):
        body.write(chunk)
        if body.tell() > max_bytes:
            raise too_large(url, max_bytes)
    if expected is not None and body.tell() < expected:
        raise http.client.IncompleteRead(b"", expected - body.tell())
    return body.getvalue()


def _refused(status: int, url: str) -> ImageError:
    hints = {
        401: "The token is not accepted there: check LABEL_STUDIO_API_KEY, and that its address "
        "is that of LABEL_STUDIO_URL.",
        403: "Its server forbids to read it: check who may see it, and whether its link expired.",
        404: "Nothing lies there: check the task's data; for local files, that the project has a "
        "local storage for their folder.",
    }
    return ImageError(
        f"{shown(url)} answers with HTTP {status}.",
        hint=hints.get(status, "Try again, and read the log of its server."),
        code=f"http_{status}",
    )


def too_large(url: str, max_bytes: int) -> ImageError:
    return ImageError(
        f"{shown(url)} is larger than {max_bytes} bytes.",
        hint="Use a smaller file, or raise CLIP_IMAGE_MAX_BYTES.",
        code="too_many_bytes",
    )


def too_slow(url: str, limits: Limits) -> ImageError:
    return ImageError(
        f"{shown(url)} did not arrive in time (limit {limits.seconds:g} s).",
        hint="Look at its server and the network between, or raise CLIP_IMAGE_SECONDS.",
        code="timeout",
    )


def _failure(url: str, error: Exception, limits: Limits) -> ImageError:
    if isinstance(error, TimeoutError):
        return too_slow(url, limits)
    if isinstance(error, ssl.SSLError):
        return ImageError(
            f"{shown(url)} has no valid TLS certificate: {error.reason or 'handshake failed'}.",
            hint=TRUST_HINT,
            code="tls",
        )
    if isinstance(error, OSError):
        return ImageError(
            f"{shown(url)} cannot be reached: {error.strerror or error}.",
            hint="Check the address from the machine on which the backend runs.",
            code="unreachable",
        )
    return ImageError(
        f"{shown(url)} answers in broken HTTP ({type(error).__name__}).",
        hint="Its server, or a proxy before it, breaks off answers: try again, read its log.",
        code="broken_answer",
    )


def in_time(answer: Future[T], deadline: float) -> T:
    """What another thread comes up with.

    Raises:
        TimeoutError: Nothing until the deadline.
    """
    try:
        return answer.result(timeout=_left(deadline))
    except NotYet:
        answer.cancel()  # if it still waits for its turn: others wait behind it
        raise TimeoutError from None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


class _DeadlineSocket:
    """What http.client needs of a socket; every wait ends at one deadline.

    A plain timeout starts anew with each byte, so a server that drips would hold it for hours.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self._sock = sock
        self._deadline = deadline

    def sendall(self, data: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
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
        self._sock.settimeout(_left(self._deadline))
        return self._sock.recv_into(buffer)
