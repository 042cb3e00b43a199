"""Projects without a campaign, for tests against a real Label Studio."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from review_world import picture

from importers.label_studio.queries import ProjectTasks
from importers.label_studio.uploads import upload
from importers.sketch.draw import draw
from ls_backend.label_studio import LabelStudio

CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>
</View>
"""
VERSION = "clip:test@00000000000a"
OLDER = "clip:test@000000000009"


def new_project(ls: LabelStudio, images: Sequence[str], **settings: Any) -> int:
    settings = {"title": "prelabel", "label_config": CONFIG, **settings}
    project_id = int(ls.json("POST", "/api/projects", json=settings)["id"])
    if images:
        add_tasks(ls, project_id, images)
    return project_id


def uploaded(ls: LabelStudio, project_id: int, folder: Path, count: int) -> list[str]:
    """Cats in Label Studio's own storage, which gives them only to those who sign in."""
    files = {str(seed): folder / f"{seed}.png" for seed in range(count)}
    for seed, file in files.items():
        file.write_bytes(draw("a photo of a red cat in a park", int(seed), pixels=64).png)
    return [path for part in upload(ls, project_id, files) for path in part.values()]


def task_ids(ls: LabelStudio, project_id: int) -> list[int]:
    """Numbers of all tasks, ascending; asks no ML backend."""
    return sorted(ProjectTasks(ls, project_id).numbers())


def predictions(ls: LabelStudio, project_id: int) -> list[dict[str, Any]]:
    """All that are stored; asks no ML backend."""
    found: list[dict[str, Any]] = ls.json("GET", "/api/predictions", params={"project": project_id})
    return found


def act_on_all_tasks(ls: LabelStudio, project_id: int, action: str) -> None:
    """An action of the Data Manager's menu, with all tasks ticked."""
    ls.request(
        "POST",
        "/api/dm/actions",
        params={"id": action, "project": project_id},
        json={"project": str(project_id), "selectedItems": {"all": True, "excluded": []}},
    )


def project_version(ls: LabelStudio, project_id: int) -> str:
    return str(ls.json("GET", f"/api/projects/{project_id}")["model_version"])


def registered(ls: LabelStudio, project_id: int) -> list[tuple[str, str]]:
    backends = ls.json("GET", "/api/ml", params={"project": project_id})
    return [(backend["title"], backend["url"]) for backend in backends]


def webhooks(ls: LabelStudio, project_id: int) -> list[dict[str, Any]]:
    found = ls.json("GET", "/api/webhooks/", params={"project": project_id})
    return [
        {name: hook[name] for name in ("url", "headers", "send_payload", "is_active")}
        | {"actions": set(hook["actions"]), "all": hook["send_for_all_actions"], "id": hook["id"]}
        for hook in found
    ]


def add_tasks(ls: LabelStudio, project_id: int, images: Sequence[str]) -> None:
    tasks = [{"data": {"image": image}} for image in images]
    ls.request("POST", f"/api/projects/{project_id}/import", json=tasks)


def drawings(count: int) -> list[str]:
    return [data_uri(picture(seed)) for seed in range(count)]


def data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def answer(label: str = "cat", score: float = 0.5, version: str = VERSION) -> dict[str, Any]:
    region = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
        "score": score,
    }
    return {"model_version": version, "score": score, "result": [region]}
