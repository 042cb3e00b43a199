"""An ML backend that speaks the protocol and says what a test wants."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request
from served import serving


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class StubBackend:
    """What it says.

    Attributes:
        loading: So many times /setup still answers 503.
        results: What /predict answers, whatever the tasks.
        secret: What X-Clip-Secret must say at /webhook.
        events: Of /webhook: action and secret.
        received: Of /setup and /predict: path, headers and body.
    """

    url: str = ""
    version: str = ""
    setup_takes_s: float = 0.0
    login: tuple[str, str] | None = None
    loading: int = 0
    results: list[Any] = field(default_factory=list)
    secret: str | None = None
    events: list[tuple[str, str | None]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)


@contextmanager
def stub_backend(version: str) -> Iterator[StubBackend]:
    """Answers on a free port while the block runs."""
    backend = StubBackend(version=version)
    with serving(_app(backend)) as backend.url:
        yield backend


def _app(backend: StubBackend) -> Flask:
    app = Flask(__name__)

    @app.before_request
    def ask_who() -> tuple[str, int] | None:
        who = request.authorization
        if request.path == "/webhook":
            return None
        if backend.login and (not who or (who.username, who.password) != backend.login):
            return "who are you?", 401
        return None

    @app.before_request
    def keep() -> None:
        if request.path in {"/setup", "/predict"}:
            received = Received(request.path, dict(request.headers), request.get_json())
            backend.received.append(received)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP"}

    @app.get("/ready")
    def ready() -> dict[str, str]:
        return {"state": "ready", "model": "stub"}

    @app.post("/setup")
    def setup() -> dict[str, str] | Response:
        time.sleep(backend.setup_takes_s)
        if backend.loading:
            backend.loading -= 1
            return Response("loading", 503, {"Retry-After": "0"})
        return {"model_version": backend.version}

    @app.post("/predict")
    def predict() -> dict[str, Any]:
        return {"results": backend.results}

    @app.get("/versions")
    def versions() -> dict[str, Any]:
        nothing = {"opaque": [], "alike": []}
        return {"versions": [backend.version], "labels": {backend.version: nothing}}

    @app.post("/webhook")
    def webhook() -> dict[str, str] | tuple[str, int]:
        if backend.secret and request.headers.get("X-Clip-Secret") != backend.secret:
            return "who are you?", 401
        backend.events.append((request.json["action"], request.headers.get("X-Clip-Secret")))
        return {}

    return app
