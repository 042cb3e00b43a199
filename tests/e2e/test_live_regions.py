"""Regions that people drew, labelled by the live backend: on request, and while they draw."""

from __future__ import annotations

import io
from typing import Any

import pytest
from command_line import CommandLine
from PIL import Image
from plain_projects import act_on_all_tasks, data_uri, new_project, predictions, task_ids

from importers.demo.services import BackendServer
from importers.sketch.draw import draw
from ls_backend.label_studio import LabelStudio

RECTANGLES = """<View><Image name="image" value="$image"/>
<RectangleLabels name="what" toName="image" smart="true">
<Label value="cat"/><Label value="bus"/></RectangleLabels></View>"""
PER_REGION = """<View><Image name="image" value="$image"/>
<Rectangle name="box" toName="image"/>
<Choices name="what" toName="image" perRegion="true">
<Choice value="cat"/><Choice value="bus"/></Choices></View>"""
SEVERAL = """<View><Image name="image" value="$image"/>
<Choices name="what" toName="image" choice="multiple" clip_background="tree|house|fish">
<Choice value="cat"/><Choice value="bus"/></Choices></View>"""
TAXONOMY = """<View><Image name="image" value="$image"/><Taxonomy name="what" toName="image">
<Choice value="animal"><Choice value="cat"/></Choice>
<Choice value="vehicle"><Choice value="bus"/></Choice></Taxonomy></View>"""


def picture(*labels: str) -> str:
    """Drawings side by side, as a data URI."""
    drawn = [draw(f"a photo of a red {label} in a park", 1, 128).png for label in labels]
    together = Image.new("RGB", (128 * len(labels), 128))
    for number, png in enumerate(drawn):
        together.paste(Image.open(io.BytesIO(png)), (128 * number, 0))
    buffer = io.BytesIO()
    together.save(buffer, "PNG")
    return data_uri(buffer.getvalue())


def region(name: str, left: float, kind: str, **value: Any) -> dict[str, Any]:
    place = {"x": left, "y": 0, "width": 50, "height": 100, "rotation": 0, **value}
    return {
        "id": name, "from_name": "what" if value else "box", "to_name": "image", "type": kind,
        "original_width": 256, "original_height": 128, "image_rotation": 0, "value": place,
    }  # fmt: skip


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
