"""What a task says of a sample, and which predictions are never sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.config.campaign import Campaign
from importers.config.review_config import review_config
from importers.label_studio.predictions import PredictionChecker
from importers.label_studio.tasks import TaskBuilder, check_prediction, queue_position, why
from importers.sample import PlannedSample, Prompt, Sample
from ls_backend.errors import LabelStudioError
from ls_backend.zero_shot import Score

CAMPAIGN = Campaign.model_validate(
    {
        "name": "pets",
        "labels": ["cat", "dog"],
        "samples": 1,
        "prompts": {"templates": ["a {label}"]},
        "generator": {"model": "sketch-1"},
    }
)
BY_SIMILARITY = CAMPAIGN.model_copy(
    update={"review": CAMPAIGN.review.model_copy(update={"order": "similarity"})}
)
SCORE = Score("cat", 0.031, -0.9, "dog", 0.969, 0.22)
SAMPLE = Sample(
    planned=PlannedSample("k1", Prompt("a red cat", "cat", "vanilla", {}), "m", "8x8", {}, 1),
    sha256="00",
    stored_at=None,
    cost_usd=None,
    request_id=None,
    refused=None,
    kept=None,
    flaw=None,
    model_version="clip:test@1",
    score=SCORE,
    audit=True,
    audit_probability=0.1,
    upload="/data/upload/1/a.png",
    task_id=None,
    pushed_version=None,
    review=None,
)


def builder(campaign: Campaign) -> TaskBuilder:
    return TaskBuilder(campaign, review_config(campaign))


def test_a_task_carries_what_people_and_tabs_need() -> None:
    assert builder(CAMPAIGN).task(SAMPLE)["data"] == {
        "image": "/data/upload/1/a.png",
        "prompt": "a red cat",
        "label": "cat",
        "compositional": False,
        "clip_score": 0.031,
        "clip_similarity": 0.22,
        "clip_label": "dog",
        "why": "CLIP gives cat 3 % and would say dog",
        "confident": False,
        "audit": True,
        "audit_probability": 0.1,
        "sample": "k1",
        "technique": "vanilla",
        "parents": [],
    }


def test_the_prediction_is_the_claimed_label_with_its_probability() -> None:
    (prediction,) = builder(CAMPAIGN).task(SAMPLE)["predictions"]
    assert prediction["score"] == 0.031
    assert prediction["model_version"] == "clip:test@1"
    assert prediction["result"][0]["value"] == {"choices": ["cat"]}


def test_ranked_by_similarity_the_score_is_the_fit_to_the_prompt() -> None:
    (prediction,) = builder(BY_SIMILARITY).task(SAMPLE)["predictions"]
    assert prediction["score"] == 0.22
    assert queue_position(SAMPLE, "similarity") == (0.22, "k1")
    assert queue_position(SAMPLE, "label_probability") == (0.031, "k1")


def test_a_label_that_is_no_choice_is_never_sent() -> None:
    owl = replace(SAMPLE.planned, prompt=Prompt("an owl", "owl", "vanilla", {}))
    with pytest.raises(LabelStudioError) as error:
        builder(CAMPAIGN).task(replace(SAMPLE, planned=owl, score=replace(SCORE, label="owl")))
    assert error.value.code == "label_studio_bad_prediction"
    assert "owl" in error.value.message


@pytest.mark.parametrize(
    ("probability", "predicted", "best", "sentence"),
    [
        (0.031, "fish", 0.9, "CLIP gives dog 3 % and would say fish"),
        (0.0001, "fish", 0.9, "CLIP gives dog under 1 % and would say fish"),
        (0.0001, "fish", 0.02, "CLIP gives dog under 1 % and sees no label clearly"),
        (0.98, "dog", 0.98, "CLIP agrees: dog 98 %"),
        (0.9999, "dog", 0.9999, "CLIP agrees: dog over 99 %"),
        (0.4, "dog", 0.4, "CLIP is not sure: dog 40 %"),
    ],
)
def test_the_reason_is_a_sentence(
    probability: float, predicted: str, best: float, sentence: str
) -> None:
    score = replace(
        SCORE,
        label_probability=probability,
        predicted_label=predicted,
        predicted_probability=best,
    )
    assert why("dog", score) == sentence


def test_ranked_by_similarity_the_reason_names_it() -> None:
    assert (
        why("cat", SCORE, by_similarity=True)
        == "CLIP gives cat 3 % and would say dog; fit to the prompt 0.22"
    )


@given(probability=st.floats(0, 1))
def test_no_probability_is_told_as_certain(probability: float) -> None:
    sentence = why("dog", replace(SCORE, label_probability=probability))
    assert " 0 %" not in sentence
    assert "100 %" not in sentence


def region(**changes: Any) -> dict[str, Any]:
    return {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["cat"]},
    } | changes


def good() -> dict[str, Any]:
    return {"model_version": "v", "score": 0.5, "result": [region()]}


NOT_ONE_LABEL: list[Callable[[dict[str, Any]], object]] = [
    lambda p: p.update(result=[]),
    lambda p: p.update(result=[region(), region()]),
    lambda p: p["result"][0].update(value={"choices": []}),
    lambda p: p["result"][0].update(value={"choices": ["cat", "dog"]}),
    lambda p: p["result"][0].update(value={"choices": "cat"}),
]


@pytest.mark.parametrize("spoil", [*NOT_ONE_LABEL, lambda p: p.update(score=None)])
def test_a_bad_prediction_is_never_sent(spoil: Callable[[dict[str, Any]], object]) -> None:
    checker = PredictionChecker(review_config(CAMPAIGN))
    prediction = good()
    check_prediction(checker, prediction)
    spoil(prediction)
    with pytest.raises(LabelStudioError, match="does not fit"):
        check_prediction(checker, prediction)
