"""Flask app factory: the routes of Label Studio's ML backend protocol, nothing else.

    GET  /health     is the process up
    POST /setup      labeling config → model version
    POST /predict    tasks → one prediction each, in order; [] where an image failed
    POST /webhook    any event → 200 at once
    GET  /versions   model versions given out since the start
    GET  /ready      200 when the model is loaded, 503 before; open to all
    GET  /metrics    for Prometheus

A refusal is JSON with `error`, `message` and `hint`; its message is also the HTTP reason phrase,
since that is the only part of a refusal which Label Studio shows.
"""

from __future__ import annotations

import hmac
import logging
import threading
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ls_backend.errors import LabelConfigError, LsClipError, ModelError
from ls_backend.image_vectors import ImageVectors
from ls_backend.label_config import LabelTarget, read_label_config
from ls_backend.loading import ModelLoader, NotReady
from ls_backend.metrics import LATENCY, REGISTRY, REQUESTS
from ls_backend.settings import SECRET_HEADER, Settings
from ls_backend.task_images import TaskImages

if TYPE_CHECKING:
    from flask import Flask, Response
    from werkzeug.exceptions import HTTPException

    from ls_backend.model import ClipModel

PREDICTIONS_AT_ONCE = 16
"""Further requests are refused at once, so that threads stay free for /health and /setup."""

LARGEST_BODY = 256 * 1024 * 1024
LONGEST_REASON = 400
VERSIONS_KEPT = 100
NO_MARKUP = str.maketrans("<>&", "   ", "…")

log = logging.getLogger(__name__)


class RequestError(LsClipError):
    """A request that Label Studio would not send."""

    default_code = "request"


class BusyError(LsClipError):
    """As many predictions are under way as are allowed at once."""

    default_code = "busy"


STATUS: dict[type[LsClipError], int] = {
    RequestError: 400,
    LabelConfigError: 400,
    BusyError: 503,
    NotReady: 503,
    ModelError: 503,
}


def create_app(loader: ModelLoader, settings: Settings) -> Flask:
    """The ML backend as a WSGI app around a model that is loaded, or on its way."""
    from flask import Flask, request

    app = Flask("ls_backend", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    backend = _Backend(loader, settings)

    @app.before_request
    def ask_who() -> Response | None:
        # The webhook that Label Studio adds by itself carries no credentials.
        if request.endpoint in {"webhook", "ready"} or _is_known(settings, request.authorization):
            return None
        return _unauthorized()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP", "model_class": "ClipModel"}

    @app.get("/ready")
    def ready() -> dict[str, str] | Response:
        try:
            clip = loader.wait().clip
        except (NotReady, ModelError) as error:
            return _refused(error, state=loader.state)
        return {
            "state": loader.state,
            "model": clip.name,
            "device": clip.device,
            "precision": clip.precision,
        }

    @app.post("/setup")
    def setup() -> dict[str, str]:
        body = _body()
        version = backend.version(read_label_config(_text(body, "schema")))
        backend.use_fallback(body.get("hostname"), body.get("access_token"))
        return {"model_version": version}

    @app.post("/predict")
    def predict() -> dict[str, list[Any]]:
        body = _body()
        tasks = _tasks(body)
        target = read_label_config(_text(body, "label_config"))
        return {"results": backend.predict(tasks, target)}

    @app.post("/webhook")
    def webhook() -> dict[str, str] | Response:
        secret = settings.webhook_secret
        given = request.headers.get(SECRET_HEADER, "")
        if secret and not hmac.compare_digest(given.encode(), secret.encode()):
            return _refusal(
                401,
                "webhook_secret",
                f"The header {SECRET_HEADER} is not this backend's.",
                "Run `ls-clip connect` again, with CLIP_WEBHOOK_SECRET as the backend has it.",
            )
        return {"status": "OK"}

    @app.get("/metrics")
    def metrics() -> Response:
        from flask import Response
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)

    @app.get("/versions")
    def given_versions() -> dict[str, list[str]]:
        return {"versions": list(backend.versions)}

    _answer_errors_in_json(app)
    _count_requests(app)
    return app


