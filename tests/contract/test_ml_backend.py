"""The ML backend as a process of its own, asked as Label Studio 1.23 was recorded asking it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask, Response, abort, request
from werkzeug.serving import make_server

from importers.sketch import MODEL_FOLDER
from importers.sketch.draw import draw
from ls_backend.app import PREDICTIONS_AT_ONCE

TOKEN = "0123456789abcdef0123456789abcdef01234567"
LABELS = ("apple", "cat", "dog", "fish")
CONFIG = (
    '<View><Image name="image" value="$image"/><Header value="Prompt: $prompt"/>'
    '<Choices name="label" toName="image" choice="single-radio" clip_claim="$label">'
    + "".join(f'<Choice value="{label}" hotkey="{n}"/>' for n, label in enumerate(LABELS, 1))
    + '<Choice value="None of these / unusable" hotkey="0" clip_none="true"/></Choices></View>'
)
RECTANGLES = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="box" toName="image">'
    '<Label value="cat"/></RectangleLabels></View>'
)
PROJECT = "3.1795336526"
HEADERS = {"User-Agent": "heartex/1.23.2+0.g1234567"}
MAIN = """
import sys
from ls_backend.serve import serve
from ls_backend.settings import settings_from_env
serve(sys.argv[1], "127.0.0.1", 0, settings_from_env())
"""


@dataclass
class Uploads:
    """Label Studio as far as the backend knows it: uploads behind a token."""

    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)

    def app(self) -> Flask:
        app = Flask("uploads")
        drawings = {label: draw(f"a photo of a red {label}", 1, 64).png for label in LABELS}

        @app.get("/data/upload/3/<name>.png")
        def upload(name: str) -> Response:
            if request.headers.get("Authorization") != f"Token {TOKEN}":
                abort(401)
            if name.startswith("held-"):
                self.release.wait(120)
            label = name.rpartition("-")[2]
            if label not in drawings:
                abort(404)
            return Response(drawings[label], mimetype="image/png")

        return app


@dataclass
class Served:
    """The backend's process."""

    url: str
    process: subprocess.Popen[str]
    log: Path
    session: requests.Session

    def get(self, route: str) -> requests.Response:
        return self.session.get(self.url + route, timeout=60)

    def post(self, route: str, body: dict[str, Any]) -> requests.Response:
        return self.session.post(self.url + route, json=body, timeout=120)

    def predict(self, *images: str, label: str = "cat") -> list[Any]:
        answer = self.post("/predict", predict_body(*images, label=label))
        assert answer.status_code == 200
        return list(answer.json()["results"])


@pytest.fixture(scope="module")
def uploads() -> Iterator[Uploads]:
    uploads = Uploads()
    server = make_server("127.0.0.1", 0, uploads.app(), threaded=True)
    uploads.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield uploads
    finally:
        uploads.release.set()
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def served(uploads: Uploads, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    log = tmp_path_factory.mktemp("backend") / "backend.log"
    settings = {
        "LABEL_STUDIO_URL": uploads.url,
        "LABEL_STUDIO_API_KEY": TOKEN,
        "CLIP_IMAGE_SECONDS": "100",
        "CLIP_CACHE_DIR": str(log.parent),
    }
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", MAIN, str(MODEL_FOLDER)],
            env={
                **os.environ,
                **settings,
                "CLIP_IMAGE_SECONDS": "100",
                "CLIP_CACHE_DIR": str(log.parent),
            },
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
        requests.Session() as session,
    ):
        assert process.stdout is not None
        try:
            ready = process.stdout.readline()
            url = ready.partition(" answers on ")[2].partition(" ")[0]
            assert url, log.read_text()
            session.headers.update(HEADERS)
            session.trust_env = False
            yield Served(url, process, log, session)
        finally:
            process.terminate()
        assert process.wait(60) == 0


def setup_body(schema: str = CONFIG) -> dict[str, Any]:
    return {
        "project": PROJECT,
        "schema": schema,
        "hostname": "http://127.0.0.1:8181",
        "access_token": "f" * 40,
        "extra_params": None,
    }


def task(number: int, image: str, label: str) -> dict[str, Any]:
    return {
        "id": number,
        "data": {
            "image": f"/data/upload/3/{image}.png",
            "prompt": f"a photo of a red {label}",
            "label": label,
            "clip_score": 0.5,
            "audit": False,
            "sample": f"{number:064x}",
        },
        "meta": {},
        "created_at": "2026-11-22T08:00:00.000000Z",
        "updated_at": "2026-11-22T08:00:00.000000Z",
        "is_labeled": False,
        "overlap": 1,
        "inner_id": number,
        "total_annotations": 0,
        "cancelled_annotations": 0,
        "total_predictions": 0,
        "comment_count": 0,
        "unresolved_comment_count": 0,
        "last_comment_updated_at": None,
        "project": 3,
        "updated_by": None,
        "file_upload": None,
        "comment_authors": [],
        "annotations": [],
        "predictions": [],
    }


