"""The routes, asked as Label Studio asks them and as nobody should."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from backend_client import CONFIG, PLAIN, inline, loaded
from drawings import Draw
from flask.testing import FlaskClient

from ls_backend.backend import PREDICTIONS_AT_ONCE
from ls_backend.clip.clip import Clip
from ls_backend.errors import ModelError
from ls_backend.metrics import IMAGES, by_label
from ls_backend.model import ClipModel
from ls_backend.server.app import LARGEST_BODIES, create_app
from ls_backend.unanswered import NoRegion

KEY_POINTS = (
    '<View><Image name="image" value="$image"/><KeyPointLabels name="point" toName="image">'
    '<Label value="cat"/></KeyPointLabels></View>'
)


def test_health(client: FlaskClient) -> None:
    assert client.get("/health").get_json() == {"status": "UP", "model_class": "ClipModel"}


def test_one_version_everywhere(client: FlaskClient, drawing: Draw) -> None:
    assert client.get("/versions").get_json()["versions"] == []

    version = client.post("/setup", json={"schema": CONFIG}).get_json()["model_version"]
    tasks = [{"id": 1, "data": {"image": inline(drawing, "cat"), "label": "dog"}}]
    answer = client.post("/predict", json={"tasks": tasks, "label_config": CONFIG}).get_json()

    assert answer["results"][0]["model_version"] == version
    assert client.get("/versions").get_json()["versions"] == [version]


def test_a_task_that_fails_leaves_its_place_empty(client: FlaskClient, drawing: Draw) -> None:
    cat = inline(drawing, "cat")
    tasks = [
        {"id": 1, "data": {"image": cat, "label": "cat"}},
        {"id": 2, "data": {"image": "/data/upload/1/a.png", "label": "cat"}},
        {"id": 3, "data": {}},
        {"id": 4, "data": {"image": cat, "label": "dog"}},
    ]

    before = by_label(IMAGES)
    answer = client.post("/predict", json={"tasks": tasks, "label_config": CONFIG})
    counted = Counter(by_label(IMAGES)) - Counter(before)

    assert counted == {"ok": 2, "no_image": 1, "no_label_studio": 1}
    first, second, third, fourth = answer.get_json()["results"]
    assert first["score"] > 0.9
    assert fourth["score"] < 0.1
    assert second == third == []


def test_who_asks_for_reasons_is_told_why_a_task_has_none(
    client: FlaskClient, drawing: Draw
) -> None:
    tasks = [{"id": 1, "data": {"image": inline(drawing, "cat")}}, {"id": 2, "data": {}}]
    body = {"tasks": tasks, "label_config": CONFIG, "params": {"reasons": True}}
    said = client.post("/predict", json=body).get_json()
    assert said["results"][1] == []
    assert said["reasons"][0] is None
    reason = said["reasons"][1]
    assert (reason["code"], bool(reason["hint"])) == ("no_image", True)
    assert "has no image in 'image'" in reason["message"]
    assert "reasons" not in client.post("/predict", json={**body, "params": {}}).get_json()


def test_no_tasks_no_results(client: FlaskClient) -> None:
    answer = client.post("/predict", json={"tasks": [], "label_config": CONFIG})

    assert answer.get_json() == {"results": []}


@pytest.mark.parametrize("data", [b"", b"not json", b'{"action": "NEW"}', b"\xff" * 100])
def test_every_webhook_is_fine(client: FlaskClient, data: bytes) -> None:
    before = client.get("/events").get_json()
    assert client.post("/webhook", data=data).status_code == 200
    after = client.get("/events").get_json()
    assert after == {"since": before["since"], "events": before["events"] + 1}


@pytest.mark.parametrize("route", ["/setup", "/predict"])
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"schema": 1, "tasks": 1}',
        b'{"tasks": [], "schema": null}',
        b'{"tasks": [1], "label_config": "<View/>"}',
        b'{"tasks": [{"data": []}], "label_config": "<View/>"}',
        b'{"tasks": [{"id": 1}], "label_config": "<View/>"}',
    ],
)
def test_a_malformed_body_is_refused_with_a_reason(
    client: FlaskClient, route: str, data: bytes
) -> None:
    answer = client.post(route, data=data)

    assert answer.status_code == 400
    assert answer.get_json()["error"] == "request"
    assert answer.get_json()["message"]


@pytest.mark.parametrize(
    ("route", "body"),
    [
        ("/setup", {"schema": KEY_POINTS}),
        ("/predict", {"tasks": [], "label_config": KEY_POINTS}),
    ],
)
def test_a_config_that_clip_cannot_answer_is_refused_in_plain_words(
    client: FlaskClient, route: str, body: dict[str, Any]
) -> None:
    answer = client.post(route, json=body)

    assert answer.status_code == 400
    assert answer.get_json()["error"] == "label_config"
    reason = answer.status.partition(" ")[2]
    assert reason.startswith("CLIP can fill Choices, Taxonomy,")


def test_a_reason_has_no_markup_and_no_line_breaks(client: FlaskClient) -> None:
    alias = 'alias="&lt;b&gt;&#10;&#228;"'
    same = CONFIG.replace('"cat"', f'"cat" {alias}').replace('"dog"', f'"dog" {alias}')

    answer = client.post("/setup", json={"schema": same})

    assert answer.status_code == 400
    assert not set("<>\n") & set(answer.status)
    assert answer.status.isascii()


def test_unknown_routes_and_methods_are_answered_in_json(client: FlaskClient) -> None:
    assert client.get("/nowhere").get_json()["error"] == "http"
    assert client.get("/predict").status_code == 405


def test_a_body_over_the_limit_is_refused(clip: Clip, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LARGEST_BODIES, "/predict", 100)
    client = create_app(loaded(ClipModel(clip)), PLAIN).test_client()

    answer = client.post("/predict", data=b"x" * 101)

    assert answer.status_code == 413
    assert answer.get_json()["message"]


class Failing(ClipModel):
    """Fails as it is told to."""

    def __init__(self, clip: Clip, error: Exception) -> None:
        super().__init__(clip)
        self.error = error

    def answers(self, *_: object) -> list[Any]:
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ModelError("no numbers", hint="h"), 503, "model"),
        (ZeroDivisionError("secret"), 500, "internal"),
    ],
)
def test_a_failure_shows_no_traceback(clip: Clip, error: Exception, status: int, code: str) -> None:
    client = create_app(loaded(Failing(clip, error)), PLAIN).test_client()

    answer = client.post("/predict", json={"tasks": [], "label_config": CONFIG})

    assert answer.status_code == status
    assert answer.get_json()["error"] == code
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


class Waiting(ClipModel):
    """Predicts once it is let go."""

    def __init__(self, clip: Clip) -> None:
        super().__init__(clip)
        self.started = threading.Semaphore(0)
        self.go = threading.Event()

    def answers(self, tasks: Sequence[Any], *_: object) -> list[Any]:
        self.started.release()
        self.go.wait(60)
        return [NoRegion("None.", hint="Draw one.") for _ in tasks]


def test_when_all_slots_are_taken_further_predictions_are_refused_at_once(clip: Clip) -> None:
    model = Waiting(clip)
    app = create_app(loaded(model), PLAIN)
    statuses: list[int] = []

    def predict() -> int:
        body = {"tasks": [], "label_config": CONFIG}
        return app.test_client().post("/predict", json=body).status_code

    callers = [
        threading.Thread(target=lambda: statuses.append(predict()))
        for _ in range(PREDICTIONS_AT_ONCE)
    ]
    for caller in callers:
        caller.start()
        model.started.acquire()

    refused = app.test_client().post("/predict", json={"tasks": [], "label_config": CONFIG})
    unread = app.test_client().post("/predict", data=b"no JSON")
    health = app.test_client().get("/health")
    model.go.set()
    for caller in callers:
        caller.join()

    assert refused.status_code == unread.status_code == 503
    assert refused.headers["Retry-After"]
    assert health.status_code == 200
    assert statuses == [200] * PREDICTIONS_AT_ONCE
    assert predict() == 200
