"""Who is let in, by user and password or the webhook's secret, and the refusal of all others.

Both are compared as bytes, since HTTP does not say in which encoding they come: Label Studio sends
Latin-1, curl and browsers UTF-8.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from ls_backend.server.protocol import refused_with_a_line, unauthorized
from ls_backend.settings import SECRET_HEADER, Settings

if TYPE_CHECKING:
    from flask import Flask, Response


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


def ask_who(app: Flask, settings: Settings) -> None:
    """Let nobody in who does not present user and password."""
    from flask import request

    @app.before_request
    def ask() -> Response | None:
        # The webhook that Label Studio adds by itself carries no credentials.
        open_to_all = request.endpoint in {"webhook", "ready"}
        if open_to_all or is_let_in(settings, request.headers.get("Authorization")):
            return None
        return unauthorized()


def refused_webhook(settings: Settings) -> Response | None:
    """The answer to an event without the webhook's secret; None for one that is taken."""
    from flask import request

    secret = settings.webhook_secret
    given = request.headers.get(SECRET_HEADER, "").encode("latin-1")  # as WSGI has it
    if not secret or _is_same(given, secret):
        return None
    return refused_with_a_line(
        401,
        "webhook_secret",
        f"The header {SECRET_HEADER} is not this backend's.",
        "Run `ls-clip connect` again, with CLIP_WEBHOOK_SECRET as the backend has it.",
    )


def _is_same(given: bytes, expected: str) -> bool:
    # An environment that is no UTF-8 has the bytes as surrogates.
    encodings = [expected.encode("utf-8", "surrogateescape")]
    if max(expected, default="") <= "\xff":
        encodings.append(expected.encode("latin-1"))
    return any(hmac.compare_digest(given, encoded) for encoded in encodings)