def predict_body(*images: str, label: str, context: Any = None) -> dict[str, Any]:
    return {
        "tasks": [task(number, image, label) for number, image in enumerate(images, 1)],
        "project": PROJECT,
        "label_config": CONFIG,
        "params": {"login": None, "password": None, "context": context},
    }


def choices(results: list[Any]) -> list[str | None]:
    return [answer["result"][0]["value"]["choices"][0] if answer else None for answer in results]


def test_registering_a_backend(served: Served) -> None:
    for _ in range(2):
        health = served.get("/health")
        assert health.status_code == 200
        assert health.json()["status"] == "UP"
        setup = served.post("/setup", setup_body())
        assert setup.status_code == 200
        assert setup.json()["model_version"].startswith("clip:sketch-clip@")


def test_retrieving_predictions(served: Served) -> None:
    version = served.post("/setup", setup_body()).json()["model_version"]

    right, wrong = served.predict("a-cat", "a-dog", label="cat")

    assert set(right) == {"model_version", "score", "result"}
    assert right["model_version"] == wrong["model_version"] == version
    assert right["result"] == [
        {
            "from_name": "label",
            "to_name": "image",
            "type": "choices",
            "value": {"choices": ["cat"]},
            "score": right["score"],
        }
    ]
    assert 0 <= wrong["score"] < 0.5 < right["score"] <= 1
    assert served.get("/versions").json()["versions"] == [version]


def test_a_whole_page_with_broken_images_among_them(served: Served) -> None:
    images = [f"{number}-{LABELS[number % 4]}" for number in range(100)]
    images[::7] = [f"{number}-nothing" for number in range(0, 100, 7)]

    results = served.predict(*images, label="no such label")

    assert choices(results) == [
        None if number % 7 == 0 else LABELS[number % 4] for number in range(100)
    ]


def test_an_interactive_request_is_answered_like_any_other(served: Served) -> None:
    body = predict_body("a-dog", label="dog", context={"result": [], "textLength": 3})

    assert choices(served.post("/predict", body).json()["results"]) == ["dog"]


@pytest.mark.parametrize(
    "event",
    [
        {"action": "START_TRAINING", "project": {"id": 3}},
        {"action": "TASKS_CREATED", "tasks": [{"id": 1}] * 3000, "project": {"id": 3}},
        {"action": "ANNOTATIONS_DELETED", "annotations": [{"id": 57}], "project": {"id": 3}},
        {"action": "SOMETHING_NEW"},
    ],
    ids=lambda event: event["action"],
)
def test_every_event_is_taken(served: Served, event: dict[str, Any]) -> None:
    answer = served.post("/webhook", event)

    assert answer.status_code == 200
    assert isinstance(answer.json(), dict)


def test_label_studio_shows_why_a_config_cannot_be_answered(served: Served) -> None:
    answer = served.post("/setup", setup_body(RECTANGLES))

    with pytest.raises(requests.HTTPError) as shown:  # what Label Studio puts before people
        answer.raise_for_status()
    assert "CLIP can fill a single-choice Choices on an Image" in str(shown.value)
    assert answer.json()["hint"]


def test_label_studio_is_answered_while_every_prediction_waits(
    served: Served, uploads: Uploads
) -> None:
    with ThreadPoolExecutor(PREDICTIONS_AT_ONCE) as callers:
        held = [
            callers.submit(served.predict, f"held-{number}-cat")
            for number in range(PREDICTIONS_AT_ONCE)
        ]
        try:
            while served.post("/predict", predict_body(label="cat")).status_code != 503:
                """Not all of them have arrived."""
            assert served.get("/health").status_code == 200
            assert served.post("/setup", setup_body()).status_code == 200
            assert served.post("/webhook", {"action": "X"}).status_code == 200
        finally:
            uploads.release.set()
        assert [choices(future.result()) for future in held] == [["cat"]] * PREDICTIONS_AT_ONCE


def test_the_log_names_what_failed_and_keeps_the_secrets(served: Served) -> None:
    served.predict("a-nothing")
    served.post("/setup", setup_body(RECTANGLES))

    log = served.log.read_text()

    assert "task 1: no prediction [http_404]" in log
    assert "[label_config]" in log
    assert TOKEN not in log
    assert "f" * 40 not in log
    assert "Traceback" not in log
