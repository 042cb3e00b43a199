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

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from ls_backend.errors import LabelConfigError
from ls_backend.labels.control import LABEL_TAGS, is_true, read_control
from ls_backend.labels.target import LabelTarget
from ls_backend.task_data import field_of


def read_label_config(xml: str) -> LabelTarget:
    """Find the control to fill.

    Raises:
        LabelConfigError: None can be filled, or several can and no `clip_target` says which.
    """
    root = parse_label_config(xml)
    images = {image.get("name", ""): image for image in root.iter("Image")}
    controls = [element for element in root.iter() if element.tag in LABEL_TAGS]
    considered = [control for control in controls if is_true(control, "clip_target")] or controls
    obstacles = {control: _obstacle(control, images) for control in considered}
    others = [element for element in root.iter() if _answers_elsewhere(element)]
    usable = [control for control in considered if obstacles[control] is None]
    if not usable:
        raise _nothing_to_fill({**obstacles, **dict.fromkeys(others, "CLIP does not fill these")})
    if len(usable) > 1:
        raise _several(usable)
    image = images[usable[0].get("toName", "")]
    return read_control(usable[0], field_of(image.get("value")) or "")


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


def _obstacle(control: Element, images: Mapping[str, Element]) -> str | None:
    """Why CLIP cannot fill this control, or None."""
    labels = list(control.iter(LABEL_TAGS[control.tag]))
    name = control.get("toName", "")
    if name not in images:
        return f"its toName={name!r} is not an Image"
    if shows := _several_or_none(images[name]):
        return f"the Image {name!r} {shows}"
    if is_true(control, "perItem"):
        return "it is answered per item"
    if control.get("value") is not None or control.get("apiUrl") is not None:
        return "its labels come from the task data, or from elsewhere"
    if control.tag == "Choices" and any(label.find("Choice") is not None for label in labels):
        return "its choices are nested"
    if all(is_true(label, "clip_none") or is_true(label, "clip_ignore") for label in labels):
        return "it has no labels"
    return None


def _several_or_none(image: Element) -> str | None:
    """What an Image shows where that is not one image of the task; None where it is."""
    value = image.get("value")
    if image.get("valueList"):
        return f"shows a list of images (valueList={image.get('valueList')!r})"
    if value and "{{" in value:
        return "stands once for each item of a Repeater"
    return None if field_of(value) else 'has no value="$field"'


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
