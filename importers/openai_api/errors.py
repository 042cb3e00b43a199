"""What went wrong between us and an API like OpenAI's, in our own errors.

Owns the reading of error answers: which may be tried again, which stop a run, which concern one
prompt only, and after which an image or a text may have been paid for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from importers.openai_api.connection import Connection
from ls_backend.errors import (
    GeneratorError,
    GeneratorUnauthorized,
    GeneratorUnreachable,
    OutcomeUnknown,
    PromptRefused,
)
from ls_backend.retrying import retry_after_s

if TYPE_CHECKING:
    from openai import APIConnectionError, APIError, APIStatusError

LONGEST_QUOTE = 300

_REFUSALS = {"moderation_blocked", "content_policy_violation", "content_filter", "contentFilter"}
_OUT_OF_MONEY = {"insufficient_quota", "billing_hard_limit_reached"}
_NO_SUCH_MODEL = {"model_not_found", "DeploymentNotFound"}
_GAVE_UP_WAITING = {408, 504, 524}  # a proxy stopped waiting; behind it the image may be drawn


class Temporary(GeneratorError):
    """An answer that a later request may not meet again.

    Args:
        wait_s: Seconds after which the API wants to be asked again, where it said so.
    """

    def __init__(self, message: str, *, hint: str, wait_s: float | None) -> None:
        super().__init__(message, hint=hint)
        self.wait_s = wait_s


class RateLimited(Temporary):
    """Too many requests for the moment."""

    default_code: ClassVar[str] = "rate_limited"


class ServerFailed(Temporary):
    """The API failed, through no fault of the request."""

    default_code: ClassVar[str] = "server_error"


def as_generator_error(error: APIError, connection: Connection, model: str) -> GeneratorError:
    """Translate an exception of the SDK; nothing of it repeats the key."""
    from openai import APIConnectionError, APIStatusError

    if isinstance(error, APIStatusError):
        return _status_error(error, connection, model)
    if isinstance(error, APIConnectionError):
        return _connection_error(error, connection)
    return not_an_images_api(connection, f"its answer cannot be read ({type(error).__name__})")


def not_an_images_api(connection: Connection, why: str) -> GeneratorError:
    purpose = connection.purpose
    hint = f"Check {purpose.section}.base_url: it is what comes before {purpose.endpoints}, "
    hint += "most often ending in /v1."
    if connection.is_azure:
        hint = "Check generator.base_url, which is the endpoint of the Azure resource, and "
        hint += "generator.api_version."
    return GeneratorError(
        f"{connection.shown_url} is not {purpose.api}: {why}.",
        hint=hint,
        code=f"not_{purpose.api.lower().replace(' ', '_')}",
    )


def unknown_model(connection: Connection, model: str, known: str | None = None) -> GeneratorError:
    """The error for a model that the API does not have; `known` names those that it has."""
    if connection.is_azure:
        return GeneratorError(
            f"{connection.host} has no deployment {model!r}.",
            hint="Set generator.model to the name of a deployment of that Azure resource; one "
            "that was just made needs a few minutes.",
            code="model_not_found",
        )
    if known is None:
        ours = ", ".join(connection.purpose.models)
        known = ours if connection.is_openai else f"see {connection.shown_url}/models"
    return GeneratorError(
        f"{connection.host} has no model {model!r}, or not for this key.",
        hint=f"Set {connection.purpose.model_key} to one that it has: {known}.",
        code="model_not_found",
    )


def json_object(text: bytes) -> dict[str, Any] | None:
    """The JSON object in an answer; None where it is anything else."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def what_it_said(error: APIStatusError) -> str:
    """The error message of an answer, in whatever shape the server wrote it; short."""
    body = error.body
    if isinstance(body, Mapping):
        body = next((body[name] for name in ("message", "detail", "error") if name in body), body)
    text = body if isinstance(body, str) else json.dumps(body, default=str)
    if "<html" in text.lower() or "<!doctype" in text.lower():
        return "an HTML page"
    text = " ".join(text.split()) or "nothing"
    return text if len(text) <= LONGEST_QUOTE else f"{text[:LONGEST_QUOTE]}…"


