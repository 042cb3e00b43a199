"""Origins of URLs, and which network addresses an image may be read from."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple
from urllib.parse import urlsplit

from ls_backend.errors import ImageError

DEFAULT_PORTS = {"http": 80, "https": 443}

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All public IPv6 addresses; beside them lie wrapped IPv4 ones, local NAT64, site-local."""
_TUNNELS = (ipaddress.IPv6Network("2001::/32"), ipaddress.IPv6Network("2002::/16"))
"""Teredo and 6to4: IPv4 addresses again, and no public image lies there."""


class Origin(NamedTuple):
    """Scheme, host and port: what a token belongs to."""

    scheme: str
    host: str
    port: int


def origin_of(url: str) -> Origin:
    """The origin of an absolute http(s) URL.

    Raises:
        ImageError: Another scheme, no host, or user info in the URL.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
        host = host if host.isascii() else host.encode("idna").decode()
    except ValueError as error:
        raise _bad_url(url, "it cannot be parsed") from error
    if parts.scheme not in DEFAULT_PORTS:
        raise _bad_url(url, "it is neither http nor https")
    if not host:
        raise _bad_url(url, "it names no host")
    if "@" in parts.netloc:
        raise _bad_url(url, "it carries a user name")
    return Origin(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])


def shown(url: str) -> str:
    """A URL as messages may show it: short, and without its query, which may be a signature."""
    text = url.partition("?")[0].partition("#")[0]
    return text if len(text) <= 200 else f"{text[:200]}…"


def check_public(origin: Origin, address: str) -> None:
    """Refuse an address that is not public, also one that is wrapped in an IPv6 address.

    Raises:
        ImageError: With the code private_address.
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if not _is_public(ip):
        raise ImageError(
            f"{origin.host} lies on the private address {address}, where no image is read.",
            hint=f"If it is yours, allow it: CLIP_ALLOWED_HOSTS={origin.host}",
            code="private_address",
        )


def _is_public(ip: _Address) -> bool:
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return _is_public(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF))
        if ip not in _GLOBAL_UNICAST or any(ip in tunnel for tunnel in _TUNNELS):
            return False
    return ip.is_global and not ip.is_multicast


def _bad_url(url: str, why: str) -> ImageError:
    where = "The image's address" if "@" in url else shown(url)
    return ImageError(
        f"{where} cannot be read: {why}.",
        hint="A task's image may be an upload of Label Studio, an http(s) URL or a data URI.",
        code="url",
    )
