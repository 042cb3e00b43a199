"""The ML backend as a process of its own, asked as Label Studio 1.23 was recorded asking it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from backend_process import (
    KEY_POINTS,
    TOKEN,
    Served,
    Uploads,
    choices,
    serve_backend,
    serve_uploads,
)
from recorded_requests import LABELS, predict_body, setup_body

from ls_backend.backend import PREDICTIONS_AT_ONCE


@pytest.fixture(scope="module")
def uploads() -> Iterator[Uploads]:
    with serve_uploads() as uploads:
        yield uploads


@pytest.fixture(scope="module")
def served(uploads: Uploads, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve_backend(tmp_path_factory.mktemp("backend"), uploads.url) as served:
        yield served


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
    answer = served.post("/setup", setup_body(KEY_POINTS))

    with pytest.raises(requests.HTTPError) as shown:  # what Label Studio puts before people
        answer.raise_for_status()
    assert "CLIP can fill Choices, Taxonomy," in str(shown.value)
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
    served.post("/setup", setup_body(KEY_POINTS))

    log = served.log.read_text()

    assert "task 1: no prediction [http_404]" in log
    assert "[label_config]" in log
    assert TOKEN not in log
    assert "f" * 40 not in log
    assert "Traceback" not in log
