"""Who is let in: user and password of a request, and the webhook's secret, compared as bytes.

HTTP does not say in which encoding they come: Label Studio sends Latin-1, curl and browsers UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ls_backend.settings import Settings


def is_let_in(settings: Settings, authorization: str | None) -> bool:
    """Whether a request's Authorization header presents the backend's user and password.

    Without a user in the settings everybody is let in.

    Args:
        authorization: The header as WSGI has it, each byte a character; None where there is none.
    """
    if settings.basic_auth_user is None:
        return True
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        given = base64.b64decode(encoded.strip(" \t").encode("latin-1"), validate=True)
    except binascii.Error:
        return False
    return _is_same(given, f"{settings.basic_auth_user}:{settings.basic_auth_pass}")


def is_secret(given: str, secret: str) -> bool:
    """Whether a header, as WSGI has it, says the secret."""
    return _is_same(given.encode("latin-1"), secret)


def _is_same(given: bytes, expected: str) -> bool:
    # An environment that is no UTF-8 has the bytes as surrogates.
    encodings = [expected.encode("utf-8", "surrogateescape")]
    if max(expected, default="") <= "\xff":
        encodings.append(expected.encode("latin-1"))
    return any(hmac.compare_digest(given, encoded) for encoded in encodings)