class _Backend:
    """The model, the images, and who may predict at a time."""

    def __init__(self, loader: ModelLoader, settings: Settings) -> None:
        self.versions: dict[str, None] = {}
        self._loader = loader
        self._settings = settings
        self._images = TaskImages(settings)
        self._slots = threading.BoundedSemaphore(PREDICTIONS_AT_ONCE)
        self._lock = threading.Lock()
        self._vectors: ImageVectors | None = None
        self._warned: set[str] = set()

    def version(self, target: LabelTarget) -> str:
        version = self._loader.wait().version(target)
        with self._lock:
            self.versions[version] = None
            if len(self.versions) > VERSIONS_KEPT:
                del self.versions[next(iter(self.versions))]
        return version

    def use_fallback(self, hostname: object, token: object) -> None:
        if isinstance(hostname, str) and isinstance(token, str):
            self._images.use_fallback(hostname, token)

    def predict(self, tasks: list[dict[str, Any]], target: LabelTarget) -> list[Any]:
        deadline = time.monotonic() + self._settings.predict_seconds
        if not self._slots.acquire(blocking=False):
            raise BusyError(
                f"{PREDICTIONS_AT_ONCE} predictions are under way already.", hint="Try again soon."
            )
        try:
            model = self._loader.wait(self._settings.predict_seconds)
            self._warn_once(model, target)
            look = partial(self._vectors_of(model).look, deadline=deadline)
            return list(model.predict(tasks, target, look))
        finally:
            self._slots.release()

    def _warn_once(self, model: ClipModel, target: LabelTarget) -> None:
        version = self.version(target)
        with self._lock:
            if version in self._warned:
                return
            self._warned.add(version)
        for warning in model.warnings(target):
            log.warning("%s: %s", target.from_name, warning)

    def _vectors_of(self, model: ClipModel) -> ImageVectors:
        with self._lock:
            if self._vectors is None:
                self._vectors = ImageVectors(model.clip, self._images, self._settings)
            return self._vectors


def _count_requests(app: Flask) -> None:
    from flask import g, request

    @app.before_request
    def begin() -> None:
        g.began = time.monotonic()

    @app.after_request
    def count(response: Response) -> Response:
        route = request.endpoint or "none"
        REQUESTS.labels(route, str(response.status_code)).inc()
        if "began" in g:
            LATENCY.labels(route).observe(time.monotonic() - g.began)
        return response


def _answer_errors_in_json(app: Flask) -> None:
    from werkzeug.exceptions import HTTPException

    @app.errorhandler(LsClipError)
    def ours(error: LsClipError) -> Response:
        response = _refused(error)
        log.warning(
            "%s answered: [%s] %s %s", response.status_code, error.code, error.message, error.hint
        )
        return response

    @app.errorhandler(HTTPException)
    def http(error: HTTPException) -> Response:
        hint = "The routes are /health, /setup, /predict, /webhook, /versions, /ready, /metrics."
        return _refusal(error.code or 500, "http", f"{error.name}.", hint)

    @app.errorhandler(Exception)
    def bug(error: Exception) -> Response:
        log.error("a request failed", exc_info=error)
        hint = "The backend's log has the reason."
        return _refusal(500, "internal", "The CLIP backend failed.", hint)


def _refused(error: LsClipError, **more: str) -> Response:
    status = STATUS.get(type(error), 500)
    response = _refusal(status, error.code, error.message, error.hint, **more)
    if isinstance(error, (BusyError, NotReady)):
        response.headers["Retry-After"] = "5"
    return response


def _refusal(status: int, code: str, message: str, hint: str, **more: str) -> Response:
    from flask import jsonify

    response = jsonify(error=code, message=message, hint=hint, **more)
    # Label Studio puts the phrase into its page: no line breaks, no markup.
    reason = " ".join(f"{message} {hint}".translate(NO_MARKUP).split())[:LONGEST_REASON]
    response.status = f"{status} {reason.encode('ascii', 'replace').decode()}"
    return response


def _unauthorized() -> Response:
    response = _refusal(
        401,
        "unauthorized",
        "The CLIP backend does not know this user and password.",
        "Enter BASIC_AUTH_USER and BASIC_AUTH_PASS of the backend in the model's settings.",
    )
    response.headers["WWW-Authenticate"] = 'Basic realm="ls-clip"'
    return response


def _is_known(settings: Settings, given: Any) -> bool:
    if settings.basic_auth_user is None:
        return True
    presented = (given.username, given.password) if given else (None, None)
    expected = (settings.basic_auth_user, settings.basic_auth_pass)
    matches = [
        hmac.compare_digest((a or "").encode(), (b or "").encode())
        for a, b in zip(presented, expected, strict=True)
    ]
    return all(matches)


def _body() -> Mapping[str, Any]:
    from flask import request

    body = request.get_json(force=True, silent=True)
    if not isinstance(body, dict):
        raise _malformed("The body is no JSON object.")
    return body


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str):
        raise _malformed(f"{key!r} is no text.")
    return value


def _tasks(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tasks = body.get("tasks")
    if not isinstance(tasks, list):
        raise _malformed("'tasks' is no list.")
    for number, task in enumerate(tasks):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise _malformed(f"Task {number} of the list has no 'data' object.")
    return tasks


def _malformed(message: str) -> RequestError:
    return RequestError(
        message, hint="Send what Label Studio sends: POST /setup {schema}, /predict {tasks, "
        "label_config}."
    )  # fmt: skip
