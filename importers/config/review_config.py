"""Campaign → labeling config: what a reviewer sees of one sample.

Two columns: the picture, and beside it the prompt, what CLIP thinks, and one choice. The `clip_*`
attributes tell the ML backend what the choice claims; Label Studio keeps and ignores them.

Below the labels are two ways out: the picture shows none of them, or it is of no use to anybody.
Earlier versions had one choice for both. Where a project has that one it stays, at the end and
without a hotkey: without it old answers would look empty, and Label Studio's settings page saves no
labeling config that lacks a choice which annotations use.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE, UNUSABLE, Campaign
from ls_backend.errors import ConfigError
from ls_backend.labels.config import parse_label_config
from ls_backend.labels.texts import DEFAULT_BACKGROUND

_IMAGE_COLUMN = "flex:0 0 480px"
_IMAGE_WIDTH = "460px"  # a wider picture pushes the choices below the fold
_BACKGROUND_SEPARATOR = "|"
_HOTKEYS = "123456789"
_NONE_HOTKEY = "0"
_UNUSABLE_HOTKEY = "u"
_MOST_LABELS_IN_ONE_COLUMN = 14


def review_config(campaign: Campaign, *, keep_none_or_unusable: bool = False) -> str:
    """The labeling config of the campaign's project.

    Args:
        keep_none_or_unusable: With the one choice of earlier versions for both ways out.

    Raises:
        ConfigError: a background text cannot be written into it.
    """
    root = ET.Element("View", style="display:flex;gap:24px")
    left = ET.SubElement(root, "View", style=_IMAGE_COLUMN)
    ET.SubElement(left, "Image", name="image", value="$image", zoom="true", maxWidth=_IMAGE_WIDTH)
    right = ET.SubElement(root, "View", style="flex:1")
    ET.SubElement(right, "Header", value="$prompt", size="3")
    ET.SubElement(right, "Header", value="$why", size="5")
    choices = ET.SubElement(right, "Choices", _choices_attributes(campaign))
    for position, label in enumerate(campaign.labels):
        choice = ET.SubElement(choices, "Choice", value=label)
        if position < len(_HOTKEYS):
            choice.set("hotkey", _HOTKEYS[position])
    ET.SubElement(choices, "Choice", value=NONE_OF_THESE, hotkey=_NONE_HOTKEY, clip_none="true")
    unusable = {"value": UNUSABLE, "hotkey": _UNUSABLE_HOTKEY, "clip_ignore": "true"}
    ET.SubElement(choices, "Choice", unusable)
    if keep_none_or_unusable:
        ET.SubElement(choices, "Choice", value=NONE_OR_UNUSABLE, clip_ignore="true")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode")


def has_none_or_unusable(label_config: str) -> bool:
    """Whether a labeling config has the one choice of earlier versions.

    Raises:
        LabelConfigError: it is not well-formed XML.
    """
    choices = parse_label_config(label_config).iter("Choice")
    return any(choice.get("value") == NONE_OR_UNUSABLE for choice in choices)


def _choices_attributes(campaign: Campaign) -> dict[str, str]:
    attributes = {
        "name": "label",
        "toName": "image",
        "choice": "single-radio",
        "required": "true",
        "requiredMessage": "Pick a label",
        "clip_claim": "$label",
    }
    if len(campaign.labels) > _MOST_LABELS_IN_ONE_COLUMN:
        attributes["layout"] = "inline"
    background = campaign.score.background or _default_background(campaign)
    if background:
        attributes["clip_background"] = _joined(background)
    if campaign.review.order == "similarity":
        attributes["clip_fit"] = "$prompt"
    return attributes


def _default_background(campaign: Campaign) -> list[str]:
    """Where pictures are to show none of the labels, something must be able to win over them."""
    adversarial = [t for t in campaign.prompt_techniques if t.name == "adversarial"]
    return list(DEFAULT_BACKGROUND) if any(t.truth == "none" for t in adversarial) else []


def _joined(background: list[str]) -> str:
    for text in background:
        if _BACKGROUND_SEPARATOR in text or not text.strip():
            raise ConfigError(
                f"The background text {text!r} in [score] is empty or contains "
                f"{_BACKGROUND_SEPARATOR!r}.",
                hint="Give each background text as a string of its own.",
            )
    return _BACKGROUND_SEPARATOR.join(background)
