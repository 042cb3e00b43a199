"""Label Studio at the other end of the line: credentials and requests.

Owns how we sign in. A legacy token is sent as it is; a Personal Access Token is a refresh token
that buys access tokens of five minutes. `ls_backend.label_studio_errors` words the refusals.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from ls_backend.errors import ConfigError, LabelStudioUnauthorized
from ls_backend.label_studio_errors import (
    WRONG_TOKEN_HINT,
    no_answer,
    not_label_studio,
    refusal,
    unauthorized,
)
from ls_backend.tls import TrustingAdapter, ca_bundle_from_env

URL_VARIABLE = "LABEL_STUDIO_URL"
TOKEN_VARIABLE = "LABEL_STUDIO_API_KEY"
CONNECT_TIMEOUT_S = 10.0
READ_TIMEOUT_S = 120.0
SIGN_IN_TIMEOUT_S = 30.0
"""All requests wait for it."""
_RENEW_BEFORE_S = 30.0


@dataclass(frozen=True)
class Credentials:
    """Where Label Studio is and who we are.

    Attributes:
        url: Address of the server, without a slash at its end.
        token: A Personal Access Token or a legacy token; never shown.
        ca_bundle: PEM file of authorities to trust besides the public ones.

    Raises:
        ConfigError: The address or the token cannot be one.
        LabelStudioUnauthorized: The token is an access token, which no server takes for long.
    """

    url: str
    token: str = field(repr=False)
    ca_bundle: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "url", _checked_url(self.url))
        object.__setattr__(self, "token", _checked_token(self.token))
        _is_refresh_token(self.token)


def credentials_from_env(url: str | None = None) -> Credentials:
    """Credentials from LABEL_STUDIO_URL, LABEL_STUDIO_API_KEY and CLIP_CA_BUNDLE.

    Args:
        url: Goes before the variable.

    Raises:
        ConfigError: one is missing, or cannot be an address, a token or such a file.
        LabelStudioUnauthorized: the token is an access token.
    """
    address = url or os.environ.get(URL_VARIABLE, "")
    if not address.strip():
        raise ConfigError(
            f"No Label Studio is named: {URL_VARIABLE} is not set.",
            hint=f"Name it, for example: export {URL_VARIABLE}=http://localhost:8080",
        )
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token.strip():
        raise ConfigError(
            f"There is no token for Label Studio: {TOKEN_VARIABLE} is not set.",
            hint=f"In Label Studio: your initials > Account & Settings > Personal Access Token. "
            f"Then: export {TOKEN_VARIABLE}=<that token>",
        )
    return Credentials(address, token, ca_bundle_from_env(os.environ))


class LabelStudio:
    """One Label Studio server, signed in.

    Every method raises LabelStudioUnreachable when it does not answer, LabelStudioUnauthorized when
    it does not accept the token, and LabelStudioError for all else it refuses.

    Args:
        direct: `request` takes no proxy of the environment.
    """

    def __init__(self, credentials: Credentials, *, direct: bool = False) -> None:
        self.url = credentials.url
        self.credentials = credentials
        self._token = credentials.token
        self._is_access_by_refresh = _is_refresh_token(credentials.token)
        self._access = ""
        self._access_ends = 0.0
        self._lock = threading.Lock()
        self._ca_bundle = credentials.ca_bundle
        self._direct = direct
        self._session = self._new_session() if self.url.startswith("https:") else None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def renew_after(self, refused: Mapping[str, str]) -> bool:
        """Whether to ask again after a 401: not with a legacy token.

        Args:
            refused: The headers that were sent. Only if they held the newest access token, another
                one is bought: of many requests that are refused at once, the first has done so.
        """
        with self._lock:
            if refused.get("Authorization") == f"Bearer {self._access}":
                self._access_ends = 0.0
        return self._is_access_by_refresh

    def headers(self) -> dict[str, str]:
        """The Authorization header for a request to this server."""
        if not self._is_access_by_refresh:
            return {"Authorization": f"Token {self._token}"}
        with self._lock:
            if time.monotonic() > self._access_ends - _RENEW_BEFORE_S:
                self._access, self._access_ends = self._new_access()
            return {"Authorization": f"Bearer {self._access}"}

    def request(
        self, method: str, path: str, *, what: str | None = None, **options: Any
    ) -> requests.Response:
        """Send a request to `path` of this server.

        A 401 means that nothing was done. So where Label Studio may only have forgotten our access
        token, the request is sent once more with a new one.

        Args:
            what: What we are about, for messages: "create the project".
            options: As `requests.request` takes them, bodies as bytes rather than streams, which
                cannot be sent again; the timeout defaults to 120 s.
        """
        about = what or f"use {path}"
        given = options.pop("headers", {})
        signed = self.headers()
        try:
            return self._send(method, path, about, headers={**given, **signed}, **options)
        except LabelStudioUnauthorized:
            if not self.renew_after(signed):
                raise
        return self._send(method, path, about, headers={**given, **self.headers()}, **options)

    def json(self, method: str, path: str, *, what: str | None = None, **options: Any) -> Any:
        """Like `request`, and returns the answer's JSON."""
        response = self.request(method, path, what=what, **options)
        try:
            return response.json()
        except requests.JSONDecodeError:
            raise not_label_studio(self.url, what or f"use {path}") from None

    def _send(
        self, method: str, path: str, what: str, *, headers: dict[str, str], **options: Any
    ) -> requests.Response:
        options.setdefault("timeout", (CONNECT_TIMEOUT_S, READ_TIMEOUT_S))
        options.setdefault("allow_redirects", False)
        url = f"{self.url}/{path.lstrip('/')}"
        try:
            with self._connection() as session:
                response = session.request(method, url, headers=headers, **options)
        except requests.RequestException as error:
            # Its text has the address and what not: it goes no further.
            raise no_answer(error, self.url, what) from None
        if response.status_code >= 300:
            raise refusal(response.status_code, response.text, self.url, what)
        return response

    @contextmanager
    def _connection(self) -> Iterator[requests.Session]:
        """A connection that is kept, or one for this request alone.

        `label-studio start`, which has no TLS, sends an answer in two packets. On a kept connection
        the second one waits until the first is acknowledged: 40 ms for each request. (To ask for
        `Connection: close` instead makes it lose answers.)
        """
        if self._session is not None:
            yield self._session
        else:
            with self._new_session() as session:
                yield session

    def _new_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = not self._direct
        # A ~/.netrc entry for the host would replace our Authorization header.
        session.auth = _keep_headers
        if self._ca_bundle is not None:
            session.mount("https://", TrustingAdapter(self._ca_bundle))
        return session

    def _new_access(self) -> tuple[str, float]:
        started = time.monotonic()
        response = self._send(
            "POST",
            "/api/token/refresh/",
            "sign in",
            headers={},
            json={"refresh": self._token},
            timeout=SIGN_IN_TIMEOUT_S,
        )
        try:
            access = str(response.json()["access"])
            claims = _jwt_claims(access) or {}
            # Lifetime by the server's own clock: ours may differ.
            return access, started + float(claims["exp"]) - float(claims["iat"])
        except (requests.JSONDecodeError, KeyError, TypeError, ValueError):
            raise not_label_studio(self.url, "sign in") from None


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_refresh_token(token: str) -> bool:
    claims = _jwt_claims(token)
    if claims is None:
        return False
    if claims.get("token_type") != "refresh":
        raise unauthorized(
            "The token for Label Studio is an access token, which lasts five minutes.",
            WRONG_TOKEN_HINT,
        )
    return True


def _jwt_claims(token: str) -> dict[str, Any] | None:
    parts = token.split(".")
    if len(parts) != 3:
        return None
    try:
        claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return None
    return claims if isinstance(claims, dict) else None


def _checked_url(text: str) -> str:
    url = text.strip().rstrip("/")
    hint = (
        f"Give the address as in the browser, up to the port: {URL_VARIABLE}=http://localhost:8080"
    )
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname)
        valid = valid and parts.port != 0 and not any(c.isspace() for c in url)
    except ValueError:
        valid = False
    if not valid:
        raise ConfigError(f"{url!r} is not the address of a Label Studio.", hint=hint)
    if parts.username or parts.password:
        raise ConfigError(
            f"The address of Label Studio at {parts.hostname} carries a user name or password.",
            hint=f"Leave them out; the token goes into {TOKEN_VARIABLE}.",
        )
    if parts.query or parts.fragment:
        raise ConfigError(f"{url!r} has more than an address.", hint=hint)
    return url


def _checked_token(text: str) -> str:
    token = text.strip().strip("'\"")
    if not token or not token.isascii() or any(c.isspace() for c in token):
        raise ConfigError("The token for Label Studio is not a token.", hint=WRONG_TOKEN_HINT)
    return token
