"""`ls-clip doctor --task` on a real Label Studio: each reason why a task shows nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from command_line import CommandLine
from drawn_regions import RECTANGLES, region
from plain_projects import CONFIG, OLDER, VERSION, answer, drawings, new_project
from review_world import picture
from served import serving
from stub_backend import StubBackend, stub_backend

from importers.demo.services import BackendServer, LabelStudioServer
from importers.label_studio.connect import connect
from importers.label_studio.explain import Explanation, explain_task
from importers.label_studio.queries import ProjectTasks
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio


@pytest.fixture
def ls(label_studio: LabelStudioServer, monkeypatch: pytest.MonkeyPatch) -> LabelStudio:
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.login.legacy_token)
    return label_studio.client()


@pytest.fixture
def stub() -> Iterator[StubBackend]:
    with stub_backend(VERSION) as backend:
        backend.results = [answer()]
        yield backend


def one_task(ls: LabelStudio, image: str = drawings(1)[0], **settings: Any) -> tuple[int, int]:
    project_id = new_project(ls, [image], **settings)
    (task,) = ls.json("GET", "/api/tasks", params={"project": project_id})["tasks"]
    return project_id, int(task["id"])


def predict(ls: LabelStudio, project_id: int, task_id: int, **prediction: Any) -> None:
    ls.request(
        "POST",
        "/api/predictions",
        json={"task": task_id, "project": project_id, **answer(), **prediction},
    )
    version = prediction.get("model_version", VERSION)
    ls.request("PATCH", f"/api/projects/{project_id}", json={"model_version": version})


def codes(explanation: Explanation) -> list[str]:
    for reason in explanation.reasons:
        assert reason.message.endswith((".", "]", "}", "'"))
        assert reason.next_step
    return [reason.code for reason in explanation.reasons]


def test_a_task_that_shows_everything(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls)
    predict(ls, project_id, task_id)
    found = explain_task(ls, task_id)
    assert (found.shown, found.reasons, found.project) == (True, (), project_id)
    assert found.predictions == {VERSION: 0.5}


def test_no_prediction_and_no_backend(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls)
    found = explain_task(ls, task_id)
    assert codes(found) == ["no_backend"]
    assert f"ls-clip prelabel --project {project_id}" in found.reasons[0].next_step


def test_no_prediction_yet_and_asking_stores_none(ls: LabelStudio, stub: StubBackend) -> None:
    project_id, task_id = one_task(ls)
    connect(ls, project_id, stub.url, VERSION)
    found = explain_task(ls, task_id)
    assert codes(found) == ["not_yet"]
    assert "with the score 0.500" in found.reasons[0].message
    task = ProjectTasks(ls, project_id).find(task_id)
    assert task is not None
    assert task["predictions"] == []
    ls.request("GET", f"/api/tasks/{task_id}")  # opening it does bring one
    assert explain_task(ls, task_id).shown


def test_a_backend_that_is_down(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls)
    with stub_backend(VERSION) as gone:
        connect(ls, project_id, gone.url, VERSION)
    found = explain_task(ls, task_id, project_id)
    assert codes(found) == ["backend_down"]
    assert "Disconnected" in found.reasons[0].message


def test_an_image_that_fails_is_named_with_the_backends_reason(
    ls: LabelStudio, backend: BackendServer
) -> None:
    project_id, task_id = one_task(ls, "data:image/png;base64,bm9uZQ==")
    connect(ls, project_id, backend.url, None)
    found = explain_task(ls, task_id)
    assert codes(found) == ["image_not_an_image"]
    assert "Asked now, the ML backend gives no prediction: " in found.reasons[0].message
    assert "no image" in found.reasons[0].message


def test_the_backend_answers_by_its_own_settings(
    ls: LabelStudio, backend: BackendServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image can be read from here, and the backend may not read it."""
    with serving(lambda _, start: (start("200 OK", []), [picture(1)])[1]) as host:
        monkeypatch.setenv("CLIP_ALLOWED_HOSTS", host.removeprefix("http://"))
        project_id, task_id = one_task(ls, f"{host}/cat.png")
        connect(ls, project_id, backend.url, None)
        found = explain_task(ls, task_id)
    assert codes(found) == ["image_private_address"]
    assert "CLIP_ALLOWED_HOSTS" in found.reasons[0].next_step


def test_a_backend_that_gives_nothing_and_does_not_say_why(
    ls: LabelStudio, stub: StubBackend
) -> None:
    project_id, task_id = one_task(ls)
    connect(ls, project_id, stub.url, VERSION)
    stub.results = [[]]
    found = explain_task(ls, task_id)
    assert codes(found) == ["image_no_reason"]
    assert found.reasons[0].next_step == "Its log has the reason."


def test_a_backend_that_cannot_be_asked_from_here(ls: LabelStudio, stub: StubBackend) -> None:
    project_id, task_id = one_task(ls)
    connect(ls, project_id, stub.url, VERSION)
    request = requests.request

    def walled_off(method: str, url: str, **options: Any) -> requests.Response:
        if url.endswith("/predict"):
            raise requests.ConnectionError
        return request(method, url, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "request", walled_off)
        found = explain_task(ls, task_id)
    assert codes(found) == ["not_asked_from_here"]
    assert "cannot be asked from here" in found.reasons[0].message


