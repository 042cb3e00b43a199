"""The control that CLIP fills, its labels, and which of them a task claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ls_backend.labels.texts import is_opaque
from ls_backend.metrics import CLAIMS
from ls_backend.task_data import value_of
from ls_backend.zero_shot import TEMPLATES

Control = Literal["choices", "taxonomy", "rectanglelabels", "ellipselabels"]
Task = Mapping[str, Any]
PATH_SEPARATOR = " / "
LARGEST_NUMBER = 10**15
"""Beyond it JSON's numbers are no longer whole, and none is a label."""


@dataclass(frozen=True)
class LabelTarget:
    """The control that CLIP fills.

    Attributes:
        from_name: Name of the control.
        to_name: Name of the Image that it labels.
        image_field: Field of a task's data with the image's address, as `field_of` returns it.
        labels: Labels that a prediction may have, without `none_label`: a choice's alias where it
            has one, the path of a Taxonomy's choice joined by " / ".
        texts: Readable words of each label, in the same order.
        none_label: Label for none of the labels, or None.
        claim_field: Field of a task's data with the claimed label, or None.
        fit_field: Field of a task's data with the text whose fit is the score, or None.
        background: Texts that compete with the labels and are never predicted.
        prompts: Per label the texts of its clip_prompt, read instead of `texts`; () per label
            without one, and () for all where no label has one.
        templates: Sentences around a label's words, with {a} in its place.
        prefill: Source of what a prediction fills in: "claim", "clip" or "none".
        control: Kind of the control.
        per_region: Whether each region of the image is labelled, and not the image.
        thresholds: Per label the least probability in [0, 1] at which it holds; () where one label
            is chosen.
        paths: Each label of a Taxonomy, `none_label` too, with its path from the root.
        values: Per label its value in the config; () where all values are the labels.
        when_tag: Name of the control whose regions are labelled; None for regions of any.
        when_labels: Labels of which a region must have one to be labelled; () for any.
    """

    from_name: str
    to_name: str
    image_field: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]
    none_label: str | None
    claim_field: str | None
    fit_field: str | None
    background: tuple[str, ...]
    prompts: tuple[tuple[str, ...], ...] = ()
    templates: tuple[str, ...] = TEMPLATES
    prefill: str = "claim"
    control: Control = "choices"
    per_region: bool = False
    thresholds: tuple[float, ...] = ()
    paths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    values: tuple[str, ...] = ()
    when_tag: str | None = None
    when_labels: tuple[str, ...] = ()

    @property
    def takes_several(self) -> bool:
        """Whether each label holds or not, whatever the others do."""
        return bool(self.thresholds)

    @property
    def opaque_labels(self) -> list[str]:
        """Labels whose words no text model can know, and that bring no others."""
        prompts = self.prompts or ((),) * len(self.labels)
        return [
            label
            for label, text, own in zip(self.labels, self.texts, prompts, strict=True)
            if not own and is_opaque(text)
        ]

    @property
    def claimable_none(self) -> str | None:
        """`none_label` where a claim of it can be judged: something stands for "none of them"."""
        return self.none_label if self.background and not self.takes_several else None

    def label_of(self, claim: str) -> str | None:
        """The label that a claim names: itself, or the one label of that value or last alias."""
        if claim in self.labels or claim == self.claimable_none:
            return claim
        values = zip(self.labels, self.values, strict=True) if self.values else ()
        named = {label for label, value in values if value == claim}
        named |= {label for label, path in self.paths if path[-1] == claim}
        return named.pop() if len(named) == 1 and named <= set(self.labels) else None

    def value(self, labels: Sequence[str]) -> dict[str, Any]:
        """These labels as Label Studio writes an answer to this control."""
        if self.control == "taxonomy":
            paths = dict(self.paths)
            return {"taxonomy": [list(paths[label]) for label in labels]}
        return {self.control: list(labels)}


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
    value = value_of(task["data"], target.claim_field) if target.claim_field else None
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
