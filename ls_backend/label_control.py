"""One control of a labeling config → LabelTarget. `label_config` explains the attributes."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import cast
from xml.etree.ElementTree import Element

from ls_backend.errors import LabelConfigError
from ls_backend.label_target import PATH_SEPARATOR, Control, LabelTarget
from ls_backend.label_texts import (
    DEFAULT_BACKGROUND,
    NONE_NAMES,
    read_templates,
    readable,
    split_texts,
)
from ls_backend.zero_shot import TEMPLATES

LABEL_TAGS = {
    "Choices": "Choice",
    "Taxonomy": "Choice",
    "RectangleLabels": "Label",
    "EllipseLabels": "Label",
}
"""The controls that can be filled, and what their labels are called."""

DEFAULT_THRESHOLD = 0.5
DEEPEST = 50

_FIELD = re.compile(r"\$(\w[\w.\-]*)")
_PREFILLS = ("claim", "clip", "none")
_Path = tuple[Element, ...]


def read_control(control: Element, image_field: str) -> LabelTarget:
    """The target that a control is.

    Raises:
        LabelConfigError: Its labels or attributes contradict themselves.
    """
    name = control.get("name", "")
    leaves = list(_leaves(control, LABEL_TAGS[control.tag]))
    nones = _none_leaves(control, leaves)
    labelled = [leaf for leaf in leaves if leaf not in nones]
    labels = tuple(_label(leaf) for leaf in labelled)
    texts = _texts(labelled)
    _check_labels(name, labels, [_label(leaf) for leaf in nones])
    prompts = tuple(split_texts(leaf[-1].get("clip_prompt")) for leaf in labelled)
    taken = {text.casefold() for text in texts + labels}
    return LabelTarget(
        from_name=name,
        to_name=control.get("toName", ""),
        image_field=image_field,
        labels=labels,
        texts=texts,
        none_label=_label(nones[0]) if nones else None,
        claim_field=_named_field(control, "clip_claim"),
        fit_field=_named_field(control, "clip_fit"),
        background=tuple(
            text
            for text in _competing(control, len(labels), bool(nones))
            if text.casefold() not in taken
        ),
        prompts=prompts if any(prompts) else (),
        templates=read_templates(control.get("clip_templates"), TEMPLATES, name),
        prefill=_prefill(control),
        control=cast(Control, control.tag.lower()),
        per_region=control.tag.endswith("Labels") or is_true(control, "perRegion"),
        thresholds=_thresholds(control, labelled),
        paths=tuple((_label(leaf), _answers(leaf)) for leaf in leaves)
        if control.tag == "Taxonomy"
        else (),
    )


def field_of(value: str | None) -> str | None:
    """The task field that "$field" names, or None."""
    match = _FIELD.fullmatch(value.strip()) if value else None
    return match.group(1) if match else None


def is_true(element: Element, attribute: str) -> bool:
    """Whether an attribute says "true"."""
    return element.get(attribute, "").strip().lower() == "true"


def _leaves(control: Element, tag: str) -> Iterator[_Path]:
    """The labels, each with those that it lies under; only a Taxonomy has any."""
    ahead: list[tuple[Element, _Path]] = [(control, ())]
    while ahead:
        element, above = ahead.pop()
        path = (*above, element) if element.tag == tag else above
        if len(path) > DEEPEST:
            raise LabelConfigError(
                f"The labels of {control.get('name')!r} are nested deeper than {DEEPEST}.",
                hint="Flatten them.",
            )
        if element.tag == tag and element.find(f".//{tag}") is None:
            yield path
        ahead.extend((child, path) for child in reversed(element))


def _answers(leaf: _Path) -> tuple[str, ...]:
    return tuple(e.get("alias", "") or e.get("value", "") for e in leaf)


def _label(leaf: _Path) -> str:
    return PATH_SEPARATOR.join(_answers(leaf))


def _texts(leaves: Sequence[_Path]) -> tuple[str, ...]:
    """The words of each label; where a Taxonomy has them twice, those of what it lies under too."""
    own = [readable(leaf[-1].get("value", "")) for leaf in leaves]
    often = Counter(own)
    return tuple(
        " ".join(readable(e.get("value", "")) for e in leaf[-2:]) if often[text] > 1 else text
        for leaf, text in zip(leaves, own, strict=True)
    )


def _none_leaves(control: Element, leaves: list[_Path]) -> list[_Path]:
    """Those marked clip_none; on a classified control, else the one named "Other" or the like."""
    marked = [leaf for leaf in leaves if is_true(leaf[-1], "clip_none")]
    if marked or control.get("clip_claim"):
        return marked
    named = [
        leaf
        for leaf in leaves
        if {_answers(leaf)[-1].casefold(), leaf[-1].get("value", "").casefold()} & NONE_NAMES
    ]
    return named if len(named) == 1 and len(leaves) > 1 else []


def _takes_several(control: Element) -> bool:
    return control.tag == "Choices" and control.get("choice") == "multiple"


def _competing(control: Element, labels: int, has_none: bool) -> tuple[str, ...]:
    """The control's background texts; default ones where it could not do without any."""
    own = split_texts(control.get("clip_background"))
    alone = labels == 1 and not control.get("clip_fit")
    can_say_none = has_none and not control.get("clip_claim")
    needs = alone or can_say_none or _takes_several(control)
    return own or (DEFAULT_BACKGROUND if needs else ())


def _thresholds(control: Element, leaves: Sequence[_Path]) -> tuple[float, ...]:
    if not _takes_several(control):
        return ()
    common = _threshold(control, DEFAULT_THRESHOLD)
    return tuple(_threshold(leaf[-1], common) for leaf in leaves)


def _threshold(element: Element, default: float) -> float:
    text = element.get("clip_threshold")
    if text is None:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= 1:
        raise LabelConfigError(
            f"clip_threshold={text!r} on {element.get('name') or element.get('value')!r} is no "
            "probability.",
            hint='Write a number from 0 to 1, such as clip_threshold="0.5".',
        )
    return number


def _check_labels(name: str, labels: tuple[str, ...], nones: list[str]) -> None:
    if not all(labels):
        raise LabelConfigError(
            f"A label of {name!r} has no value.", hint='Give every label a value="…".'
        )
    twice = sorted(label for label, count in Counter((*labels, *nones)).items() if count > 1)
    if twice:
        raise LabelConfigError(
            f"Two labels of {name!r} have the same answer: {', '.join(twice)}.",
            hint="Give each its own value, or its own alias.",
        )
    if len(nones) > 1:
        raise LabelConfigError(
            f'Several labels of {name!r} carry clip_none="true": {", ".join(nones)}.',
            hint="Leave it on the one that means none of the labels.",
        )


def _named_field(control: Element, attribute: str) -> str | None:
    value = control.get(attribute)
    if not value:
        return None
    field = field_of(value)
    if field is None:
        raise LabelConfigError(
            f"{attribute}={value!r} on {control.get('name')!r} names no task field.",
            hint=f'Write a dollar sign and the field\'s name, such as {attribute}="$label".',
        )
    return field


def _prefill(control: Element) -> str:
    value = control.get("clip_prefill", "claim").strip().lower()
    if value not in _PREFILLS:
        raise LabelConfigError(
            f"clip_prefill={value!r} on {control.get('name')!r} is unknown.",
            hint='Write clip_prefill="clip" for CLIP\'s own answer, "none" for an empty one.',
        )
    return value