def test_a_vendors_backend_that_was_there_first(ls: LabelStudio, stub: StubBackend) -> None:
    project_id, task_id = one_task(ls)
    with stub_backend("segmentation-1") as vendor:
        other = {"project": project_id, "url": vendor.url, "title": "segmentation"}
        ls.request("POST", "/api/ml", json=other)
        alone = explain_task(ls, task_id)
        connect(ls, project_id, stub.url, VERSION)
        ls.request("GET", f"/api/tasks/{task_id}")
        assert [each.path for each in vendor.received].count("/predict") == 1
        assert [each.path for each in stub.received].count("/predict") == 0
        found = explain_task(ls, task_id)
    assert codes(alone) == ["no_backend"]
    assert codes(found) == ["backend_not_first"]
    assert "delete 'segmentation' in Settings > Model" in found.reasons[0].next_step


def test_a_control_that_stays_hidden(ls: LabelStudio) -> None:
    hidden = CONFIG.replace("<Choices ", '<Choices visibleWhen="choice-selected" ')
    project_id, task_id = one_task(ls, label_config=hidden)
    predict(ls, project_id, task_id)
    found = explain_task(ls, task_id)
    assert codes(found) == ["control_hidden"]
    assert not found.shown


def test_a_config_that_clip_cannot_fill(ls: LabelStudio) -> None:
    config = '<View><Image name="i" value="$image"/><TextArea name="t" toName="i"/></View>'
    _, task_id = one_task(ls, label_config=config)
    assert codes(explain_task(ls, task_id)) == ["label_config"]


def test_a_backend_that_is_not_the_projects_choice(ls: LabelStudio, stub: StubBackend) -> None:
    project_id, task_id = one_task(ls, model_version="theirs")
    connect(ls, project_id, stub.url, VERSION)
    ls.request("POST", f"/api/projects/{project_id}/import", json=[{"data": {"image": "x"}}])
    other = max(
        t["id"] for t in ls.json("GET", "/api/tasks", params={"project": project_id})["tasks"]
    )
    predict(ls, project_id, other, model_version="theirs")
    assert codes(explain_task(ls, task_id)) == ["backend_not_chosen"]


def test_a_prediction_of_another_version(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls, model_version="elsewhere")
    earlier = {"task": task_id, **answer(version=OLDER)}
    ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[earlier])
    found = explain_task(ls, task_id)
    assert codes(found) == ["other_version"]
    assert OLDER in found.reasons[0].message
    assert "elsewhere" in found.reasons[0].message
    assert found.reasons[0].next_step == "Choose the task's version in Settings > Annotation."


def test_a_prediction_of_another_version_and_why_it_gets_no_newer_one(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls, "data:image/png;base64,bm9uZQ==", model_version=VERSION)
    earlier = {"task": task_id, **answer(version=OLDER)}
    ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[earlier])
    found = explain_task(ls, task_id)
    assert codes(found) == ["image_not_an_image", "other_version"]
    assert f"--model-version {VERSION}" in found.reasons[1].next_step


def test_no_region_to_label(ls: LabelStudio) -> None:
    _, task_id = one_task(ls, label_config=RECTANGLES)
    assert codes(explain_task(ls, task_id)) == ["no_region", "no_backend"]
    drawn = region("a", 0, "rectanglelabels", rectanglelabels=["cat"])
    ls.json("POST", f"/api/tasks/{task_id}/annotations/", json={"result": [drawn]})
    assert codes(explain_task(ls, task_id)) == ["no_backend"]


def test_a_config_that_fills_no_answer_in(ls: LabelStudio) -> None:
    config = CONFIG.replace("<Choices ", '<Choices clip_claim="$label" clip_prefill="none" ')
    project_id, task_id = one_task(ls, label_config=config)
    predict(ls, project_id, task_id, result=[])
    found = explain_task(ls, task_id)
    assert codes(found) == ["prefill_none"]
    assert found.predictions == {VERSION: 0.5}


def test_predictions_that_are_not_shown(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls, show_collab_predictions=False)
    predict(ls, project_id, task_id)
    found = explain_task(ls, task_id)
    assert codes(found) == ["predictions_off"]
    assert not found.shown


def test_a_label_that_the_config_has_no_more(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls)
    predict(ls, project_id, task_id)
    renamed = CONFIG.replace("cat", "kitten")
    ls.request("PATCH", f"/api/projects/{project_id}", json={"label_config": renamed})
    found = explain_task(ls, task_id)
    assert codes(found) == ["misfit"]
    assert "cat" in found.reasons[0].message


def test_a_prediction_without_score_or_without_result(ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls)
    predict(ls, project_id, task_id, score=None)
    assert codes(explain_task(ls, task_id)) == ["no_score"]
    predict(ls, project_id, task_id, result=[])
    assert codes(explain_task(ls, task_id)) == ["empty"]


def test_a_task_that_is_not_there(ls: LabelStudio) -> None:
    with pytest.raises(LabelStudioError, match="no task 999999") as error:
        explain_task(ls, 999_999)
    assert error.value.code == "label_studio_no_task"


def test_the_command(command_line: CommandLine, ls: LabelStudio) -> None:
    project_id, task_id = one_task(ls)
    shown = command_line("doctor", "--task", task_id).stdout
    assert "has no ML backend" in shown
    assert f"Next: ls-clip connect --project {project_id}" in shown
    report = command_line.report("doctor", "--task", task_id, "--project", project_id)
    assert report["reasons"][0]["code"] == "no_backend"
    missing = command_line("doctor", "--task", 999_999)
    assert missing.returncode == 1
    assert "Hint: " in missing.stderr
