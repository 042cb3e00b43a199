"""Annotations and predictions as Label Studio's list of tasks gives them, and what they mean."""

from __future__ import annotations

from typing import Any

from importers.config.campaign import NONE_OF_THESE
from importers.config.campaign import UNUSABLE as UNUSABLE_CHOICE
from importers.config.storage_sections import ApprovalSettings
from importers.review import Review
from importers.training_storage.verdicts import judge, read_rules

CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="label" toName="image" clip_claim="$label" clip_target="true">'
    '<Choice value="cat"/><Choice value="dog"/>'
    f'<Choice value="{NONE_OF_THESE}" clip_none="true"/>'
    f'<Choice value="{UNUSABLE_CHOICE}" clip_ignore="true"/></Choices>'
    '<Choices name="verdict" toName="image" choice="multiple">'
    '<Choice value="accept"/><Choice value="reject"/><Choice value="later"/></Choices></View>'
)
NOON = "2026-05-04T12:00:00.250000Z"
LATER = "2026-05-04T13:00:00Z"


def region(*labels: str, control: str = "label") -> dict[str, Any]:
    value = {"choices": list(labels)}
    return {"from_name": control, "to_name": "image", "type": "choices", "value": value}


def says(verdict: str) -> dict[str, Any]:
    return region(verdict, control="verdict")


def annotation(*results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An annotation as Label Studio's task list gives it."""
    return {
        "id": 5,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": NOON,
        "updated_at": NOON,
        "completed_by": 3,
        "updated_by": 3,
        "lead_time": 2.5,
        "parent_prediction": None,
        **changes,
    }


def by(person: int | None, *results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    number = changes.pop("id", 100 + (person or 0))
    return annotation(*results, id=number, completed_by=person, updated_by=person, **changes)


def prediction(label: str, **changes: Any) -> dict[str, Any]:
    made = "2026-05-04T11:00:00Z"
    shown = {"id": 41, "score": 0.25, "model_version": "clip:a@1", "created_at": made}
    return {**shown, "result": [region(label)] if label else [], **changes}


def judged(
    *annotations: dict[str, Any],
    claimed: str | None = "cat",
    predictions: tuple[dict[str, Any], ...] = (),
    config: str = CONFIG,
    **approval: Any,
) -> Review:
    task = {"id": 1, "data": {}, "annotations": list(annotations), "predictions": [*predictions]}
    return judge(task, claimed, read_rules(config, ApprovalSettings(**approval)))


def outcome(*annotations: dict[str, Any], **options: Any) -> tuple[str, str | None]:
    review = judged(*annotations, **options)
    return review.outcome, review.reason or review.label
