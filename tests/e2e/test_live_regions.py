"""Regions that people drew, labelled by the live backend: on request, and while they draw."""

from __future__ import annotations

from typing import Any

import pytest
from command_line import CommandLine
from drawn_regions import PER_REGION, RECTANGLES, picture, region
from plain_projects import act_on_all_tasks, new_project, predictions, task_ids

from importers.demo.services import BackendServer
from ls_backend.label_studio import LabelStudio

SEVERAL = """<View><Image name="image" value="$image"/>
<Choices name="what" toName="image" choice="multiple" clip_background="tree|house|fish">
<Choice value="cat"/><Choice value="bus"/></Choices></View>"""
TAXONOMY = """<View><Image name="image" value="$image"/><Taxonomy name="what" toName="image">
<Choice value="animal"><Choice value="cat"/></Choice>
<Choice value="vehicle"><Choice value="bus"/></Choice></Taxonomy></View>"""


def project_of(
    ls: LabelStudio, command_line: CommandLine, backend: BackendServer, config: str, *images: str
) -> int:
    project_id = new_project(ls, images, label_config=config)
    command_line.report("connect", "--project", project_id, "--url", backend.url)
    return project_id


@pytest.mark.parametrize("config", [RECTANGLES, PER_REGION], ids=["rectangles", "per region"])
def test_regions_of_an_annotation_are_labelled_on_request(
    ls: LabelStudio, command_line: CommandLine, backend: BackendServer, config: str
) -> None:
    project_id = project_of(
        ls, command_line, backend, config, picture("cat", "bus"), picture("bus", "cat")
    )
    drawn, without = task_ids(ls, project_id)
    shape = region("right", 50, "rectangle")
    if config is RECTANGLES:
        shape = region("right", 50, "rectanglelabels", rectanglelabels=["cat"])
    ls.json("POST", f"/api/tasks/{drawn}/annotations/", json={"result": [shape]})

    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")

    (stored,) = predictions(ls, project_id)
    assert stored["task"] == drawn
    assert stored["task"] != without
    said = stored["result"][-1]
    assert said["id"] == "right"
    assert said["value"].get("rectanglelabels", said["value"].get("choices")) == ["bus"]
    assert stored["score"] == pytest.approx(said["score"], abs=1e-6)


def test_a_region_is_labelled_while_it_is_drawn(
    ls: LabelStudio, command_line: CommandLine, backend: BackendServer
) -> None:
    project_id = project_of(ls, command_line, backend, RECTANGLES, picture("cat", "bus"))
    (task,) = task_ids(ls, project_id)
    (registered,) = ls.json("GET", "/api/ml", params={"project": project_id})
    number = registered["id"]
    changed = {key: registered[key] for key in ("url", "title", "project")}
    ls.json("PATCH", f"/api/ml/{number}", json={**changed, "is_interactive": True})

    for name, left, label in (("first", 0, "cat"), ("second", 50, "bus")):
        drawn = region(name, left, "rectanglelabels", rectanglelabels=["cat"])
        answer = ls.json(
            "POST",
            f"/api/ml/{number}/interactive-annotating",
            json={"task": task, "context": {"result": [drawn]}},
        )
        (said,) = answer["data"]["result"]
        assert (said["id"], said["value"]["rectanglelabels"]) == (name, [label])


@pytest.mark.parametrize(
    ("config", "value"),
    [(SEVERAL, {"choices": ["bus"]}), (TAXONOMY, {"taxonomy": [["vehicle", "bus"]]})],
    ids=["several choices", "taxonomy"],
)
def test_an_opened_task_shows_choices_and_paths(
    ls: LabelStudio,
    command_line: CommandLine,
    backend: BackendServer,
    config: str,
    value: dict[str, Any],
) -> None:
    project_id = project_of(ls, command_line, backend, config, picture("bus"))
    (task,) = task_ids(ls, project_id)

    (shown,) = ls.json("GET", f"/api/tasks/{task}/")["predictions"]

    assert shown["result"][0]["value"] == value
    assert 0 <= shown["score"] <= 1
