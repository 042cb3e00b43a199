"""What people decided about a task, read from its annotations.

Label Studio enforces little of what its form asks for: annotations without a label, with two, or
with one that left the labeling config do exist, and are undecided with a reason. These rules hold:

- Skips and drafts are no answers. A skip keeps the prediction that was shown as its result, which
  nobody agreed to; it takes no answer back, and counts only where there is no other annotation.
- Of several answers by one person the one changed last counts. An annotation without a person (an
  imported one) is by a person of its own.
- Of several people the answer changed last decides, except under "agreement": there each person
  has one vote, and rejecting, "unusable" and "none of these" are votes like a label.
- The policy says when a label is approved. To reject a picture, or to call it unusable or none of
  these, takes no approval.
- A label that is the one of the prediction shown is approved, another one is relabelled. A label
  that was renamed or merged since counts as the one that there is now, everywhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE
from importers.config.storage_sections import ApprovalSettings
from importers.label_studio.queries import read_time
from importers.review import (
    APPROVED,
    CONTACT_SHEET,
    NONE_FITS,
    ONE_BY_ONE,
    REJECTED,
    RELABELLED,
    SKIPPED,
    STORED,
    UNDECIDED,
    UNUSABLE,
    WAITING,
    Box,
    Review,
    Shown,
)
from importers.training_storage.rules import Rules, read_rules
from ls_backend.label_studio_types import Annotation, Prediction, ResultItem, Task
from ls_backend.labels.target import PATH_SEPARATOR

__all__ = ["Rules", "judge", "read_rules"]

NO_LABEL = "no label was chosen"
SEVERAL_LABELS = "more than one label was chosen"
NO_VERDICT = "no verdict was given"
NOT_GROUND_TRUTH = "it is not marked as ground truth"
TIE = "as many people gave one answer as another"


@dataclass(frozen=True)
class _Answer:
    """What one annotation says.

    Attributes:
        annotation: The annotation, as Label Studio gives it.
        outcome: APPROVED with any label that the policy takes, REJECTED, UNUSABLE, NONE_FITS,
            SKIPPED, or UNDECIDED with a reason.
    """

    annotation: Annotation
    outcome: str
    label: str | None = None
    reason: str | None = None

    @property
    def vote(self) -> tuple[str, str | None]:
        return self.outcome, self.label


def judge(task: Task, claimed: str | None, rules: Rules) -> Review:
    """What people decided about a task.

    Args:
        task: As Label Studio's list of tasks gives it with all fields.
        claimed: The label that the picture is meant to show, `NONE_OF_THESE` where it is to show
            none; None where nothing is claimed. What claims none of these is approved by the very
            choice that takes others out, with `NONE_OF_THESE` for its label.
    """
    annotations = sorted(task["annotations"], key=_changed, reverse=True)
    given = [annotation for annotation in annotations if not annotation["was_cancelled"]]
    changed_by = _changed_by(task, annotations)
    if not annotations:
        return Review(WAITING, changed_by=changed_by)
    if not given:
        skips = [_Answer(annotation, SKIPPED) for annotation in _one_each(annotations)]
        return _review(skips[0], skips, task, rules, changed_by)
    if rules.approval.policy == "ground_truth":
        given = [annotation for annotation in given if annotation.get("ground_truth")] or given
    answers = [_answer(annotation, claimed, rules) for annotation in _one_each(given)]
    decided = answers[0]
    if rules.approval.policy == "agreement":
        decided = _majority(answers, rules.approval)
    review = _review(decided, answers, task, rules, changed_by)
    if decided.outcome == APPROVED and not _as_is(review, claimed, rules):
        return replace(review, outcome=RELABELLED)
    return review


def _one_each(annotations: Sequence[Annotation]) -> list[Annotation]:
    """The first of each person."""
    first: dict[object, Annotation] = {}
    for annotation in annotations:
        nobody = ("annotation", annotation["id"])
        first.setdefault(annotation["completed_by"] or nobody, annotation)
    return list(first.values())


def _answer(annotation: Annotation, claimed: str | None, rules: Rules) -> _Answer:
    verdicts = _values(annotation, rules.approval.verdict_control, "choices")
    if verdicts & set(rules.approval.reject):
        return _Answer(annotation, REJECTED)
    chosen = {rules.current(label) for label in _chosen(annotation, rules)}
    if len(chosen) != 1:
        reason = SEVERAL_LABELS if chosen else NO_LABEL
        return _Answer(annotation, UNDECIDED, reason=reason)
    [label] = chosen
    if label.casefold() in rules.unusable:
        return _Answer(annotation, UNUSABLE)
    if _says_none(label, rules):
        if claimed not in {NONE_OF_THESE, NONE_OR_UNUSABLE}:
            outcome = REJECTED if label == NONE_OR_UNUSABLE else NONE_FITS
            return _Answer(annotation, outcome)
        label = NONE_OF_THESE
    elif label not in rules.labels:
        return _Answer(annotation, UNDECIDED, reason=_no_label(label, rules))
    lacking = _lacking(annotation, verdicts, rules.approval)
    if lacking:
        return _Answer(annotation, UNDECIDED, reason=lacking)
    return _Answer(annotation, APPROVED, label)


def _no_label(chosen: str, rules: Rules) -> str:
    """Why what was chosen is no label: only ends of nested choices are."""
    if any(label.startswith(f"{chosen}{PATH_SEPARATOR}") for label in rules.labels):
        return f"{chosen!r} is a group of labels, and none of them was chosen"
    return f"the label {chosen!r} is not in the labeling config"


def _lacking(annotation: Annotation, verdicts: set[str], approval: ApprovalSettings) -> str | None:
    """Why the label that it gives is not approved; None where it is."""
    if approval.policy == "ground_truth" and not annotation.get("ground_truth"):
        return NOT_GROUND_TRUTH
    if approval.policy != "verdict" or verdicts & set(approval.approve):
        return None
    if not verdicts:
        return NO_VERDICT
    said = ", ".join(map(repr, sorted(verdicts)))
    return f"the verdict {said} neither approves nor rejects"


def _majority(answers: Sequence[_Answer], approval: ApprovalSettings) -> _Answer:
    """The answer of enough people, or an undecided one."""
    counted = _counted(answers)
    if not counted:
        return answers[0]
    undecided = replace(counted[0], outcome=UNDECIDED, label=None)
    if len(counted) < approval.annotators:
        return replace(undecided, reason=f"fewer than {approval.annotators} people have answered")
    (vote, number), *others = Counter(answer.vote for answer in counted).most_common()
    if others and others[0][1] == number:
        return replace(undecided, reason=TIE)
    if number < approval.share * len(counted) - 1e-9:
        share = f"{approval.share:.0%}".replace("%", " %")
        return replace(undecided, reason=f"fewer than {share} of the people gave the same answer")
    return next(answer for answer in counted if answer.vote == vote)


def _counted(answers: Sequence[_Answer]) -> list[_Answer]:
    return [answer for answer in answers if answer.outcome not in {UNDECIDED, SKIPPED}]


def _review(
    decided: _Answer,
    answers: Sequence[_Answer],
    task: Task,
    rules: Rules,
    changed_by: int | None,
) -> Review:
    annotation = decided.annotation
    alike = [decided]
    if decided.outcome != UNDECIDED:
        alike += [a for a in answers if a.vote == decided.vote and a is not decided]
    counted = _counted(answers)
    shared = len(counted) > 1 and decided.outcome != UNDECIDED
    people = (answer.annotation["completed_by"] for answer in alike)
    return Review(
        outcome=decided.outcome,
        reason=decided.reason,
        label=decided.label,
        annotation_id=annotation["id"],
        annotated_at=read_time(annotation["created_at"]),
        decided_at=read_time(annotation["updated_at"]),
        reviewers=tuple(person for person in people if person is not None),
        changed_by=changed_by,
        reviewed=_reviewed(annotation),
        lead_time_s=annotation.get("lead_time"),
        annotators=len(counted),
        agreement=len(alike) / len(counted) if shared else None,
        shown=_shown(task, annotation, rules),
        boxes=tuple(_boxes(annotation, rules)) if decided.outcome in STORED else (),
    )


def _reviewed(annotation: Annotation) -> str:
    """On a contact sheet an annotation is made from its prediction, and takes no time."""
    from_prediction = annotation.get("parent_prediction") is not None
    on_sheet = from_prediction and annotation.get("lead_time") is None
    return CONTACT_SHEET if on_sheet else ONE_BY_ONE


def _as_is(review: Review, claimed: str | None, rules: Rules) -> bool:
    """Whether the label is the one that was shown, or claimed where none was shown.

    One that was renamed since is the same.
    """
    if review.label == NONE_OF_THESE:
        return True
    before = (review.shown.label if review.shown else None) or claimed
    return before is None or review.label == rules.current(before)


def _shown(task: Task, annotation: Annotation, rules: Rules) -> Shown | None:
    """The prediction that the annotation began with, else the newest one made before it."""
    predictions = task.get("predictions") or []
    parent = annotation.get("parent_prediction")
    shown = next((p for p in predictions if p["id"] == parent), None)
    if shown is None:
        made = read_time(annotation["created_at"])
        earlier = [p for p in predictions if read_time(p["created_at"]) <= made]
        shown = max(earlier, key=lambda p: (read_time(p["created_at"]), p["id"]), default=None)
    if shown is None:
        return None
    said = _chosen(shown, rules)
    label = said.pop() if len(said) == 1 else None
    if label is not None and _says_none(label, rules):
        label = NONE_OF_THESE
    return Shown(label, shown.get("score"), shown.get("model_version") or None)


def _says_none(label: str, rules: Rules) -> bool:
    return label == NONE_OR_UNUSABLE or label.casefold() in rules.none


def _changed_by(task: Task, annotations: Sequence[Annotation]) -> int | None:
    """The task knows who deleted an annotation; the newest annotation knows who changed it."""
    people: list[int | None] = [person["user_id"] for person in task.get("updated_by") or []]
    people += [a.get("updated_by") or a["completed_by"] for a in annotations[:1]]
    return people[0] if people else None


def _chosen(holder: Annotation | Prediction, rules: Rules) -> set[str]:
    """The labels in the result of an annotation or a prediction."""
    return _values(holder, rules.control, rules.key)


def _values(holder: Annotation | Prediction, control: str | None, key: str) -> set[str]:
    """What is chosen at a control; a path through nested choices is one value."""
    said: set[str] = set()
    for region in _regions(holder):
        if control is not None and region.get("from_name") == control:
            listed = region["value"].get(key) or []
            values = [listed] if isinstance(listed, str) else listed
            said |= {_value(value) for value in values}
    return said


def _value(said: object) -> str:
    return PATH_SEPARATOR.join(map(str, said)) if isinstance(said, list) else str(said)


def _boxes(annotation: Annotation, rules: Rules) -> Iterator[Box]:
    for region in _regions(annotation):
        value = region["value"]
        sides = {side: value.get(side) for side in ("x", "y", "width", "height")}
        if all(isinstance(number, int | float) for number in sides.values()):
            for label in value.get("rectanglelabels") or []:
                current = rules.current_of_box(label)
                yield Box(label=current, rotation=value.get("rotation") or 0.0, **sides)


def _regions(holder: Annotation | Prediction) -> Iterator[ResultItem]:
    """Label Studio's API takes results of any form; those without a value say nothing."""
    for region in holder["result"] or []:
        if isinstance(region, dict) and isinstance(region.get("value"), dict):
            yield region


def _changed(annotation: Annotation) -> tuple[datetime, int]:
    return read_time(annotation["updated_at"]), annotation["id"]