def _connection_error(error: APIConnectionError, connection: Connection) -> GeneratorError:
    import httpx2
    from openai import APITimeoutError

    cause = error.__cause__
    never_sent = (
        httpx2.ConnectError,
        httpx2.ConnectTimeout,
        httpx2.LocalProtocolError,
        httpx2.PoolTimeout,
        httpx2.ProxyError,
        httpx2.UnsupportedProtocol,
    )
    if isinstance(cause, never_sent):
        return _unreachable(connection, str(cause) or type(cause).__name__)
    if isinstance(error, APITimeoutError):
        return _unknown_outcome(connection, "gave no answer in time")
    return _unknown_outcome(connection, f"broke off before it answered ({type(cause).__name__})")


def _unreachable(connection: Connection, why: str) -> GeneratorUnreachable:
    reason = connection.without_key(re.sub(r"^\[Errno -?\d+\] ", "", why))
    purpose = connection.purpose
    hint = (
        f"Is the {purpose.server} running there? Check {purpose.section}.base_url and the network"
    )
    if connection.is_openai:
        hint = "Check the network, and https://status.openai.com"
    return GeneratorUnreachable(
        f"{connection.shown_url} does not answer: {reason}.", hint=f"{hint}, then run it again."
    )


def _unknown_outcome(connection: Connection, why: str) -> OutcomeUnknown:
    return OutcomeUnknown(
        f"{connection.host} {why}: {connection.purpose.made}, and charged for.",
        hint=f"Look at the usage page of your account; run it again to {connection.purpose.again}.",
    )


def _status_error(error: APIStatusError, connection: Connection, model: str) -> GeneratorError:
    status, said = error.status_code, connection.without_key(what_it_said(error))
    answered = f"{connection.host} answered {status} for {model!r}: {said}"
    section, kept = connection.purpose.section, connection.purpose.kept
    if error.code in _REFUSALS:
        return PromptRefused(
            f"{connection.host} refused the prompt: {said}",
            hint="Change the template or factor that it comes from, or leave it out.",
        )
    if error.code in _OUT_OF_MONEY or error.type == "insufficient_quota" or status == 402:
        return GeneratorError(
            f"The account at {connection.host} has no money or quota left: {said}",
            hint=f"Top it up or raise its limit, then run it again: {kept}.",
            code="insufficient_quota",
        )
    if status == 401:
        return _wrong_key(connection)
    if status == 403:
        return GeneratorUnauthorized(answered, hint=_how_to_be_allowed(connection))
    if error.code in _NO_SUCH_MODEL or (status == 404 and model and model in said):
        return unknown_model(connection, model)
    if status in {404, 405}:
        return not_an_images_api(connection, f"it answered {status}: {said}")
    if status == 429:
        return RateLimited(
            answered,
            hint=f"Run it again later{connection.purpose.slower}: {kept}.",
            wait_s=retry_after_s(error.response.headers),
        )
    if status in _GAVE_UP_WAITING:
        return _unknown_outcome(connection, f"answered {status}")
    if status == 409 or status >= 500:
        return ServerFailed(
            answered,
            hint="The trouble is on the server's side: look at its log or its status page, then "
            "run it again.",
            wait_s=retry_after_s(error.response.headers),
        )
    return GeneratorError(
        answered,
        hint=f"Change [{section}] in the campaign to what the API accepts.",
        # Some servers repeat the status there.
        code="bad_request" if not error.code or str(error.code).isdecimal() else error.code,
    )


def _how_to_be_allowed(connection: Connection) -> str:
    hint = "The key is known but may not use this model."
    if connection.is_openai:
        hint += " OpenAI wants some organizations verified: "
        hint += "https://platform.openai.com/settings/organization/general."
    elif connection.is_azure:
        hint += " Look at the networking and the access control of the Azure resource."
    return hint


def _wrong_key(connection: Connection) -> GeneratorUnauthorized:
    variable = connection.key_variable
    if not connection.has_key:
        return GeneratorUnauthorized(
            f"{connection.host} wants a key, and this campaign has none for it.",
            hint="Put the key into an environment variable and name that variable in "
            f"{connection.purpose.section}.api_key_env.",
        )
    return GeneratorUnauthorized(
        f"{connection.host} does not accept the key in the environment variable {variable}.",
        hint=f"Set {variable} to a key of that API, or name another variable in "
        f"{connection.purpose.section}.api_key_env.",
    )
