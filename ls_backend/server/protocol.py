"""What Label Studio sends and how it is refused: bodies of /setup and /predict, answers to errors.

Bodies are checked before anything else; only what is used is named here, all else that Label Studio
sends is let through. Every error becomes JSON, and a reason phrase that Label Studio shows.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NotRequired, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ls_backend.backend import BusyError, NotReady
from ls_backend.errors import LabelConfigError, LsClipError, ModelError

if TYPE_CHECKING:
    from flask import Flask, Response
    from werkzeug.exceptions import HTTPException

    from ls_backend.label_studio_types import NewPrediction

LONGEST_REASON = 400
LONGEST_PATH = 100
NO_MARKUP = str.maketrans("<>&", "   ", "…")
RETRY_AFTER_S = "5"
STRAY = {404, 405}
"""Answers to what is no request of Label Studio's: a browser, a probe."""
HINTS = {
    404: "The routes are / /health /setup /predict /webhook /events /versions /ready /metrics.",
    413: "Ask for fewer tasks at once; pictures belong into uploads, not into the tasks' data.",
}

BodyKind = TypeVar("BodyKind")
_HALF = re.compile("[\ud800-\udfff]")
_OPEN = ConfigDict(extra="allow")

log = logging.getLogger(__name__)


class RequestError(LsClipError):
    """A request that Label Studio would not send."""

    default_code = "request"


class ResultBody(TypedDict):
    """An annotation or a prediction of a task."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    result: NotRequired[list[dict[str, Any]] | None]


class TaskBody(TypedDict):
    """A task, as Label Studio serializes it."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    data: dict[str, Any]
    annotations: NotRequired[list[ResultBody] | None]
    predictions: NotRequired[list[ResultBody] | None]


class ContextBody(TypedDict):
    """What a person has just drawn, in interactive mode."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    result: NotRequired[list[dict[str, Any]] | None]


class ParamsBody(TypedDict):
    """`reasons` is ours: true asks why tasks get no prediction."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    context: NotRequired[ContextBody | None]
    reasons: NotRequired[Any]


class SetupBody(TypedDict):
    """Of POST /setup. `hostname` and `access_token` are what Label Studio believes of itself."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    schema: str
    project: NotRequired[Any]
    hostname: NotRequired[str | None]
    access_token: NotRequired[str | None]


class PredictBody(TypedDict):
    """Of POST /predict."""

    __pydantic_config__ = _OPEN  # type: ignore[misc]
    tasks: list[TaskBody]
    label_config: str
    project: NotRequired[Any]
    params: NotRequired[ParamsBody | None]


SETUP: TypeAdapter[SetupBody] = TypeAdapter(SetupBody)
PREDICT: TypeAdapter[PredictBody] = TypeAdapter(PredictBody)
STATUS: dict[type[LsClipError], int] = {
    RequestError: 400,
    LabelConfigError: 400,
    BusyError: 503,
    NotReady: 503,
    ModelError: 503,
}


def read_body(kind: TypeAdapter[BodyKind], body: bytes) -> BodyKind:
    """The body of a request as plain dicts and lists.

    Raises:
        RequestError: It is no JSON, or not of that shape; the message names the first fault.
    """
    try:
        try:
            return kind.validate_json(body)
        except ValidationError:
            return kind.validate_json(_in_whole_characters(body))
    except ValidationError as error:
        fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the body"
        raise RequestError(
            f"The request cannot be read: {where}: {fault['msg']}.",
            hint="Send what Label Studio sends: POST /setup {schema}, /predict {tasks, "
            "label_config}.",
        ) from None


def _in_whole_characters(body: bytes) -> bytes:
    """JSON can hold half a character, from a text cut in two; pydantic would refuse all of it."""
    try:
        text = json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return body
    return _HALF.sub("\ufffd", text).encode()


def results_of(
    answers: Sequence[NewPrediction | LsClipError], *, with_reasons: bool
) -> dict[str, list[Any]]:
    """The answer to /predict: an item for each task, [] where there is no prediction.

    Args:
        with_reasons: Whether to say why, too: code, message and hint; null where there is one.
    """
    errors = [answer if isinstance(answer, LsClipError) else None for answer in answers]
    results = [[] if isinstance(answer, LsClipError) else answer for answer in answers]
    if not with_reasons:
        return {"results": results}
    reasons = [
        {"code": error.code, "message": error.message, "hint": error.hint} if error else None
        for error in errors
    ]
    return {"results": results, "reasons": reasons}


def answer_errors_in_json(app: Flask) -> None:
    """Every error of every route becomes a refusal; what nobody foresaw is logged and a 500."""
    from werkzeug.exceptions import HTTPException

    app.register_error_handler(LsClipError, logged_refusal)

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        status = error.code or 500
        message, hint = f"{error.name}.", HINTS.get(status, HINTS[404])
        say = _refusal if status in STRAY else refused_with_a_line
        return say(status, "http", message, hint)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        hint = "The backend's log has the reason."
        return _refusal(500, "internal", "The CLIP backend failed.", hint)


def refused(error: LsClipError, **more: Any) -> Response:
    """The answer to an error of ours."""
    status = STATUS.get(type(error), 500)
    response = _refusal(status, error.code, error.message, error.hint, **more)
    if isinstance(error, (BusyError, NotReady)):
        response.headers["Retry-After"] = RETRY_AFTER_S
    return response


def logged_refusal(error: LsClipError) -> Response:
    """The answer to an error of ours, of which the log tells, too."""
    response = refused(error)
    _log_refusal(response.status_code, error.code, error.message, error.hint)
    return response


def refused_with_a_line(status: int, code: str, message: str, hint: str) -> Response:
    """A refusal of which the log tells, too."""
    _log_refusal(status, code, message, hint)
    return _refusal(status, code, message, hint)


def unauthorized() -> Response:
    """Asks for user and password."""
    from flask import request

    # A browser presents none until it is asked.
    say = (
        _refusal
        if request.endpoint == "page" and "Authorization" not in request.headers
        else refused_with_a_line
    )
    response = say(
        401,
        "unauthorized",
        "The CLIP backend does not know this user and password.",
        "Enter BASIC_AUTH_USER and BASIC_AUTH_PASS of the backend in the model's settings.",
    )
    response.headers["WWW-Authenticate"] = 'Basic realm="ls-clip", charset="UTF-8"'
    return response


def _log_refusal(status: int, code: str, message: str, hint: str) -> None:
    """The line of the log for a request that was refused."""
    from flask import request

    log.warning(
        "%s %s refused with %s: [%s] %s %s",
        request.method, request.path[:LONGEST_PATH], status, code, message, hint,
        extra={"code": code, "hint": hint},
    )  # fmt: skip


def _refusal(status: int, code: str, message: str, hint: str, **more: Any) -> Response:
    """A JSON answer whose reason phrase says it too."""
    from flask import jsonify

    response = jsonify(error=code, message=message, hint=hint, **more)
    # Label Studio puts the phrase into its page: no line breaks, no markup.
    reason = " ".join(f"{message} {hint}".translate(NO_MARKUP).split())[:LONGEST_REASON]
    response.status = f"{status} {reason.encode('ascii', 'replace').decode()}"
    return response
