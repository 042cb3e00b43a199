"""Errors → what Label Studio is answered: JSON with `error`, `message` and `hint`.

The message is also the HTTP reason phrase, the only part of a refusal which Label Studio shows.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ls_backend.bodies import RequestError
from ls_backend.errors import LabelConfigError, LsClipError, ModelError
from ls_backend.loading import NotReady

if TYPE_CHECKING:
    from flask import Flask, Response
    from werkzeug.exceptions import HTTPException

LONGEST_REASON = 400
NO_MARKUP = str.maketrans("<>&", "   ", "…")
RETRY_AFTER_S = "5"

log = logging.getLogger(__name__)


class BusyError(LsClipError):
    """As many predictions are under way as are allowed at once, or the backend is stopping."""

    default_code = "busy"


STATUS: dict[type[LsClipError], int] = {
    RequestError: 400,
    LabelConfigError: 400,
    BusyError: 503,
    NotReady: 503,
    ModelError: 503,
}

HINTS = {
    404: "The routes are / /health /setup /predict /webhook /versions /ready /metrics.",
    413: "Ask for fewer tasks at once; pictures belong into uploads, not into the tasks' data.",
}


def answer_errors_in_json(app: Flask) -> None:
    """Every error of every route becomes a refusal; what nobody foresaw is logged and a 500."""
    from werkzeug.exceptions import HTTPException

    @app.errorhandler(LsClipError)
    def ours(error: LsClipError) -> Response:
        response = refused(error)
        log.warning(
            "%s answered: [%s] %s %s", response.status_code, error.code, error.message, error.hint,
            extra={"code": error.code},
        )  # fmt: skip
        return response

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        code = error.code or 500
        return refusal(code, "http", f"{error.name}.", HINTS.get(code, HINTS[404]))

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        hint = "The backend's log has the reason."
        return refusal(500, "internal", "The CLIP backend failed.", hint)


def refused(error: LsClipError, **more: str) -> Response:
    """The answer to an error of ours."""
    status = STATUS.get(type(error), 500)
    response = refusal(status, error.code, error.message, error.hint, **more)
    if isinstance(error, (BusyError, NotReady)):
        response.headers["Retry-After"] = RETRY_AFTER_S
    return response


def refusal(status: int, code: str, message: str, hint: str, **more: str) -> Response:
    """A JSON answer whose reason phrase says it too."""
    from flask import jsonify

    response = jsonify(error=code, message=message, hint=hint, **more)
    # Label Studio puts the phrase into its page: no line breaks, no markup.
    reason = " ".join(f"{message} {hint}".translate(NO_MARKUP).split())[:LONGEST_REASON]
    response.status = f"{status} {reason.encode('ascii', 'replace').decode()}"
    return response


def unauthorized() -> Response:
    """Asks for user and password."""
    response = refusal(
        401,
        "unauthorized",
        "The CLIP backend does not know this user and password.",
        "Enter BASIC_AUTH_USER and BASIC_AUTH_PASS of the backend in the model's settings.",
    )
    response.headers["WWW-Authenticate"] = 'Basic realm="ls-clip"'
    return response
