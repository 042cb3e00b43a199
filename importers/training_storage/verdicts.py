"""What people decided about a task, read from its annotations.

Owns the rule that turns the annotations of one task into one decision. Label Studio enforces little
of what its form asks for: annotations without a choice, with two, or with a label that the campaign
lacks do exist, and are undecided with a reason. Those of a contact sheet count like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from importers.campaign import NONE_OF_THESE
from importers.sample import Verdict

APPROVED = "approved"
RELABELLED = "relabelled"
REJECTED = "rejected"
SKIPPED = "skipped"

NO_LABEL = "no label was chosen"
SEVERAL_LABELS = "more than one label was chosen"
TASK_GONE = "the task is no longer in Label Studio"


@dataclass(frozen=True)
class Choices:
    """The control that people answer.

    Attributes:
        control: Name of its tag in the labeling config.
        labels: The labels of the campaign.
        none_label: The choice that says that the picture shows none of the labels, or is of no use.
    """

    control: str
    labels: Collection[str]
    none_label: str


@dataclass(frozen=True)
class Decision:
    """What is known about one sample: a verdict, or why there is none, or neither while it waits.

    Attributes:
        verdict: What a person decided.
        undecided: Why an answer cannot count; None where there is none.
    """

    verdict: Verdict | None = None
    undecided: str | None = None


def decide(annotations: Sequence[Mapping[str, Any]], claimed: str, choices: Choices) -> Decision:
    """The decision that a task's annotations make.

    The annotation changed last counts. Skips count only where there is nothing else: they keep the
    prediction that was shown as their result, which nobody agreed to.

    A picture that is to show none of the labels is approved by the very choice that rejects others.

    Args:
        annotations: As Label Studio gives them.
        claimed: The label that the sample is meant to show, or `NONE_OF_THESE`.
    """
    given = [annotation for annotation in annotations if not annotation["was_cancelled"]]
    if given:
        return _judge(max(given, key=_changed), claimed, choices)
    if annotations:
        return Decision(_verdict(SKIPPED, None, max(annotations, key=_changed)))
    return Decision()


def _judge(annotation: Mapping[str, Any], claimed: str, choices: Choices) -> Decision:
    chosen = _chosen(annotation, choices.control)
    if not chosen:
        return Decision(undecided=NO_LABEL)
    if len(chosen) > 1:
        return Decision(undecided=SEVERAL_LABELS)
    [label] = chosen
    if label == choices.none_label:
        if claimed == NONE_OF_THESE:
            return Decision(_verdict(APPROVED, NONE_OF_THESE, annotation))
        return Decision(_verdict(REJECTED, None, annotation))
    if label not in choices.labels:
        return Decision(undecided=f"the label {label!r} is not in the campaign")
    return Decision(_verdict(APPROVED if label == claimed else RELABELLED, label, annotation))


def _chosen(annotation: Mapping[str, Any], control: str) -> set[str]:
    return {
        choice
        for region in annotation["result"] or []
        if region.get("from_name") == control
        for choice in (region.get("value") or {}).get("choices") or []
    }


def _verdict(kind: str, label: str | None, annotation: Mapping[str, Any]) -> Verdict:
    return Verdict(
        kind=kind,
        label=label,
        annotation_id=annotation["id"],
        decided_at=_time(annotation["updated_at"]),
        reviewer=annotation["completed_by"],
    )


def _changed(annotation: Mapping[str, Any]) -> tuple[datetime, int]:
    return _time(annotation["updated_at"]), annotation["id"]


def _time(text: str) -> datetime:
    # Python 3.10 does not read the Z.
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
