"""Which picture of a task is read in a project of somebody else."""

from __future__ import annotations

from typing import Any, cast

import pytest

from importers.training_storage.job_tasks import JobTasks
from ls_backend.label_studio_types import Project, Task

CHOICES = (
    '<Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
)


@pytest.mark.parametrize(
    ("value", "data", "source"),
    [
        ("$image", {"image": " /a.png "}, "/a.png"),
        ("$meta.image", {"meta": {"image": "/a.png"}}, "/a.png"),
        ("$images[1]", {"images": ["/a.png", "/b.png"]}, "/b.png"),
        ("https://host/$file", {"file": "a.png"}, "https://host/a.png"),
        ("$image", {"image": ["/a.png"]}, "/a.png"),
        ("$image", {"image": ["/a.png", "/b.png"]}, ""),
        ("$image", {"image": 7}, ""),
        ("$meta.image", {}, ""),
    ],
)
def test_the_source_is_what_label_studio_shows(
    value: str, data: dict[str, Any], source: str
) -> None:
    config = f'<View><Image name="image" value="{value}"/>{CHOICES}</View>'
    tasks = JobTasks(cast(Project, {"id": 3, "label_config": config}), None)

    assert tasks.source(cast(Task, {"id": 1, "data": data}), "label") == source
