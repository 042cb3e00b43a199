"""Flask app factory: the routes of Label Studio's ML backend protocol, nothing else.

GET  /           a page for people: what the backend is doing
GET  /health     is the process up
POST /setup      labeling config → model version
POST /predict    tasks → one prediction each, in order; [] where an image failed
POST /webhook    any event → 200 at once
GET  /events     how many events have come, for a sync that waits for them
GET  /versions   model versions given out since the start
GET  /ready      200 when the model is loaded, 503 before; open to all
GET  /metrics    for Prometheus
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ls_backend.backend import Backend, ModelLoader, NotReady
from ls_backend.errors import LabelConfigError, ModelError
from ls_backend.labels.config import read_label_config
from ls_backend.logs import name_project, name_requests
from ls_backend.metrics import LATENCY, REGISTRY, REQUESTS
from ls_backend.server.access import ask_who, is_let_in, refused_webhook
from ls_backend.server.page import render_page
from ls_backend.server.protocol import (
    PREDICT,
    SETUP,
    answer_errors_in_json,
    read_body,
    refused,
    results_of,
)
from ls_backend.settings import Settings

if TYPE_CHECKING:
    from flask import Flask, Response

    from ls_backend.labels.target import LabelTarget

LARGEST_BODIES = {"/setup": 16 * 1024 * 1024, "/predict": 256 * 1024 * 1024}
"""In bytes; what is sent to another route is not read."""


def create_app(loader: ModelLoader, settings: Settings) -> Flask:
    """The ML backend as a WSGI app around a model that is loaded, or on its way.

    `app.extensions["clip"]` is its `Backend`.
    """
    from flask import Flask

    app = Flask("ls_backend", static_folder=None)
    backend = app.extensions["clip"] = Backend(loader, settings)
    name_requests(app)
    _count_requests(app)
    _bound_bodies(app)
    answer_errors_in_json(app)
    ask_who(app, settings)
    _protocol(app, backend)
    add_state_routes(app, backend)
    _watching(app, backend)
    return app


def kept_of_bodies(settings: Settings) -> Callable[[str, str, str | None], int]:
    """For the server: how many bytes of a request's body the app will read.

    None of those who are not let in.
    """

    def kept(method: str, path: str, authorization: str | None) -> int:
        route = "/" + path.lstrip("/")  # as the server has it
        largest = LARGEST_BODIES.get(route, 0) if method == "POST" else 0
        return largest if largest and is_let_in(settings, authorization) else 0

    return kept


def _protocol(app: Flask, backend: Backend) -> None:
    from flask import g, request

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP", "model_class": "ClipModel"}

    @app.post("/setup")
    def setup() -> dict[str, str]:
        body = read_body(SETUP, request.get_data())
        project = name_project(body.get("project"))
        target = _target(backend, project, body["schema"])
        version = backend.setup(target, body.get("hostname"), body.get("access_token"), project)
        return {"model_version": version}

    @app.post("/predict")
    def predict() -> dict[str, list[Any]]:
        backend.check_room()  # before a large body is read
        body = read_body(PREDICT, request.get_data())
        project = name_project(body.get("project"))
        target = _target(backend, project, body["label_config"])
        deadline = g.began + backend.settings.predict_seconds
        params: Mapping[str, Any] = body.get("params") or {}
        context = params.get("context")
        answers = backend.answers(body["tasks"], target, deadline, context, project)
        return results_of(answers, with_reasons=params.get("reasons") is True)

    @app.post("/webhook")
    def webhook() -> dict[str, str] | Response:
        refusal = refused_webhook(backend.settings)
        if refusal is None:
            backend.events.count()
        return refusal or {"status": "OK"}


def _watching(app: Flask, backend: Backend) -> None:
    @app.get("/")
    def page() -> str:
        return render_page(backend)

    @app.get("/metrics")
    def metrics() -> Response:
        from flask import Response
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

        return Response(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def add_state_routes(app: Flask, backend: Backend) -> None:
    """/ready, /versions and /events: what `ls-clip` asks beside Label Studio's protocol."""

    @app.get("/events")
    def events() -> dict[str, Any]:
        return {"since": backend.since, "events": backend.events.number}

    @app.get("/versions")
    def versions() -> dict[str, Any]:
        studies = {version: study for version, study in backend.versions.items() if study}
        return {
            "versions": list(backend.versions),
            "labels": {version: asdict(study) for version, study in studies.items()},
        }

    @app.get("/ready")
    def ready() -> dict[str, Any] | Response:
        loader = backend.loader
        reads = _access(backend)
        try:
            clip = loader.wait().clip
        except (NotReady, ModelError) as error:
            return refused(error, state=loader.state, **reads)
        return {
            "state": loader.state,
            "model": clip.name,
            "device": clip.device,
            "precision": clip.precision,
            **reads,
        }


def _access(backend: Backend) -> dict[str, Any]:
    """Whether Label Studio accepts the token, where one is configured."""
    access = backend.access
    if access is None:
        return {}
    access.ask_if_refused()
    return {"label_studio": {"url": access.url, **asdict(access.last)}}


def _target(backend: Backend, project: str | None, label_config: str) -> LabelTarget:
    """What to fill; a project whose labeling config is refused is remembered for it.

    Raises:
        LabelConfigError: CLIP can fill nothing in it, or several controls.
    """
    try:
        return read_label_config(label_config)
    except LabelConfigError as error:
        if project is not None:
            backend.projects.refused(project, error.message)
        raise


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


def _bound_bodies(app: Flask) -> None:
    from flask import request

    @app.before_request
    def bound() -> None:
        request.max_content_length = LARGEST_BODIES.get(request.path, 0)
