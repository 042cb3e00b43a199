"""The sketch server: OpenAI's API on this machine, drawing each prompt with Pillow.

Owns the Flask app and its process: the key, request ids and error answers of all routes. What a
route does is in `images_api.py`, `batch_api.py` and `text_api.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from importers.sketch.account import NO_LIMITS, USUAL_BATCHES, Account, BatchLimits, Limits
from importers.sketch.batch_api import add_batch_routes
from importers.sketch.errors import ApiError
from importers.sketch.failures import ALL
from importers.sketch.images_api import ImageModel, add_image_routes
from importers.sketch.images_wire import model_answer, models_answer
from importers.sketch.text_api import add_text_routes
from ls_backend.server.listening import bound, url_of

if TYPE_CHECKING:
    from flask import Flask, Response

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8765
LARGEST_BODY = 1_000_000


def create_app(
    failure_rate: float = 0.0,
    seed: int = 0,
    kinds: Sequence[str] = ALL,
    api_key: str | None = None,
    *,
    request_log: Path | None = None,
    limits: Limits = NO_LIMITS,
    batches: BatchLimits = USUAL_BATCHES,
) -> Flask:
    """Make the server's Flask app.

    Args:
        failure_rate: Share of drawings that fail as a real model's do, 0 to 1.
        seed: First seed of each prompt whose request names none.
        kinds: Kinds of failures to choose from, see `importers.sketch.failures`.
        api_key: The key that requests must bear; None lets everybody in.
        request_log: File that gets one JSON line for each image that was answered, before it is
            sent: prompt, seed, sha256 of the bytes, request_id.
        limits: The rate limit, quota and latency of the account.
        batches: How long its batches take, and which models they are closed to.

    Raises:
        ConfigError: a rate outside 0 to 1, or an unknown kind of failure.
    """
    from flask import Flask

    model = ImageModel(failure_rate, seed, tuple(kinds), request_log)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    _name_requests(app)
    _ask_for_key(app, api_key)
    _answer_errors_in_json(app)
    add_image_routes(app, Account(limits), model)
    add_batch_routes(app, batches, api_key)
    add_text_routes(app, seed)
    app.add_url_rule("/v1/models", view_func=models_answer)
    app.add_url_rule("/v1/models/<path:model>", view_func=model_answer)
    return app


def serve(
    app: Flask,
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    ready: Callable[[str], None] = print,
) -> None:
    """Answer requests until the process is interrupted.

    Args:
        port: Port to listen on; 0 takes a free one.
        ready: Called once with the base URL for clients when requests will be answered.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    from waitress.server import create_server

    with bound(host, port) as listening:
        server = create_server(app, sockets=[listening])
        ready(f"{url_of(listening)}/v1")
        try:
            server.run()
        finally:
            server.close()


def _name_requests(app: Flask) -> None:
    """Give each request an id: `g.request_id`, and a header of its answer."""
    from flask import g

    @app.before_request
    def name() -> None:
        g.request_id = f"req_{uuid4().hex}"

    @app.after_request
    def tell(response: Response) -> Response:
        response.headers.setdefault("x-request-id", g.request_id)
        return response


def _ask_for_key(app: Flask, api_key: str | None) -> None:
    from flask import request

    @app.before_request
    def check_key() -> None:
        if api_key is None:
            return
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise ApiError(
                401,
                "You didn't provide an API key. You need to provide your API key in an "
                "Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if not compare_digest(given.encode(), api_key.encode()):
            raise ApiError(401, "Incorrect API key provided.", "invalid_api_key")


def _answer_errors_in_json(app: Flask) -> None:
    from flask import request
    from werkzeug.exceptions import HTTPException

    @app.errorhandler(ApiError)
    def api_error(error: ApiError) -> tuple[dict[str, Any], int, dict[str, str]]:
        return error.body(), error.status, dict(error.headers)

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> tuple[dict[str, Any], int, dict[str, str]]:
        status = error.code or 500
        where = f"{request.method} {request.path}"
        messages = {
            404: f"Invalid URL ({where})",
            405: f"Not allowed: {where} (HINT: perhaps you meant another HTTP method)",
            500: "The server had an error while processing your request. Sorry about that!",
        }
        message = messages.get(status, error.description or error.name)
        if status >= 500:
            return api_error(ApiError(status, message, "server_error", type="server_error"))
        return api_error(ApiError(status, message))
