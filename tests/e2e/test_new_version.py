"""A labeling config that changes what scores mean, in a project that has predictions already."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from command_line import CommandLine
from plain_projects import (
    CONFIG,
    act_on_all_tasks,
    data_uri,
    new_project,
    predictions,
    project_version,
    webhooks,
)

from importers.demo.services import BackendServer
from importers.label_studio.project import UNCERTAINTY_SAMPLING
from importers.sketch.draw import draw
from ls_backend.label_studio import LabelStudio

BACKGROUND = CONFIG.replace(
    'toName="image"', 'toName="image" clip_background="a picture of a dog|an empty room"'
)
LABEL = CONFIG.replace('<Choice value="dog"/>', '<Choice value="dog"/><Choice value="fish"/>')


@pytest.mark.parametrize("changed", [BACKGROUND, LABEL], ids=["background", "label"])
def test_doctor_says_it_connect_mends_it_and_the_queue_goes_by_the_new_scores(
    ls: LabelStudio,
    command_line: CommandLine,
    backend: BackendServer,
    changed: str,
) -> None:
    project_id = new_project(ls, drawn_animals(), sampling=UNCERTAINTY_SAMPLING)
    connect = ("connect", "--project", project_id, "--url", backend.url)
    first = command_line.report(*connect)
    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")
    assert doctor(command_line, project_id)["exit_code"] == 0

    ls.request("PATCH", f"/api/projects/{project_id}", json={"label_config": changed})
    ill = doctor(command_line, project_id)
    assert ill["exit_code"] == 21
    assert f"registered as '{first['model_version']}' and answers with" in ill["queue"]["message"]
    assert "ls-clip connect" in ill["queue"]["fix"]

    second = command_line.report(*connect)
    assert second["model_version"] != first["model_version"]
    assert second["backend_id"] == first["backend_id"]
    assert second["mended"] == [f"its title was {first['model_version']!r}"]
    assert len(ls.json("GET", "/api/ml", params={"project": project_id})) == 1
    assert len(webhooks(ls, project_id)) == 1
    assert project_version(ls, project_id) == second["model_version"]

    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")
    assert doctor(command_line, project_id)["exit_code"] == 0
    new = scores(ls, project_id, second["model_version"])
    old = scores(ls, project_id, first["model_version"])
    assert new.keys() == old.keys()
    assert sorted(new, key=new.__getitem__) != sorted(old, key=old.__getitem__)
    assert served(ls, project_id) == sorted(new, key=new.__getitem__)


def drawn_animals() -> list[str]:
    """Nine drawings, as data URIs."""
    kinds = itertools.product(("red", "blue", "green"), ("cat", "dog", "fish"))
    prompts = [f"a photo of a {color} {animal} in a park" for color, animal in kinds]
    return [data_uri(draw(prompt, 1, pixels=64).png) for prompt in prompts]


def doctor(command_line: CommandLine, project_id: int) -> dict[str, Any]:
    """Its exit code, and each finding by name."""
    report = json.loads(command_line("doctor", "--project", project_id, "--json").stdout)
    return {finding["name"]: finding for finding in report["findings"]} | {
        "exit_code": report["exit_code"]
    }


def scores(ls: LabelStudio, project_id: int, version: str) -> dict[int, float]:
    """Task → score of this version."""
    stored = predictions(ls, project_id)
    return {one["task"]: one["score"] for one in stored if one["model_version"] == version}


def served(ls: LabelStudio, project_id: int) -> list[int]:
    """The tasks as the label stream serves them to somebody who answers each."""
    order: list[int] = []
    for _ in drawn_animals():
        task = ls.json("GET", f"/api/projects/{project_id}/next")
        order.append(task["id"])
        ls.request("POST", f"/api/tasks/{task['id']}/annotations", json={"result": []})
    return order
