"""What `ls-clip doctor` says of labels, as the live backend sees them."""

from __future__ import annotations

import pytest
from plain_projects import drawings, new_project

from importers.demo.services import BackendServer, LabelStudioServer
from importers.label_studio.connect import connect
from importers.label_studio.doctor import Finding, examine
from importers.label_studio.project import UNCERTAINTY_SAMPLING
from ls_backend.label_studio import LabelStudio

TWINS = """<View><Image name="image" value="$image"/><Choices name="label" toName="image">
<Choice value="cat"/><Choice value="Cat"/><Choice value="bus"/></Choices></View>"""
RECTANGLES = """<View><Image name="image" value="$image"/>
<RectangleLabels name="box" toName="image"><Label value="cat"/><Label value="bus"/>
</RectangleLabels></View>"""


@pytest.fixture(autouse=True)
def environment(label_studio: LabelStudioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.login.legacy_token)


def findings(ls: LabelStudio, backend: BackendServer, config: str) -> dict[str, Finding]:
    settings = {"label_config": config, "sampling": UNCERTAINTY_SAMPLING}
    project_id = new_project(ls, drawings(1), **settings)
    connect(ls, project_id, backend.url, None)
    return {found.name: found for found in examine(project_id, backend.url).findings}


def test_labels_that_read_the_same_are_named(ls: LabelStudio, backend: BackendServer) -> None:
    found = findings(ls, backend, TWINS)["label pairs"]

    assert found.state == "warning"
    assert "'cat' and 'Cat'" in found.message
    assert "clip_prompt" in found.fix


def test_regions_that_are_not_drawn_yet_are_no_fault(
    ls: LabelStudio, backend: BackendServer
) -> None:
    found = findings(ls, backend, RECTANGLES)

    assert found["labeling config"].state == "ok"
    assert found["prediction"].state == "skipped"
    assert "no region to label yet" in found["prediction"].message
    assert found["label pairs"].state == "ok"
    assert {each.state for each in found.values()} <= {"ok", "skipped"}
