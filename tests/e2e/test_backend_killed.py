"""An ML backend that is killed and started again, seen from Label Studio and from `ls-clip`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from own_backend import PASSWORD, USER, OwnBackend, metric
from plain_projects import (
    act_on_all_tasks,
    add_tasks,
    drawings,
    new_project,
    predictions,
    registered,
    task_ids,
    uploaded,
    webhooks,
)

from importers.demo.services import LabelStudioServer
from importers.label_studio.project import UNCERTAINTY_SAMPLING
from ls_backend.label_studio import LabelStudio

UPLOADS, DATA_URIS = 12, 8
AUTH = {"BASIC_AUTH_USER": USER, "BASIC_AUTH_PASS": PASSWORD}


@pytest.fixture
def mortal(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[OwnBackend]:
    with OwnBackend(tmp_path / "backend", label_studio.credentials) as backend:
        yield backend


@pytest.fixture
def project_id(
    ls: LabelStudio, command_line: CommandLine, mortal: OwnBackend, tmp_path: Path
) -> int:
    """A connected project with uploads and data URIs, without predictions."""
    pictures = drawings(UPLOADS + DATA_URIS)
    number = new_project(ls, pictures[UPLOADS:], sampling=UNCERTAINTY_SAMPLING)
    add_tasks(ls, number, uploaded(ls, number, tmp_path, UPLOADS))
    command_line.report("connect", "--project", number, "--url", mortal.url)
    return number


def test_labeling_goes_on_without_it_and_predictions_come_again_by_themselves(
    ls: LabelStudio, command_line: CommandLine, mortal: OwnBackend, project_id: int
) -> None:
    first, second, *_ = task_ids(ls, project_id)
    assert len(opened(ls, first)) == 1
    before = registered(ls, project_id), webhooks(ls, project_id)

    mortal.kill()
    assert opened(ls, second) == []
    assert len(opened(ls, first)) == 1
    assert ls.json("GET", f"/api/projects/{project_id}/next")["id"]
    ls.request("POST", f"/api/tasks/{second}/annotations", json={"result": []})
    add_tasks(ls, project_id, drawings(1))
    ill = command_line("doctor", "--project", project_id, "--json")
    assert ill.returncode == 17
    findings = by_name(ill.stdout)
    assert f"ML backend at {mortal.url}: Disconnected" in findings["registered"]["message"]
    assert "ls-clip serve" in findings["registered"]["fix"]
    assert findings["backend"]["state"] == "failed"

    mortal.start()
    assert len(opened(ls, second)) == 1
    assert (registered(ls, project_id), webhooks(ls, project_id)) == before
    well = command_line("doctor", "--project", project_id)
    assert well.returncode == 0, well.stdout


def test_what_it_saw_before_it_was_killed_is_not_encoded_again(
    ls: LabelStudio, mortal: OwnBackend, project_id: int
) -> None:
    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")
    before = scores(ls, project_id)
    assert len(before) == UPLOADS + DATA_URIS
    assert metric(mortal, "clip_batch_images_sum") == UPLOADS + DATA_URIS

    mortal.kill()
    mortal.start()
    act_on_all_tasks(ls, project_id, "delete_tasks_predictions")
    assert predictions(ls, project_id) == []
    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")
    assert scores(ls, project_id) == before
    assert metric(mortal, "clip_vector_cache_total", result="hit") == UPLOADS + DATA_URIS
    assert metric(mortal, "clip_vector_cache_total", result="miss") == 0
    assert metric(mortal, "clip_batch_images_sum") == 0


def test_started_again_with_a_password_doctor_says_so_and_connect_mends_it(
    ls: LabelStudio, command_line: CommandLine, mortal: OwnBackend, project_id: int
) -> None:
    mortal.kill()
    mortal.variables.update(AUTH)
    mortal.start()
    task = task_ids(ls, project_id)[0]
    assert opened(ls, task) == []
    ill = command_line("doctor", "--project", project_id, "--json", **AUTH)
    assert ill.returncode == 17
    registration = by_name(ill.stdout)["registered"]
    assert "asks for a user name and password" in registration["message"]
    assert "ls-clip connect" in registration["fix"]
    connect = ("connect", "--project", project_id, "--url", mortal.url)
    assert "it had other credentials" in command_line.report(*connect, **AUTH)["mended"]
    assert len(opened(ls, task)) == 1


def opened(ls: LabelStudio, task_id: int) -> list[dict[str, Any]]:
    """The predictions that somebody sees who opens the task."""
    found: list[dict[str, Any]] = ls.json("GET", f"/api/tasks/{task_id}")["predictions"]
    return found


def scores(ls: LabelStudio, project_id: int) -> dict[int, float]:
    return {one["task"]: one["score"] for one in predictions(ls, project_id)}


def by_name(doctor: str) -> dict[str, Any]:
    return {finding["name"]: finding for finding in json.loads(doctor)["findings"]}
