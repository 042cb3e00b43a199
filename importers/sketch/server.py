"""The sketch server: OpenAI's images API on this machine, drawing each prompt with Pillow.

Texts are `text_api.py`'s, which it serves beside them.

Owns the routes, the key, and the log of what was drawn. The one parameter beyond OpenAI's is
`seed`, as several self-hosted servers have it: the same prompt and seed give the same bytes.
Without one, the server counts up from its own seed each time it is asked for a prompt, so that
asking again gives another picture, as with a real model.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hmac import compare_digest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from importers.sketch import edits_wire, wire
from importers.sketch.account import NO_LIMITS, Account, Limits
from importers.sketch.batch_api import USUAL, BatchLimits, add_routes
from importers.sketch.draw import draw
from importers.sketch.edit import edit
from importers.sketch.failures import ALL
from importers.sketch.text_api import add_text_routes
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from flask import Flask, Response

DEFAULT_HOST = "127.0.0.1"
DEFAULT_PORT = 8765
LARGEST_BODY = 1_000_000
LARGEST_BODY_WITH_IMAGES = 256 * 2**20

Paint = Callable[[int], bytes]
"""A seed → a PNG."""


def create_app(
    failure_rate: float = 0.0,
    seed: int = 0,
    kinds: Sequence[str] = ALL,
    api_key: str | None = None,
    *,
    request_log: Path | None = None,
    limits: Limits = NO_LIMITS,
    batches: BatchLimits = USUAL,
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
    from flask import Flask, request

    _check(failure_rate, kinds)
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    account = Account(limits)
    easel = _Easel(failure_rate, seed, tuple(kinds), request_log)

    @app.before_request
    def check_key() -> None:
        _check_key(api_key, request.headers.get("Authorization", ""))

    @app.post("/v1/images/generations")
    def generate() -> Response:
        request_id = wire.new_request_id()
        asked = wire.read_request(request.get_json(force=True, silent=True), request_id)
        account.spend(asked.n)
        images = easel.draw(asked, request_id)
        return _answer(wire.images_answer(asked, images), request_id=request_id)

    register(app, account, easel, _answer)

    @app.get("/v1/models")
    def models() -> Response:
        return _answer(wire.models_answer())

    @app.get("/v1/models/<path:model>")
    def model(model: str) -> Response:
        return _answer(wire.model_answer(model))

    add_routes(app, batches, api_key)
    add_text_routes(app, seed)
    _answer_errors_in_json(app)
    return app


def serve(
    host: str = DEFAULT_HOST,
    port: int = DEFAULT_PORT,
    failure_rate: float = 0.0,
    seed: int = 0,
    kinds: Sequence[str] = ALL,
    api_key: str | None = None,
    *,
    request_log: Path | None = None,
    limits: Limits = NO_LIMITS,
    batches: BatchLimits = USUAL,
    ready: Callable[[str], None] = print,
) -> None:
    """Answer requests until the process is interrupted.

    Args:
        host, port: Where to listen; port 0 takes a free one.
        ready: Called once with the base URL for clients when requests will be answered.
        failure_rate, seed, kinds, api_key, request_log, limits, batches: See `create_app`.

    Raises:
        ConfigError: a setting is out of range, or the address cannot be listened on.
    """
    from waitress.server import create_server

    app = create_app(
        failure_rate,
        seed,
        kinds,
        api_key,
        request_log=request_log,
        limits=limits,
        batches=batches,
    )
    with _listen(host, port) as listening:
        server = create_server(app, sockets=[listening])
        ready(f"http://{host}:{listening.getsockname()[1]}/v1")
        try:
            server.run()
        finally:
            server.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"The sketch server cannot listen on {host}:{port}: {error.strerror or error}.",
            hint="Is one running there already? Choose another port, or 0 for any free one.",
        ) from None


@dataclass
class _Easel:
    """Draws, and writes down what it drew; one for all threads."""

    failure_rate: float
    seed: int
    kinds: tuple[str, ...]
    request_log: Path | None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _drawn: Counter[str] = field(default_factory=Counter)

    def draw(
        self, asked: wire.ImageRequest, request_id: str, paint: Paint | None = None
    ) -> list[bytes]:
        """The images of a request; `paint` makes those that start from other ones."""
        first = self._first_seed(asked)
        seeds = range(first, first + asked.n)
        images = [paint(seed) if paint else self._paint(asked, seed) for seed in seeds]
        self._log(asked.prompt, seeds, images, request_id)
        return images

    def _paint(self, asked: wire.ImageRequest, seed: int) -> bytes:
        return draw(asked.prompt, seed, asked.pixels, self.failure_rate, self.kinds).png

    def _first_seed(self, asked: wire.ImageRequest) -> int:
        if asked.seed is not None:
            return asked.seed
        with self._lock:
            first = self.seed + self._drawn[asked.prompt]
            self._drawn[asked.prompt] += asked.n
        return first

    def _log(
        self, prompt: str, seeds: Sequence[int], images: Sequence[bytes], request_id: str
    ) -> None:
        if self.request_log is None:
            return
        lines = [
            json.dumps(
                {
                    "prompt": prompt,
                    "seed": seed,
                    "sha256": hashlib.sha256(image).hexdigest(),
                    "request_id": request_id,
                }
            )
            for seed, image in zip(seeds, images, strict=True)
        ]
        with self._lock, self.request_log.open("a", encoding="utf-8") as file:
            file.write("".join(f"{line}\n" for line in lines))


def _check(failure_rate: float, kinds: Sequence[str]) -> None:
    if not 0 <= failure_rate <= 1:
        raise ConfigError(
            f"The failure rate {failure_rate} is not between 0 and 1.",
            hint="0.15 lets 15 % of the drawings fail.",
        )
    unknown = [kind for kind in kinds if kind not in ALL]
    if unknown:
        raise ConfigError(
            f"Unknown kind of failure: {', '.join(unknown)}.",
            hint=f"The kinds are: {', '.join(ALL)}.",
        )


def _check_key(api_key: str | None, authorization: str) -> None:
    if api_key is None:
        return
    scheme, _, given = authorization.partition(" ")
    if scheme.lower() != "bearer" or not given:
        raise wire.ApiError(
            401,
            "You didn't provide an API key. You need to provide your API key in an Authorization "
            "header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
        )
    if not compare_digest(given.encode(), api_key.encode()):
        raise wire.ApiError(401, "Incorrect API key provided.", "invalid_api_key")


def _answer(body: dict[str, Any], status: int = 200, request_id: str | None = None) -> Response:
    from flask import jsonify

    response = jsonify(body)
    response.status_code = status
    response.headers["x-request-id"] = request_id or wire.new_request_id()
    return response


def _answer_errors_in_json(app: Flask) -> None:
    from flask import request
    from werkzeug.exceptions import HTTPException

    @app.errorhandler(wire.ApiError)
    def api_error(error: wire.ApiError) -> Response:
        response = _answer(error.body(), error.status)
        response.headers.update(error.headers)
        return response

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        status = error.code or 500
        where = f"{request.method} {request.path}"
        messages = {
            404: f"Invalid URL ({where})",
            405: f"Not allowed: {where} (HINT: perhaps you meant another HTTP method)",
            500: "The server had an error while processing your request. Sorry about that!",
        }
        return api_error(
            wire.ApiError(
                status,
                messages.get(status, error.description or error.name),
                "server_error" if status >= 500 else None,
                type="server_error" if status >= 500 else "invalid_request_error",
            )
        )


class Answer(Protocol):
    def __call__(self, body: dict[str, Any], *, request_id: str) -> Response: ...


class Easel(Protocol):
    """What draws the images of a request and writes them down."""

    failure_rate: float
    kinds: tuple[str, ...]

    def draw(
        self, asked: wire.ImageRequest, request_id: str, paint: Callable[[int], bytes]
    ) -> Sequence[bytes]: ...


def register(app: Flask, account: Account, easel: Easel, answer: Answer) -> None:
    """Add POST /v1/images/edits, multipart and JSON, and POST /v1/images/variations."""
    from flask import request

    def drawn(read: edits_wire.EditRequest, request_id: str) -> Response:
        account.spend(read.asked.n)
        images = easel.draw(
            read.asked,
            request_id,
            lambda seed: edit(read, seed, easel.failure_rate, easel.kinds),
        )
        body = wire.images_answer(read.asked, images, read.image_tokens)
        return answer(body, request_id=request_id)

    def form() -> tuple[list[tuple[str, str]], list[edits_wire.File]]:
        files = []
        for name, file in request.files.items(multi=True):
            files.append(edits_wire.File(name, file.mimetype, file.read()))
            file.close()
        return list(request.form.items(multi=True)), files

    @app.post("/v1/images/edits")
    def edits() -> Response:
        request_id = wire.new_request_id()
        request.max_content_length = LARGEST_BODY_WITH_IMAGES
        if request.mimetype == "application/json":
            body = request.get_json(force=True, silent=True)
            return drawn(edits_wire.read_json(body, request_id), request_id)
        return drawn(edits_wire.read_form(*form(), request_id), request_id)

    @app.post("/v1/images/variations")
    def variations() -> Response:
        request_id = wire.new_request_id()
        request.max_content_length = LARGEST_BODY_WITH_IMAGES
        return drawn(edits_wire.read_variation(*form(), request_id), request_id)
