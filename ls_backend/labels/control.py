"""One control of a labeling config → LabelTarget: its attributes, and its labels.

Owns what each `clip_` attribute may say, as `ls_backend.labels.config` lists them, and which labels
of the control CLIP answers, with which words and against which background.
"""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import cast
from xml.etree.ElementTree import Element

from ls_backend.errors import LabelConfigError
from ls_backend.labels.target import PATH_SEPARATOR, Control, LabelTarget
from ls_backend.labels.texts import (
    DEFAULT_BACKGROUND,
    NONE_NAMES,
    read_templates,
    readable,
    split_texts,
)
from ls_backend.task_data import field_of
from ls_backend.zero_shot import TEMPLATES

_ON_CONTROL = (
    "clip_target", "clip_claim", "clip_fit", "clip_background", "clip_prefill", "clip_templates",
    "clip_threshold",
)  # fmt: skip
_ON_LABEL = ("clip_prompt", "clip_threshold", "clip_none", "clip_ignore")
LABEL_TAGS = {
    "Choices": "Choice",
    "Taxonomy": "Choice",
    "RectangleLabels": "Label",
    "EllipseLabels": "Label",
}
"""The controls that can be filled, and what their labels are called."""
_DEFAULT_THRESHOLD = 0.5
_DEEPEST = 50

_PREFILLS = ("claim", "clip", "none")

_Path = tuple[Element, ...]


def read_control(control: Element, image_field: str) -> LabelTarget:
    """The target that a control is.

    Raises:
        LabelConfigError: Its labels or attributes contradict themselves.
    """
    name = control.get("name", "")
    _check_attributes(control, control.iter(LABEL_TAGS[control.tag]))
    leaves = [leaf for leaf in _leaves(control) if not _is_ignored(leaf)]
    nones = _none_leaves(control, leaves)
    labelled = [leaf for leaf in leaves if leaf not in nones]
    labels = tuple(_label(leaf) for leaf in labelled)
    texts = _texts(labelled)
    _check_labels(name, labels, [_label(leaf) for leaf in nones])
    values = tuple(leaf[-1].get("value", "") for leaf in labelled)
    per_region = control.tag.endswith("Labels") or is_true(control, "perRegion")
    prompts = tuple(split_texts(leaf[-1].get("clip_prompt")) for leaf in labelled)
    return LabelTarget(
        from_name=name,
        to_name=control.get("toName", ""),
        image_field=image_field,
        labels=labels,
        texts=texts,
        none_label=_label(nones[0]) if nones else None,
        claim_field=_named_field(control, "clip_claim"),
        fit_field=_named_field(control, "clip_fit"),
        background=_background(control, bool(nones), labels, texts),
        prompts=prompts if any(prompts) else (),
        templates=read_templates(control.get("clip_templates"), TEMPLATES, name),
        prefill=_prefill_of(control),
        control=cast(Control, control.tag.lower()),
        per_region=per_region,
        when_tag=(control.get("whenTagName") or None) if per_region else None,
        when_labels=_when_labels(control) if per_region else (),
        values=values if values != labels else (),
        thresholds=_thresholds(control, labelled),
        paths=tuple((_label(leaf), _answers(leaf)) for leaf in leaves)
        if control.tag == "Taxonomy"
        else (),
    )


def labels_of(control: Element) -> tuple[str, ...]:
    """Every label that people can give, as answers say it, in the order of the config."""
    return tuple(_label(leaf) for leaf in _leaves(control))


def is_true(element: Element, attribute: str) -> bool:
    """Whether an attribute says "true"."""
    return element.get(attribute, "").strip().lower() == "true"


def _check_attributes(control: Element, labels: Iterable[Element]) -> None:
    """Refuse attributes of ours that mean nothing where they stand.

    Raises:
        LabelConfigError: One is misspelt, or belongs to the other kind of element.
    """
    for element, known in ((control, _ON_CONTROL), *((label, _ON_LABEL) for label in labels)):
        for name in element.attrib:
            if name.lower().startswith("clip") and name not in known:
                shown = f"{element.tag} {element.get('name') or element.get('value')!r}"
                raise LabelConfigError(
                    f"{shown} has the attribute {name}, which means nothing there.",
                    hint=_instead_of(name, known),
                )


