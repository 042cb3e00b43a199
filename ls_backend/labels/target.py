"""LabelTarget: the control that CLIP fills, its labels, and what an answer to it looks like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from ls_backend.labels.texts import is_opaque
from ls_backend.metrics import CLAIMS
from ls_backend.zero_shot import TEMPLATES

Control = Literal["choices", "taxonomy", "rectanglelabels", "ellipselabels"]
PATH_SEPARATOR = " / "


@dataclass(frozen=True)
class LabelTarget:
    """The control that CLIP fills.

    `labels` are what a prediction may say (a choice's alias where it has one), without
    `none_label`; `texts` are the readable words of each, in the same order. A label of a Taxonomy
    is its path, joined by " / ".
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
    """Per label the texts of its clip_prompt (none: `texts` is read); () where no label has any."""
    templates: tuple[str, ...] = TEMPLATES
    prefill: str = "claim"
    control: Control = "choices"
    per_region: bool = False
    """It is answered for each region of the image, not for the image."""
    thresholds: tuple[float, ...] = ()
    """Where several labels may hold: per label the probability in [0, 1] from which it does."""
    paths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Of a Taxonomy: each label, `none_label` too, with its path from the root."""
    values: tuple[str, ...] = ()
    """Per label its value as written, beside aliases and paths; () where all are the labels."""
    when_tag: str | None = None
    """Of regions, only those that this control has labelled; and only with one of these labels."""
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
