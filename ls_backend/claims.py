"""What tasks claim: the field that a control's clip_claim names → labels of the control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ls_backend.labels.target import LabelTarget
from ls_backend.metrics import CLAIMS

LARGEST_NUMBER = 10**15
"""Beyond it JSON's numbers are no longer whole, and none is a label."""

Task = Mapping[str, Any]


def claims_of(task: Task, target: LabelTarget) -> list[str]:
    """The labels that the task claims and the target has; "none of these" counts as one."""
    labels = [target.label_of(claim) for claim in _claimed(task, target)]
    return [label for label in labels if label is not None]


def count_claims(tasks: Sequence[Task], target: LabelTarget) -> None:
    """Count what becomes of these tasks, where the target has a field for claims."""
    if not target.claim_field:
        return
    for task in tasks:
        known = "verified" if claims_of(task, target) else "unknown_label"
        CLAIMS.labels(known if _claimed(task, target) else "no_claim").inc()


def _claimed(task: Task, target: LabelTarget) -> list[str]:
    value = task["data"].get(target.claim_field) if target.claim_field else None
    listed = value if isinstance(value, list) else [value]
    if len(listed) > 1 and not target.takes_several:
        return []
    return [words for claim in listed if (words := _in_words(claim))]


def _in_words(claim: object) -> str:
    """A claim as a labeling config would write it: tables turn a label like "7" into a number."""
    if isinstance(claim, str):
        return claim
    if isinstance(claim, bool) or not isinstance(claim, (int, float)):
        return ""
    return str(int(claim)) if abs(claim) < LARGEST_NUMBER and claim == int(claim) else ""
