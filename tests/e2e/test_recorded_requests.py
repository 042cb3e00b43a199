"""The requests that the contract tests replay are those which this Label Studio sends."""

from __future__ import annotations

from typing import Any

import recorded_requests as recorded
from plain_projects import act_on_all_tasks
from stub_backend import Received, StubBackend

from ls_backend.label_studio import LabelStudio

REGION = {
    "id": "r1", "from_name": "label", "to_name": "image", "type": "choices",
    "value": {"choices": ["cat"]},
}  # fmt: skip


def shape(value: Any, path: str = "") -> set[str]:
    """Every place in a JSON value, with what stands there."""
    if isinstance(value, dict) and value:
        return {place for key, inner in value.items() for place in shape(inner, f"{path}.{key}")}
    if isinstance(value, list) and value:
        return {place for inner in value for place in shape(inner, f"{path}[]")}
    return {f"{path}: {type(value).__name__}"}


def newest(stub: StubBackend, path: str) -> Received:
    return [each for each in stub.received if each.path == path][-1]


def test_each_request_has_the_form_of_the_recorded_one(ls: LabelStudio, stub: StubBackend) -> None:
    settings = {"title": "recorded", "label_config": recorded.CONFIG}
    number = int(ls.json("POST", "/api/projects", json=settings)["id"])
    data = recorded.task(1, "a-cat", "cat")["data"]
    (task,) = ls.json(
        "POST", f"/api/projects/{number}/import", params={"return_task_ids": True},
        json=[{"data": data}],
    )["task_ids"]  # fmt: skip
    registered = ls.json(
        "POST", "/api/ml", json={"project": number, "url": stub.url, "title": "stub"}
    )
    stub.results = [{"model_version": stub.version, "score": 0.5, "result": []}]

    act_on_all_tasks(ls, number, "retrieve_tasks_predictions")

    setup, predict = newest(stub, "/setup"), newest(stub, "/predict")
    assert shape(setup.body) == shape(recorded.setup_body())
    assert shape(predict.body) == shape(recorded.predict_body("a-cat", label="cat"))
    assert predict.body["tasks"][0]["data"] == data
    assert predict.body["project"].partition(".")[0] == str(number)
    for sent in (setup.headers, recorded.HEADERS):
        assert sent["User-Agent"].startswith("heartex/")

    kept = {key: registered[key] for key in ("url", "title", "project")}
    ls.json("PATCH", f"/api/ml/{registered['id']}", json={**kept, "is_interactive": True})
    context = {"result": [REGION]}
    ls.json(
        "POST", f"/api/ml/{registered['id']}/interactive-annotating",
        json={"task": task, "context": context},
    )  # fmt: skip

    drawn = newest(stub, "/predict").body
    assert drawn["params"] == {"login": None, "password": None, "context": context}
    (shown,) = drawn["tasks"]
    assert {"id", "data", "annotations", "predictions"} <= set(shown)
