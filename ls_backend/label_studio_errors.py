"""What Label Studio says when it refuses, in words that help.

Owns the translation of HTTP answers and of the exceptions of requests into the LabelStudio* errors.
Messages never carry tokens, headers or whole pages.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from http.client import BadStatusLine, RemoteDisconnected
from typing import Any

import requests

from ls_backend.errors import (
    LabelStudioError,
    LabelStudioUnauthorized,
    LabelStudioUnreachable,
)
from ls_backend.tls import TRUST_HINT

WRONG_TOKEN_HINT = (
    "In Label Studio: your initials > Account & Settings > Personal Access Token. "
    "Copy it whole into LABEL_STUDIO_API_KEY."
)
_LEGACY_OFF_HINT = (
    "Use a Personal Access Token (your initials > Account & Settings) as LABEL_STUDIO_API_KEY, or "
    "allow legacy tokens for the organization (Organization > Access Token Settings)."
)
_ADDRESS_HINT = (
    "Give the address as in the browser, up to the port, for example "
    "LABEL_STUDIO_URL=http://localhost:8080"
)
_EXPIRED_HINT = (
    "Make a new one: your initials > Account & Settings > Personal Access Token > Create New "
    "Token. Copy it whole into LABEL_STUDIO_API_KEY."
)
_ENDED = re.compile(r"\b(?:expired|blacklisted|no longer valid)\b", re.IGNORECASE)
"""What Label Studio says of a token that was right once."""
_WANTS_HTTPS = re.compile(r"HTTP request (?:was sent )?to (?:an )?HTTPS|speaking plain HTTP", re.I)
"""What nginx, Apache, Go and others say to http on an https port."""
_LONGEST_REASON = 400
_SECRETS = re.compile(r"\b[0-9a-f]{40}\b|\beyJ[\w-]+\.[\w-]+\.[\w-]*")


def refusal(status: int, body: str, url: str, what: str) -> LabelStudioError:
    """The error for an HTTP answer that is not a success.

    Args:
        status: HTTP status, 300 or above.
        body: The answer's text.
        url: Address of the server.
        what: What we were about: "create the project".
    """
    answer = _parsed(body)
    reason = _reason(answer)
    if status == 401:
        return _who_are_you(reason, url, what)
    if status in {502, 503, 504}:
        return LabelStudioUnreachable(
            f"Could not {what}: the proxy before {url} says that Label Studio is not there "
            f"(HTTP {status}).",
            hint="Wait until Label Studio has started, then run this again.",
        )
    if status < 400:
        return LabelStudioError(
            f"Could not {what}: {url} sends us to another address (HTTP {status}).",
            hint=f"Is it https instead of http? {_ADDRESS_HINT}",
            code="label_studio_moved",
        )
    if status == 400 and _WANTS_HTTPS.search(body) and url.startswith("http:"):
        return LabelStudioError(
            f"Could not {what}: the server at {url} answers https alone.",
            hint=f"Give its address as https:{url.partition(':')[2]}",
            code="label_studio_moved",
        )
    if not isinstance(answer, dict) and status < 500:
        return not_label_studio(url, what)
    return _REFUSALS.get(status, _other)(status, reason, url, what)


def not_label_studio(url: str, what: str) -> LabelStudioError:
    """The error for an answer that Label Studio would never give."""
    return LabelStudioError(
        f"Could not {what}: something answers at {url}, but it is not Label Studio.",
        hint=_ADDRESS_HINT,
        code="label_studio_wrong_url",
    )


def unauthorized(message: str, hint: str) -> LabelStudioUnauthorized:
    return LabelStudioUnauthorized(message, hint=hint)


def no_answer(error: requests.RequestException, url: str, what: str) -> LabelStudioUnreachable:
    """The error for a request that got no answer."""
    reason = reason_of(error)
    hint, code = "Start it, or correct its address in LABEL_STUDIO_URL or [review] url.", None
    if may_speak_https(error, url):
        hint = f"Is it https instead of http? If not: {hint}"
    elif "SSL" in reason or "certificate" in reason:
        hint, code = f"Is it http instead of https? If not: {TRUST_HINT}", "tls"
    return LabelStudioUnreachable(
        f"Could not {what}: Label Studio at {url} does not answer ({reason}).",
        hint=hint,
        code=code,
    )


def reason_of(error: requests.RequestException) -> str:
    """Why there was no answer, in a few words without addresses."""
    return "it took too long" if isinstance(error, requests.Timeout) else _root_reason(error)


def may_speak_https(error: requests.RequestException, url: str) -> bool:
    """Whether a server that was asked over http hung up, or answered what is no HTTP."""
    signs = (BadStatusLine, ConnectionResetError)
    return url.startswith("http:") and any(isinstance(link, signs) for link in _chain(error))


def _who_are_you(reason: str, url: str, what: str) -> LabelStudioUnauthorized:
    if "legacy token" in reason:
        return unauthorized(
            f"Could not {what}: {url} does not accept legacy tokens; its organization has "
            "disabled them.",
            _LEGACY_OFF_HINT,
        )
    if _ENDED.search(reason):
        return unauthorized(
            f"Could not {what}: the token for {url} has expired or was revoked ({reason}).",
            _EXPIRED_HINT,
        )
    return unauthorized(
        f"Could not {what}: {url} does not know the token ({reason or 'HTTP 401'}).",
        WRONG_TOKEN_HINT,
    )


def _forbidden(_: int, reason: str, url: str, what: str) -> LabelStudioError:
    return LabelStudioError(
        f"Could not {what}: {url} forbids it ({reason}).",
        hint="Use the token of a person who may do this, or ask an administrator.",
        code="label_studio_forbidden",
    )


def _not_found(_: int, reason: str, url: str, what: str) -> LabelStudioError:
    return LabelStudioError(
        f"Could not {what}: {url} does not have it, or does not show it to you ({reason}).",
        hint="Check the project's number, and that the token belongs to the same organization.",
        code="label_studio_not_found",
    )


def _rejected(status: int, reason: str, url: str, what: str) -> LabelStudioError:
    return LabelStudioError(
        f"Could not {what}: {url} rejects it ({reason or f'HTTP {status}'}).",
        hint="Mend what it names, then run this again.",
        code="label_studio_rejected",
    )


def _other(status: int, reason: str, url: str, what: str) -> LabelStudioError:
    if status < 500:
        return _rejected(status, reason, url, what)
    return LabelStudioError(
        f"Could not {what}: Label Studio at {url} failed (HTTP {status}).",
        hint="Its log has the reason. Nothing is lost here: run this again when it is mended.",
        code="label_studio_failed",
    )


_REFUSALS = {403: _forbidden, 404: _not_found}


def _root_reason(error: BaseException) -> str:
    chain = _chain(error)
    if any(isinstance(link, BadStatusLine) for link in chain):
        return "it hung up" if _hung_up(chain) else "what it says is not HTTP"
    words = next((e.strerror for e in chain if isinstance(e, OSError) and e.strerror), None)
    return _scrubbed(words or type(chain[-1]).__name__)


def _hung_up(chain: Sequence[BaseException]) -> bool:
    return any(isinstance(link, RemoteDisconnected) for link in chain)


def _chain(error: BaseException) -> list[BaseException]:
    """The error, its cause, the cause of that, and so on."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = _cause(link)
    return chain


def _cause(error: BaseException) -> BaseException | None:
    if error.__cause__ or error.__context__:
        return error.__cause__ or error.__context__
    inner = getattr(error, "reason", None) or next(iter(error.args), None)
    return inner if isinstance(inner, BaseException) else None


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body


def _reason(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    details = answer.get("validation_errors") or answer.get("detail") or answer
    text = details if isinstance(details, str) else json.dumps(details, ensure_ascii=False)
    return _scrubbed(" ".join(text.split()))


def _scrubbed(text: str) -> str:
    clean = _SECRETS.sub("…", text)
    return clean if len(clean) <= _LONGEST_REASON else f"{clean[:_LONGEST_REASON]}…"
