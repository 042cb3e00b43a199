"""Which certificates are trusted over https: this machine's, certifi's, and CLIP_CA_BUNDLE's.

Owns what is checked of them, and the words for what is wrong.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from requests.adapters import HTTPAdapter

from ls_backend.errors import ConfigError

CA_VARIABLE = "CLIP_CA_BUNDLE"
TRUST_HINT = (
    f"Mend its certificate. If an authority of your own has signed it, name that one's PEM file: "
    f"{CA_VARIABLE}=/path/to/ca.pem"
)


def ca_bundle_from_env(environ: Mapping[str, str]) -> Path | None:
    """The file that CLIP_CA_BUNDLE names, where it names one.

    Raises:
        ConfigError: It is not there, cannot be read or holds no certificate.
    """
    text = environ.get(CA_VARIABLE, "").strip()
    if not text:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(text)
    except OSError as error:  # SSLError too
        raise ConfigError(
            f"{CA_VARIABLE} is {text!r}, from which no certificate can be read: "
            f"{error.strerror or error}.",
            hint="Name a file with the certificates of authorities in PEM format, which begin with "
            "-----BEGIN CERTIFICATE-----, or unset it.",
        ) from error
    return Path(text)


def tls_context(bundle: Path | None) -> ssl.SSLContext:
    """A client's context that checks names and certificates; `bundle` adds authorities.

    Signatures, names and dates are checked. What an authority says of itself beyond that is not:
    Python 3.13 refuses one without keyUsage, as many companies have, and browsers take it.
    """
    import certifi

    context = ssl.create_default_context()
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.load_verify_locations(certifi.where())
    if bundle is not None:
        context.load_verify_locations(bundle)
    return context


def tls_fault(error: ssl.SSLError) -> str:
    """What is wrong with a certificate or a connection, in OpenSSL's words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason or "handshake failed").replace("_", " ").lower()


class TrustingAdapter(HTTPAdapter):
    """For `requests`, with and without a proxy: trusts what `tls_context(bundle)` does."""

    def __init__(self, bundle: Path) -> None:
        self._context = tls_context(bundle)
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **options)

    def proxy_manager_for(self, *args: Any, **options: Any) -> Any:
        return super().proxy_manager_for(*args, ssl_context=self._context, **options)
