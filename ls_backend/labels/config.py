"""Labeling config → which control to fill, its labels, and the words CLIP reads for each.

Everything comes from the live config, nothing is guessed. On an `Image` these can be filled:
`Choices` and `Taxonomy`, of the image or per region, and `RectangleLabels` and `EllipseLabels`,
whose regions people draw. Attributes of ours, which Label Studio keeps and ignores:

    on the control  clip_target="true"       this one, where several could be filled
                    clip_claim="$label"      verify: the task field that holds the claimed label
                    clip_fit="$prompt"       score the fit to that field's text instead
                    clip_background="a|b"    texts that compete with the labels, never predicted
                    clip_prefill="clip|none" prefill CLIP's own answer, or nothing, not the claim
                    clip_templates="{a}|…"   the sentences around a label's words
                    clip_threshold="0.5"     with choice="multiple": from where on a label holds
    on a label      clip_prompt="…|…"        what CLIP reads instead of the value (averaged)
                    clip_threshold="0.5"     this label's own
                    clip_none="true"         the way out for people; without clip_claim, CLIP
                                             answers it where a background text wins; with it
                                             and a background, a task may claim it
                    clip_ignore="true"       for people alone ("unusable"): CLIP never answers it,
                                             and no score counts it
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ls_backend.errors import LabelConfigError
from ls_backend.labels.control import LABEL_TAGS, field_of, is_true, read_control
from ls_backend.labels.target import LabelTarget


def read_label_config(xml: str) -> LabelTarget:
    """Find the control to fill.

    Raises:
        LabelConfigError: None can be filled, or several can and no `clip_target` says which.
    """
    root = parse_label_config(xml)
    image_fields = {
        image.get("name", ""): field_of(image.get("value")) for image in root.iter("Image")
    }
    controls = [element for element in root.iter() if element.tag in LABEL_TAGS]
    considered = [control for control in controls if is_true(control, "clip_target")] or controls
    obstacles = {control: _obstacle(control, image_fields) for control in considered}
    others = [element for element in root.iter() if _answers_elsewhere(element)]
    usable = [control for control in considered if obstacles[control] is None]
    if not usable:
        raise _nothing_to_fill({**obstacles, **dict.fromkeys(others, "CLIP does not fill these")})
    if len(usable) > 1:
        raise _several(usable)
    return read_control(usable[0], image_fields[usable[0].get("toName", "")] or "")


def parse_label_config(xml: str) -> Element:
    """The labeling config's root element.

    Raises:
        LabelConfigError: It is not well-formed XML.
    """
    try:
        return ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise LabelConfigError(
            f"The labeling config is not well-formed XML: {error}.",
            hint="Mend it in the project's settings, under Labeling Interface.",
        ) from error


def _answers_elsewhere(element: Element) -> bool:
    """Whether it is a control of another kind."""
    return bool(element.get("name") and element.get("toName")) and element.tag not in LABEL_TAGS


def _obstacle(control: Element, image_fields: dict[str, str | None]) -> str | None:
    """Why CLIP cannot fill this control, or None."""
    labels = list(control.iter(LABEL_TAGS[control.tag]))
    image = control.get("toName", "")
    if image not in image_fields:
        return f"its toName={image!r} is not an Image"
    if image_fields[image] is None:
        return f'the Image {image!r} has no value="$field"'
    if is_true(control, "perItem"):
        return "it is answered per item"
    if control.get("value") is not None or control.get("apiUrl") is not None:
        return "its labels come from the task data, or from elsewhere"
    if control.tag == "Choices" and any(label.find("Choice") is not None for label in labels):
        return "its choices are nested"
    if all(is_true(label, "clip_none") or is_true(label, "clip_ignore") for label in labels):
        return "it has no labels"
    return None


def _nothing_to_fill(obstacles: dict[Element, str | None]) -> LabelConfigError:
    found = "; ".join(f"{_shown(control)}: {why}" for control, why in obstacles.items())
    return LabelConfigError(
        "CLIP can fill Choices, Taxonomy, RectangleLabels or EllipseLabels on an Image, and the "
        "labeling config has none that it can" + (f" ({found})." if found else "."),
        hint='Add a Choices with toName="…" of the Image, and its labels as Choice value="…".',
    )


def _several(usable: Iterable[Element]) -> LabelConfigError:
    return LabelConfigError(
        f"CLIP could fill several controls: {', '.join(map(_shown, usable))}.",
        hint='Put clip_target="true" on the one that it shall fill.',
    )


def _shown(control: Element) -> str:
    return f"{control.tag} {control.get('name')!r}"
