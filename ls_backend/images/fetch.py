"""One bounded GET: checked address, few redirects, a deadline for all of it, a cap on bytes.

Proxy variables of the environment play no part.
"""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

from ls_backend.addresses import PROXY_VARIABLE, Origin, Proxy, host_header, origin_of, shown
from ls_backend.errors import ImageError
from ls_backend.images.sockets import connect, exchange
from ls_backend.tls import TRUST_HINT, tls_fault

MAX_REDIRECTS = 3
CHUNK = 64 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds of one fetch, redirects included.

    Attributes:
        seconds: Wall-clock time, in seconds.
        max_bytes: Size of the body, in bytes.
    """

    seconds: float
    max_bytes: int


def fetch(
    url: str,
    limits: Limits,
    *,
    trusted: Callable[[Origin], bool],
    headers: Callable[[Origin, float], Mapping[str, str]],
    ca_bundle: Path | None = None,
    proxy: Proxy | None = None,
) -> bytes:
    """The body that `url` answers with.

    Args:
        trusted: Origins that may lie on a private address.
        headers: What to send to an origin besides the usual; asked again after each redirect, with
            the moment (`time.monotonic()`) at which it is too late.
        ca_bundle: PEM file of authorities to trust besides the public ones.
        proxy: The way to all origins that are not trusted.

    Raises:
        ImageError: With a code that says which bound or step failed.
    """
    deadline = time.monotonic() + limits.seconds
    for _ in range(MAX_REDIRECTS + 1):
        origin = origin_of(url)
        is_trusted = trusted(origin)
        via = None if is_trusted else proxy
        try:
            with connect(
                origin, deadline, is_trusted=is_trusted, proxy=via, ca_bundle=ca_bundle
            ) as sock:
                response = _get(sock, origin, url, headers(origin, deadline), deadline, via)
                location = response.getheader("Location")
                if response.status not in (301, 302, 303, 307, 308) or not location:
                    return _body(response, url, limits.max_bytes)
        except (OSError, http.client.HTTPException, ValueError) as error:
            # A ValueError is http.client's: it takes "-5" for a size of a chunk, and then not.
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


def _get(
    sock: socket.socket, origin: Origin, url: str, headers: Mapping[str, str], deadline: float,
    via: Proxy | None,
) -> http.client.HTTPResponse:  # fmt: skip
    parts = urlsplit(url)
    target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    if parts.query:
        target += "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~?[]")
    usual = {
        "Host": host_header(origin),
        "User-Agent": "label-studio-clip",
        "Accept": "image/*,*/*;q=0.8",
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if via is not None and origin.scheme == "http":
        target = f"http://{host_header(origin)}{target}"
        usual |= via.headers
    return exchange(sock, "GET", target, {**usual, **headers}, deadline)


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
        407: f"A proxy wants to know who asks: {PROXY_VARIABLE}=http://NAME:PASSWORD@HOST:PORT",
        500: "Try again, and read the log of its server. Label Studio answers so where the file of "
        "an upload is gone.",
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
            f"{shown(url)} has no valid TLS certificate: {tls_fault(error)}.",
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
