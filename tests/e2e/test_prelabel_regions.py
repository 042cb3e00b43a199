"""`ls-clip prelabel` of projects whose regions are labelled: those that people or models drew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from drawn_regions import PER_REGION, RECTANGLES, picture, region
from plain_projects import new_project, predictions, task_ids

from ls_backend.label_studio import LabelStudio

DRAWN = {
    "rectanglelabels": (RECTANGLES, lambda: {"rectanglelabels": ["cat"]}),
    "choices": (PER_REGION, dict),
}


@pytest.fixture
def cache(tmp_path: Path) -> dict[str, str]:
    return {"CLIP_CACHE_DIR": str(tmp_path)}


@pytest.mark.parametrize("control", DRAWN)
def test_every_region_gets_its_label_and_tasks_without_one_are_counted(
    ls: LabelStudio, command_line: CommandLine, cache: dict[str, str], control: str
) -> None:
    config, first_label = DRAWN[control]
    images = [picture("cat", "bus"), picture("bus", "cat"), picture("cat", "cat")]
    project_id = new_project(ls, images, label_config=config)
    by_person, by_model, without = task_ids(ls, project_id)
    kind = "rectangle" if control == "choices" else control
    both = [region(name, left, kind, **first_label()) for name, left in (("l", 0), ("r", 50))]
    ls.json("POST", f"/api/tasks/{by_person}/annotations/", json={"result": both})
    detector = {"task": by_model, "model_version": "detector", "score": 0.9, "result": both[:1]}
    ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[detector])

    arguments = ("prelabel", "--project", project_id, "--model", "sketch")
    report = command_line.report(*arguments, **cache)

    assert (report["done"], report["failed"]) == (2, {"no_region": 1})
    ours = {p["task"]: p for p in predictions(ls, project_id) if p["model_version"] != "detector"}
    assert labels(ours[by_person], control) == {"l": ["cat"], "r": ["bus"]}
    assert labels(ours[by_model], control) == {"l": ["bus"]}
    assert without not in ours
    for prediction in ours.values():
        said = [item["score"] for item in prediction["result"] if "score" in item]
        assert prediction["score"] == pytest.approx(min(said), abs=1e-6)
    again = command_line(*arguments, **cache)
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True)
    assert f"1 task without, task {without}: It has no region to label" in again.stdout
    assert len(predictions(ls, project_id)) == 3


def labels(prediction: dict[str, Any], control: str) -> dict[str, list[str]]:
    """Region → its labels, as the control that CLIP fills has them."""
    return {
        item["id"]: item["value"][control]
        for item in prediction["result"]
        if item["from_name"] == "what"
    }
