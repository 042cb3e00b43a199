"""What the routes answer before the model is there, or when it never comes."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any

from backend_client import CONFIG, PLAIN, inline
from drawings import Draw

from ls_backend.backend import ModelLoader
from ls_backend.clip.clip import Clip
from ls_backend.errors import ModelError
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app


def test_while_the_model_loads_the_rest_answers_and_predict_waits(
    clip: Clip, drawing: Draw
) -> None:
    go = threading.Event()

    def load() -> ClipModel:
        go.wait(60)
        return ClipModel(clip)

    loader = ModelLoader(load)
    app = create_app(loader, PLAIN)
    loader.start()

    def predict() -> Any:
        body = {"tasks": [{"data": {"image": inline(drawing, "cat")}}], "label_config": CONFIG}
        return app.test_client().post("/predict", json=body)

    client = app.test_client()
    setup = client.post("/setup", json={"schema": CONFIG})
    ready = client.get("/ready")
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(predict()))
    caller.start()
    assert client.get("/health").status_code == 200
    assert (setup.status_code, ready.status_code) == (503, 503)
    assert setup.headers["Retry-After"]
    assert setup.get_json()["error"] == ready.get_json()["error"] == "loading"
    assert ready.get_json()["state"] == "loading"
    assert not answers
    go.set()
    caller.join()

    assert answers[0].get_json()["results"][0]["result"][0]["value"] == {"choices": ["cat"]}
    assert client.get("/ready").get_json()["state"] == "ready"


def test_predict_waits_for_the_model_no_longer_than_it_may(clip: Clip) -> None:
    app = create_app(ModelLoader(lambda: ClipModel(clip)), replace(PLAIN, predict_seconds=0.1))

    answer = app.test_client().post("/predict", json={"tasks": [], "label_config": CONFIG})

    assert answer.status_code == 503
    assert answer.headers["Retry-After"]


def test_a_model_that_fails_to_load_is_said_by_every_route_that_needs_it() -> None:
    def load() -> ClipModel:
        raise ModelError("No weights.", hint="Fetch them.", code="weights_missing")

    loader = ModelLoader(load)
    client = create_app(loader, PLAIN).test_client()
    loader.start()
    while loader.state == "loading":
        time.sleep(0.01)

    for answer in (client.get("/ready"), client.post("/setup", json={"schema": CONFIG})):
        assert answer.status_code == 503
        assert answer.get_json()["hint"] == "Fetch them."
        assert "Retry-After" not in answer.headers
    assert client.get("/ready").get_json()["state"] == "failed"
    assert client.get("/health").status_code == 200
