"""Scores → what Label Studio gets: which labels, how sure, and in which shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.label_interface import LabelInterface

from ls_backend.labels.config import read_label_config
from ls_backend.labels.regions import Region
from ls_backend.labels.target import LabelTarget
from ls_backend.predictions import (
    PredictedLabels,
    one_label,
    prediction,
    region_prediction,
    several_labels,
)
from ls_backend.zero_shot import Score

WHOLE = (0.0, 0.0, 1.0, 1.0)


def xml(attributes: str, *choices: str) -> str:
    inner = "".join(f'<Choice value="{choice}"/>' for choice in choices)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<Choices name="what" toName="image" {attributes}>{inner}</Choices></View>'
    )


def score(best: float, background: float, similarity: float | None = None) -> Score:
    return Score("cat", best, 0.0, "dog", best, similarity, background)


def several(attributes: str = "", *more: str) -> LabelTarget:
    attributes = f'choice="multiple" clip_threshold="0.5" {attributes}'
    return read_label_config(xml(attributes, "cat", "dog", *more))


@pytest.mark.parametrize(
    ("attributes", "background", "expected"),
    [
        ("", 0.1, ["cat"]),
        ("", 0.9, ["Other"]),
        ('clip_claim="$label"', 0.9, ["cat"]),
        ('clip_claim="$label" clip_prefill="clip"', 0.1, ["dog"]),
        ('clip_claim="$label" clip_prefill="none"', 0.1, None),
    ],
)
def test_what_is_predicted(attributes: str, background: float, expected: list[str] | None) -> None:
    config = xml(attributes, "cat", "dog", "Other")
    target = read_label_config(config)
    said = prediction(target, one_label(target, score(0.1, background)), "v")
    assert (
        said["result"] == []
        if expected is None
        else said["result"][0]["value"] == {"choices": expected}
    )
    assert LabelInterface(config).validate_prediction(said)


def test_the_score_of_none_of_these_is_the_backgrounds_and_else_the_labels() -> None:
    with_none, without = (read_label_config(xml("", "cat", *more)) for more in (["Other"], ["dog"]))

    assert one_label(with_none, score(0.1, 0.9)) == PredictedLabels(("Other",), 0.9)
    assert one_label(without, score(0.1, 0.9)) == PredictedLabels((), 0.1)


def test_a_label_as_likely_as_the_background_is_predicted() -> None:
    target = read_label_config(xml("", "cat", "dog", "Other"))

    assert one_label(target, score(0.5, 0.5)) == PredictedLabels(("cat",), 0.5)


@pytest.mark.parametrize(
    ("similarity", "shown"), [(None, 0.7), (0.3, 0.3), (0.0, 0.0), (-0.2, 0.0), (1.0000001, 1.0)]
)
def test_the_fit_to_a_prompt_is_shown_where_it_is_asked_for(
    similarity: float | None, shown: float
) -> None:
    fit, plain = (
        read_label_config(xml(text, "cat", "dog", "bus")) for text in ('clip_fit="$p"', "")
    )

    assert one_label(fit, score(0.7, 0.0, similarity)).score == shown
    assert one_label(plain, score(0.7, 0.0, similarity)).score == 0.7
    assert several_labels(
        replace(fit, thresholds=(0.5, 0.5, 0.5)), np.array([0.9, 0.1, 0.3]), [], similarity
    ).score == (pytest.approx(0.7) if similarity is None else shown)


def test_several_labels_hold_from_their_thresholds_on() -> None:
    target = several()

    assert several_labels(target, np.array([0.5, 0.75]), [], None) == PredictedLabels(
        ("cat", "dog"), 0.5
    )
    assert several_labels(target, np.array([0.25, 0.875]), [], None) == PredictedLabels(
        ("dog",), 0.75
    )


def test_of_several_labels_none_holds_and_the_one_for_none_is_predicted() -> None:
    none_holds = several_labels(several("", "Other"), np.array([0.1, 0.3]), [], None)

    assert none_holds == PredictedLabels(("Other",), pytest.approx(0.7))
    assert several_labels(several(), np.array([0.1, 0.3]), [], None).labels == ()


def test_several_claims_are_as_sure_as_the_least_of_them() -> None:
    claims, found = ["cat", "dog"], np.array([0.25, 0.75])
    claimed, clip, empty = (
        several(f'clip_claim="$label" clip_prefill="{prefill}"')
        for prefill in ("claim", "clip", "none")
    )

    assert several_labels(claimed, found, claims, None) == PredictedLabels(("cat", "dog"), 0.25)
    assert several_labels(claimed, found, ["dog"], None) == PredictedLabels(("dog",), 0.75)
    assert several_labels(claimed, found, [], None) == PredictedLabels(("dog",), 0.75)
    assert several_labels(clip, found, claims, None) == PredictedLabels(("dog",), 0.25)
    assert several_labels(empty, found, claims, None) == PredictedLabels((), 0.25)


def drawn(**value: Any) -> Region:
    item = {
        "id": "r1",
        "from_name": "box",
        "to_name": "image",
        "type": "rectangle",
        "original_width": 640,
        "original_height": 480,
        "image_rotation": 0,
        "value": {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0, **value},
    }
    return Region(item, WHOLE)


def test_a_region_comes_before_the_choice_for_it() -> None:
    target = read_label_config(xml('perRegion="true"', "cat", "dog", "bus"))
    sure, unsure = PredictedLabels(("cat",), 0.9), PredictedLabels((), 0.25)
    place = {"id": "r1", "original_width": 640, "original_height": 480, "image_rotation": 0}

    made = region_prediction(target, [(drawn(), sure), (drawn(), unsure)], "clip:x@1")

    assert made["score"] == 0.25
    assert made["model_version"] == "clip:x@1"
    region, choice = made["result"]
    shape = {"x": 1, "y": 2, "width": 3, "height": 4, "rotation": 0}
    assert region == {
        **place,
        "from_name": "box",
        "to_name": "image",
        "type": "rectangle",
        "value": shape,
    }
    assert choice == {
        **place,
        "from_name": "what",
        "to_name": "image",
        "type": "choices",
        "value": {**shape, "choices": ["cat"]},
        "score": 0.9,
    }


@pytest.mark.parametrize("control", ["rectanglelabels", "ellipselabels"])
def test_a_label_that_is_the_region_s_own_is_one_item(control: Any) -> None:
    target = replace(read_label_config(xml("", "cat", "dog")), control=control, per_region=True)
    labelled = PredictedLabels(("cat",), 0.9)

    [item] = region_prediction(target, [(drawn(rectanglelabels=["dog"]), labelled)], "v")["result"]

    assert item["type"] == control
    assert item["value"][control] == ["cat"]
    assert item["value"].get("rectanglelabels") != ["dog"]
