"""What a reviewer sees, and what the ML backend reads from the same labeling config."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from label_studio_sdk.label_interface.interface import LabelInterface

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE, UNUSABLE, Campaign
from importers.config.review_config import has_none_or_unusable, review_config
from ls_backend.errors import ConfigError
from ls_backend.labels.config import read_label_config
from ls_backend.labels.texts import DEFAULT_BACKGROUND


def campaign(labels: list[str], **sections: Any) -> Campaign:
    return Campaign.model_validate(
        {
            "name": "pets",
            "labels": labels,
            "samples": 1,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
            **sections,
        }
    )


def choices(config: str) -> list[ET.Element]:
    return list(ET.fromstring(config).iter("Choice"))


def test_the_backend_verifies_the_label_that_the_task_claims() -> None:
    target = read_label_config(review_config(campaign(["cat", "fire truck"])))
    assert target.labels == ("cat", "fire truck")
    assert target.image_field == "image"
    assert target.claim_field == "label"
    assert target.none_label == NONE_OF_THESE
    assert target.fit_field is None
    assert target.background == DEFAULT_BACKGROUND


def test_the_order_and_the_background_reach_the_backend() -> None:
    config = review_config(
        campaign(
            ["cat", "dog"],
            review={"order": "similarity"},
            score={"background": ["an empty street", "a ball & a tree"]},
        )
    )
    target = read_label_config(config)
    assert target.fit_field == "prompt"
    assert target.background == ("an empty street", "a ball & a tree")


@pytest.mark.parametrize("text", ["a|b", " "])
def test_a_background_text_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="background"):
        review_config(campaign(["cat"], score={"background": [text]}))


def test_labels_survive_the_xml() -> None:
    labels = ['R&B "record" <12\'>', "größe", "$label", "\u2028 line"]
    config = review_config(campaign(labels))
    ways_out = [NONE_OF_THESE, UNUSABLE]
    assert [c.get("value") for c in choices(config)] == [*campaign(labels).labels, *ways_out]


def test_nine_labels_have_hotkeys_and_so_have_the_ways_out() -> None:
    found = choices(review_config(campaign([f"label {i}" for i in range(12)])))
    assert [c.get("hotkey") for c in found] == [*"123456789", None, None, None, "0", "u"]
    assert [c.get("clip_none") for c in found] == [None] * 12 + ["true", None]
    assert [c.get("clip_ignore") for c in found] == [None] * 13 + ["true"]


def test_the_one_way_out_of_earlier_versions_stays_at_the_end_where_it_is_used() -> None:
    pets = campaign(["cat", "dog"])
    kept = review_config(pets, keep_none_or_unusable=True)
    *others, last = choices(kept)
    assert dict(last.attrib) == {"value": NONE_OR_UNUSABLE, "clip_ignore": "true"}
    assert [c.get("value") for c in others] == ["cat", "dog", NONE_OF_THESE, UNUSABLE]
    assert read_label_config(kept) == read_label_config(review_config(pets))
    assert has_none_or_unusable(kept)
    assert not has_none_or_unusable(review_config(pets))


def test_only_the_image_is_an_object_so_that_pictures_can_be_uploaded() -> None:
    interface = LabelInterface(review_config(campaign(["cat", "dog"])))
    assert [tag.name for tag in interface.objects] == ["image"]
    assert interface.get_control("label").to_name == ["image"]


def test_picture_left_and_prompt_reason_and_choices_right() -> None:
    root = ET.fromstring(review_config(campaign(["cat", "dog"])))
    left, right = root
    assert [tag.tag for tag in left] == ["Image"]
    assert [(tag.tag, tag.get("value")) for tag in right] == [
        ("Header", "$prompt"),
        ("Header", "$why"),
        ("Choices", None),
    ]
    assert right[2].get("required") == "true"
