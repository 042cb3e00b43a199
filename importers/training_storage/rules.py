"""Labeling config and `[review.approval]` → the rules by which people's answers are judged.

Owns which control holds the label of a picture, which of its choices are labels, and which say that
it has none. A setting that nothing in the labeling config answers to is refused: a misspelt reject
value would let pass what people rejected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NoReturn
from xml.etree.ElementTree import Element

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE, UNUSABLE
from importers.config.storage_sections import ApprovalSettings
from ls_backend.errors import ConfigError, LabelConfigError
from ls_backend.labels.config import parse_label_config, read_label_config
from ls_backend.labels.control import LABEL_TAGS, labels_of, read_control

_BUILT_IN = {name.casefold() for name in (NONE_OF_THESE, UNUSABLE, NONE_OR_UNUSABLE)}


@dataclass(frozen=True)
class Rules:
    """How the answers of one project are judged.

    Attributes:
        approval: Settings of [review.approval], all of which fit the labeling config.
        control: Name of the control that holds the label.
        key: Key under which a result of that control has it: "choices", "taxonomy", …
        labels: Labels that a picture may have, in the order of the labeling config.
        none: Choices that say that no label fits, in lower case (as `str.casefold` makes it).
        unusable: Choices that say that the picture is of no use, likewise.
        box_labels: Labels that a rectangle may have.
        counts_as: Label of today for each that people renamed or merged.
    """

    approval: ApprovalSettings
    control: str
    key: str
    labels: tuple[str, ...]
    none: frozenset[str]
    unusable: frozenset[str]
    box_labels: frozenset[str] = frozenset()
    counts_as: Mapping[str, str] = field(default_factory=dict)

    def current(self, label: str) -> str:
        """What a label counts as by now."""
        return self.counts_as.get(label, label)

    def current_of_box(self, label: str) -> str:
        """What the label of a rectangle counts as by now: itself as long as it can be chosen."""
        return label if label in self.box_labels else self.current(label)


def read_rules(label_config: str, approval: ApprovalSettings) -> Rules:
    """The rules of a project.

    The label is held by `approval.control`; without one by the control that CLIP fills, or else by
    the only Choices that is not the verdict's. `None of these` and `Unusable` are never labels,
    whatever the settings name besides; capital letters make no difference.

    Args:
        label_config: The project's XML.

    Raises:
        LabelConfigError: The labeling config cannot be read, or has no control with labels.
        ConfigError: Nobody can tell which control holds the label, or a setting names a control or
            a choice that the labeling config lacks.
    """
    elements = parse_label_config(label_config).iter()
    controls = {e.get("name", ""): e for e in elements if e.get("name") and e.get("toName")}
    element = _label_control(label_config, controls, approval)
    choices = labels_of(element)
    if not any(choices):
        raise ConfigError(
            f"{_shown(element)} holds the label, and the labeling config lists no labels for it.",
            hint="Training storage needs to know them: list them in the project's settings, under "
            f"Labeling Interface. Or there is another control: {_NAME_CONTROL}",
        )
    _check_verdict(controls, approval)
    _check_named(element, choices, approval)
    fallback = read_control(element, "").none_label
    none = {NONE_OF_THESE, *approval.none, *([fallback] if fallback else [])}
    none -= {NONE_OR_UNUSABLE}
    unusable = {UNUSABLE, *approval.unusable}
    known = {name.casefold() for name in none | unusable | {NONE_OR_UNUSABLE}}
    return Rules(
        approval=approval,
        control=element.get("name", ""),
        key=element.tag.lower(),
        labels=tuple(choice for choice in choices if choice.casefold() not in known),
        none=frozenset(name.casefold() for name in none),
        unusable=frozenset(name.casefold() for name in unusable),
        box_labels=frozenset(
            label
            for control in controls.values()
            if control.tag == "RectangleLabels"
            for label in labels_of(control)
        ),
    )


_NAME_CONTROL = 'Name the control with the label under [review.approval]: control = "…".'


def _label_control(
    label_config: str, controls: Mapping[str, Element], approval: ApprovalSettings
) -> Element:
    usable = {
        name: control
        for name, control in controls.items()
        if control.tag in LABEL_TAGS and name != approval.verdict_control
    }
    if approval.control is not None:
        if approval.control not in usable:
            _refuse_control(approval.control, "control", usable.values())
        return usable[approval.control]
    try:
        filled = read_label_config(label_config).from_name
    except LabelConfigError:
        if not usable:
            there = ", ".join(map(_shown, controls.values())) or "none at all"
            raise LabelConfigError(
                "No control of the labeling config holds the label of a picture; there is "
                f"{there}.",
                hint='Add a Choices with toName="…" of the Image, and its labels as Choice '
                'value="…".',
            ) from None
    else:
        if filled in usable:
            return usable[filled]
    choices = [control for control in usable.values() if control.tag == "Choices"]
    if len(choices) != 1:
        found = ", ".join(map(_shown, usable.values())) or "none beside the verdict's"
        raise ConfigError(
            f"Which control of the labeling config holds the label of a picture? There is {found}.",
            hint=_NAME_CONTROL,
        )
    return choices[0]


def _check_verdict(controls: Mapping[str, Element], approval: ApprovalSettings) -> None:
    if approval.verdict_control is None:
        return
    choices = {name: control for name, control in controls.items() if control.tag == "Choices"}
    if approval.verdict_control not in choices:
        _refuse_control(approval.verdict_control, "verdict_control", choices.values())
    values = labels_of(choices[approval.verdict_control])
    key = "approve" if approval.policy == "verdict" else "reject"
    named = getattr(approval, key)
    if values and not set(named) & set(values):
        raise ConfigError(
            f"Choices {approval.verdict_control!r} holds the verdict, and has none of the values "
            f"that {key} names ({', '.join(named)}); it has: {', '.join(values)}.",
            hint=f"Set {key} under [review.approval] to some of them.",
        )


def _check_named(element: Element, choices: Iterable[str], approval: ApprovalSettings) -> None:
    there = {choice.casefold() for choice in choices} | _BUILT_IN
    for key in ("none", "unusable"):
        for name in getattr(approval, key):
            if key in approval.model_fields_set and name.casefold() not in there:
                raise ConfigError(
                    f"{key} names the choice {name!r}, which {_shown(element)} lacks; it has: "
                    f"{', '.join(choices)}.",
                    hint=f"Mend {key} under [review.approval].",
                )


def _refuse_control(name: str, key: str, there: Iterable[Element]) -> NoReturn:
    found = ", ".join(map(_shown, there)) or "none that could be meant"
    raise ConfigError(
        f"{key} names {name!r}, which is no such control of the labeling config; there is {found}.",
        hint=f"Mend {key} under [review.approval].",
    )


def _shown(control: Element) -> str:
    return f"{control.tag} {control.get('name')!r}"
