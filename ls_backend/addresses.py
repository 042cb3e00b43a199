"""Where an image lies: an origin on the web, public or not, behind a proxy; or a cloud storage.

Owns what can be told of an address before anybody connects to it, and which of the storages and
proxies the environment names can be used.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from ls_backend.errors import ConfigError, ImageError

PROXY_VARIABLE = "CLIP_IMAGE_PROXY"
CLOUD_VARIABLE = "CLIP_CLOUD_DIRECT"
DEFAULT_PORTS = {"http": 80, "https": 443}

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


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy for what lies on public addresses.

    Attributes:
        origin: Origin of the proxy.
        headers: Credentials for it; empty where it asks for none.
    """

    origin: Origin
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


class CloudStorage(NamedTuple):
    """A kind of cloud storage, and what reads it.

    Attributes:
        protocol: Name of its filesystem in fsspec.
        package: Package with that filesystem.
        extra: Extra of label-studio-clip that installs the package.
    """

    protocol: str
    package: str
    extra: str

    @property
    def install_hint(self) -> str:
        return f"Install what it needs: pip install 'label-studio-clip[{self.extra}]'"


CLOUD_STORAGES = {
    "s3": CloudStorage("s3", "s3fs", "s3"),
    "gs": CloudStorage("gs", "gcsfs", "gcs"),
    "azure-blob": CloudStorage("az", "adlfs", "azure"),
}
"""By Label Studio's name for the scheme: `azure-blob://container/path`."""


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


def cloud_scheme_of(uri: str) -> str | None:
    """The scheme of a cloud file's address; None for all other addresses."""
    scheme, separator, _ = uri.partition("://")
    return scheme.lower() if separator and scheme.lower() in CLOUD_STORAGES else None


def host_header(origin: Origin) -> str:
    """The host, with its port where that is not the usual one."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == DEFAULT_PORTS[origin.scheme] else f"{host}:{origin.port}"


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


def proxy_from_env(environ: Mapping[str, str]) -> Proxy | None:
    """The proxy that CLIP_IMAGE_PROXY names, where it names one: http://[NAME:PASSWORD@]HOST:PORT.

    Raises:
        ConfigError: It is no such address.
    """
    text = environ.get(PROXY_VARIABLE, "").strip()
    if not text:
        return None
    who, at, where = text.removeprefix("http://").rpartition("@")
    try:
        origin = origin_of(f"http://{where.removesuffix('/')}")
    except ImageError:
        origin = None
    if origin is None or "/" in who + where.removesuffix("/"):
        raise ConfigError(
            f"{PROXY_VARIABLE} is no address of an HTTP proxy.",  # it may hold a password
            hint=f"For example: export {PROXY_VARIABLE}=http://proxy.example.org:3128",
        )
    secret = base64.b64encode(unquote(who).encode()).decode()
    return Proxy(origin, {"Proxy-Authorization": f"Basic {secret}"} if at else {})


def cloud_direct_from_env(environ: Mapping[str, str]) -> frozenset[str]:
    """The schemes that CLIP_CLOUD_DIRECT lists.

    Raises:
        ConfigError: One is unknown, or its package is not installed.
    """
    listed = environ.get(CLOUD_VARIABLE, "").lower().split(",")
    schemes = frozenset(name.strip().removesuffix("://") for name in listed if name.strip())
    for scheme in sorted(schemes):
        _check_readable(scheme)
    return schemes


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
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


def _check_readable(scheme: str) -> None:
    storage = CLOUD_STORAGES.get(scheme)
    if storage is None:
        raise ConfigError(
            f"{CLOUD_VARIABLE} has {scheme!r}, which is no storage that can be read.",
            hint=f"Give names with commas between them, of {', '.join(CLOUD_STORAGES)}.",
        )
    if find_spec(storage.package) is None:
        raise ConfigError(
            f"{CLOUD_VARIABLE} has {scheme!r}, and {storage.package} is not installed.",
            hint=storage.install_hint,
        )
