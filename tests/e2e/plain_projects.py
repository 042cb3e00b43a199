"""Projects without a campaign, for tests against a real Label Studio."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from review_world import picture

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
    tasks = [{"data": {"image": image}} for image in images]
    ls.request("POST", f"/api/projects/{project_id}/import", json=tasks)
    return project_id


def drawings(count: int) -> list[str]:
    pictures = (base64.b64encode(picture(seed)).decode() for seed in range(count))
    return [f"data:image/png;base64,{text}" for text in pictures]


def answer(label: str = "cat", score: float = 0.5, version: str = VERSION) -> dict[str, Any]:
    region = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": [label]},
        "score": score,
    }
    return {"model_version": version, "score": score, "result": [region]}