def _instead_of(name: str, known: Iterable[str]) -> str:
    if name in _ON_CONTROL:
        return f"{name} belongs on the control, not on a label."
    if name in _ON_LABEL:
        return f"{name} belongs on a label, not on the control."
    nearest = difflib.get_close_matches(name.lower().replace("-", "_"), known, n=1, cutoff=0.8)
    return f"Write {nearest[0]}." if nearest else f"Remove it. Known are: {', '.join(known)}."


def _named_field(control: Element, attribute: str) -> str | None:
    """The task field that an attribute names, or None without the attribute.

    Raises:
        LabelConfigError: It names none.
    """
    value = control.get(attribute)
    if not value:
        return None
    field = field_of(value)
    if field is None or "$" in field:
        raise LabelConfigError(
            f"{attribute}={value!r} on {control.get('name')!r} names no task field.",
            hint=f'Write a dollar sign and the field\'s name, such as {attribute}="$label".',
        )
    return field


def _prefill_of(control: Element) -> str:
    """What clip_prefill says.

    Raises:
        LabelConfigError: It says something else.
    """
    value = control.get("clip_prefill", "claim").strip().lower()
    if value not in _PREFILLS:
        raise LabelConfigError(
            f"clip_prefill={value!r} on {control.get('name')!r} is unknown.",
            hint='Write clip_prefill="clip" for CLIP\'s own answer, "none" for an empty one.',
        )
    return value


def _threshold_of(element: Element, default: float) -> float:
    """What clip_threshold says.

    Raises:
        LabelConfigError: It is no probability.
    """
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


def _thresholds(control: Element, leaves: Sequence[_Path]) -> tuple[float, ...]:
    if not _takes_several(control):
        return ()
    common = _threshold_of(control, _DEFAULT_THRESHOLD)
    return tuple(_threshold_of(leaf[-1], common) for leaf in leaves)


def _is_ignored(leaf: _Path) -> bool:
    return any(is_true(element, "clip_ignore") for element in leaf)


def _leaves(control: Element) -> Iterator[_Path]:
    """The labels, each with those that it lies under; only a Taxonomy has any."""
    tag = LABEL_TAGS[control.tag]
    ahead: list[tuple[Element, _Path]] = [(control, ())]
    while ahead:
        element, above = ahead.pop()
        path = (*above, element) if element.tag == tag else above
        if len(path) > _DEEPEST:
            raise LabelConfigError(
                f"The labels of {control.get('name')!r} are nested deeper than {_DEEPEST}.",
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
    """The words of each label; while a Taxonomy has them twice, those of what it lies under too."""
    depths = [1] * len(leaves)
    while True:
        texts = tuple(
            " ".join(readable(e.get("value", "")) for e in leaf[-depth:])
            for leaf, depth in zip(leaves, depths, strict=True)
        )
        often = Counter(texts)
        twice = [
            n for n, text in enumerate(texts) if often[text] > 1 and depths[n] < len(leaves[n])
        ]
        if not twice:
            return texts
        for number in twice:
            depths[number] += 1


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


def _background(
    control: Element, has_none: bool, labels: tuple[str, ...], texts: tuple[str, ...]
) -> tuple[str, ...]:
    """The control's background texts; default ones where it could not do without any, or hardly.

    Of one label the softmax is always 1, and of two it says only which is nearer: something else
    must be able to win. Two may be left alone with an empty clip_background.
    """
    reserved = {text.casefold() for text in labels + texts}
    own = [t for t in split_texts(control.get("clip_background")) if t.casefold() not in reserved]
    if own:
        return tuple(own)
    few = 2 if control.get("clip_background", "none said").strip() else 1
    alone = len(labels) <= few and not control.get("clip_fit")
    can_say_none = has_none and not control.get("clip_claim")
    if not (alone or can_say_none or _takes_several(control)):
        return ()
    return tuple(text for text in DEFAULT_BACKGROUND if text.casefold() not in reserved)


def _when_labels(control: Element) -> tuple[str, ...]:
    """Label Studio takes the value for one label first, then for several with commas between."""
    value = control.get("whenLabelValue")
    return tuple(dict.fromkeys((value, *value.split(",")))) if value else ()


def _check_labels(name: str, labels: tuple[str, ...], nones: list[str]) -> None:
    if not labels:
        raise LabelConfigError(
            f"Every label of {name!r} is left out with clip_ignore or clip_none.",
            hint="Leave CLIP at least one label to answer.",
        )
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
