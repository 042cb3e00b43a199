"""Labeling config → which control to fill, its labels, and the words CLIP reads for each.

Everything comes from the live config, nothing is guessed: a single-choice `Choices` on an `Image`.
Attributes of ours, which Label Studio keeps and ignores:

    on Choices  clip_target="true"       this one, where several could be filled
                clip_claim="$label"      verify: the task field that holds the claimed label
                clip_fit="$prompt"       score the fit to that field's text instead of the label's
                clip_background="a|b"    texts that compete with the labels and are never predicted
                clip_prefill="clip|none" prefill CLIP's own answer, or nothing, not the claim
                clip_templates="{a}|…"   the sentences around a label's words
    on Choice   clip_prompt="…|…"        what CLIP reads instead of the value (averaged)
                clip_none="true"         the way out for people; without clip_claim, CLIP answers
                                         it where a background text wins
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ls_backend.errors import LabelConfigError
from ls_backend.label_texts import (
    DEFAULT_BACKGROUND,
    NONE_NAMES,
    is_opaque,
    read_templates,
    readable,
    split_texts,
)
from ls_backend.zero_shot import TEMPLATES

_FIELD = re.compile(r"\$(\w[\w.\-]*)")
_PREFILLS = ("claim", "clip", "none")


@dataclass(frozen=True)
class LabelTarget:
    """The control that CLIP fills.

    `labels` are what a prediction may say (a choice's alias where it has one), without
    `none_label`; `texts` are the readable words of each, in the same order.
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

    @property
    def opaque_labels(self) -> list[str]:
        """Labels whose words no text model can know, and that bring no others."""
        prompts = self.prompts or ((),) * len(self.labels)
        return [
            label
            for label, text, own in zip(self.labels, self.texts, prompts, strict=True)
            if not own and is_opaque(text)
        ]


def read_label_config(xml: str) -> LabelTarget:
    """Find the control to fill.

    Raises:
        LabelConfigError: None can be filled, or several can and no `clip_target` says which.
    """
    root = _parsed(xml)
    image_fields = {
        image.get("name", ""): _field_of(image.get("value")) for image in root.iter("Image")
    }
    controls = list(root.iter("Choices"))
    marked = [control for control in controls if _is_true(control, "clip_target")]
    considered = marked or controls
    obstacles = {control: _obstacle(control, image_fields) for control in considered}
    usable = [control for control in considered if obstacles[control] is None]
    if not usable:
        raise _nothing_to_fill(obstacles)
    if len(usable) > 1:
        raise _several(usable)
    return _target(usable[0], image_fields)


def _parsed(xml: str) -> Element:
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise LabelConfigError(
            f"The labeling config is not well-formed XML: {error}.",
            hint="Mend it in the project's settings, under Labeling Interface.",
        ) from error


def _obstacle(control: Element, image_fields: dict[str, str | None]) -> str | None:
    """Why CLIP cannot fill this control, or None."""
    choices = list(control.iter("Choice"))
    image = control.get("toName", "")
    if image not in image_fields:
        return f"its toName={image!r} is not an Image"
    if image_fields[image] is None:
        return f'the Image {image!r} has no value="$field"'
    if control.get("choice") == "multiple":
        return 'it takes several answers (choice="multiple")'
    if _is_true(control, "perRegion") or _is_true(control, "perItem"):
        return "it is answered per region or item"
    if control.get("value") is not None:
        return "its choices come from the task data"
    if any(choice.find("Choice") is not None for choice in choices):
        return "its choices are nested"
    if all(_is_true(choice, "clip_none") for choice in choices):
        return "it has no choices"
    return None


def _target(control: Element, image_fields: dict[str, str | None]) -> LabelTarget:
    name, to_name = control.get("name", ""), control.get("toName", "")
    choices = list(control.iter("Choice"))
    none_choices = _none_choices(control, choices)
    nones = [_answer(choice) for choice in none_choices]
    labelled = [choice for choice in choices if choice not in none_choices]
    labels = tuple(_answer(choice) for choice in labelled)
    texts = tuple(readable(choice.get("value", "")) for choice in labelled)
    _check_choices(name, labels, nones)
    prompts = tuple(split_texts(choice.get("clip_prompt")) for choice in labelled)
    taken = {text.casefold() for text in texts + labels}
    return LabelTarget(
        from_name=name,
        to_name=to_name,
        image_field=image_fields[to_name] or "",
        labels=labels,
        texts=texts,
        none_label=nones[0] if nones else None,
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
    )


def _check_choices(name: str, labels: tuple[str, ...], nones: list[str]) -> None:
    if not all(labels):
        raise LabelConfigError(
            f"A Choice of {name!r} has no value.", hint='Give every Choice a value="…".'
        )
    twice = sorted({label for label in labels if (*labels, *nones).count(label) > 1})
    if twice:
        raise LabelConfigError(
            f"Two choices of {name!r} have the same answer: {', '.join(twice)}.",
            hint="Give each Choice its own value, or its own alias.",
        )
    if len(nones) > 1:
        raise LabelConfigError(
            f'Several choices of {name!r} carry clip_none="true": {", ".join(nones)}.',
            hint="Leave it on the one choice that means none of the labels.",
        )


def _named_field(control: Element, attribute: str) -> str | None:
    value = control.get(attribute)
    if not value:
        return None
    field = _field_of(value)
    if field is None:
        raise LabelConfigError(
            f"{attribute}={value!r} on the Choices {control.get('name')!r} names no task field.",
            hint=f'Write a dollar sign and the field\'s name, such as {attribute}="$label".',
        )
    return field


def _nothing_to_fill(obstacles: dict[Element, str | None]) -> LabelConfigError:
    found = "; ".join(f"Choices {c.get('name')!r}: {why}" for c, why in obstacles.items())
    return LabelConfigError(
        "CLIP can fill a single-choice Choices on an Image, and the labeling config has none"
        + (f" ({found})." if found else "."),
        hint='Add a Choices with choice="single", toName="…" of the Image, and two Choice or more.',
    )


def _several(usable: Iterable[Element]) -> LabelConfigError:
    names = ", ".join(repr(control.get("name")) for control in usable)
    return LabelConfigError(
        f"CLIP could fill several controls: {names}.",
        hint='Put clip_target="true" on the one Choices that it shall fill.',
    )


def _answer(choice: Element) -> str:
    return choice.get("alias", "") or choice.get("value", "")


def _none_choices(control: Element, choices: list[Element]) -> list[Element]:
    """Those marked clip_none; on a classified control, else the one named "Other" or the like."""
    marked = [choice for choice in choices if _is_true(choice, "clip_none")]
    if marked or control.get("clip_claim"):
        return marked
    named = [
        choice
        for choice in choices
        if {_answer(choice).casefold(), choice.get("value", "").casefold()} & NONE_NAMES
    ]
    return named if len(named) == 1 and len(choices) > 1 else []


def _competing(control: Element, labels: int, has_none: bool) -> tuple[str, ...]:
    """The control's background texts; default ones where it could not do without any."""
    own = split_texts(control.get("clip_background"))
    alone = labels == 1 and not control.get("clip_fit")
    needs = alone or (has_none and not control.get("clip_claim"))
    return own or (DEFAULT_BACKGROUND if needs else ())


def _prefill(control: Element) -> str:
    value = control.get("clip_prefill", "claim").strip().lower()
    if value not in _PREFILLS:
        raise LabelConfigError(
            f"clip_prefill={value!r} on the Choices {control.get('name')!r} is unknown.",
            hint='Write clip_prefill="clip" for CLIP\'s own answer, "none" for an empty one.',
        )
    return value


def _field_of(value: str | None) -> str | None:
    match = _FIELD.fullmatch(value.strip()) if value else None
    return match.group(1) if match else None


def _is_true(element: Element, attribute: str) -> bool:
    return element.get(attribute, "").strip().lower() == "true"
