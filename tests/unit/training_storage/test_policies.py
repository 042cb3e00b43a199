"""When an answer counts under each policy of `[review.approval]`."""

from __future__ import annotations

from typing import Any

import pytest
from answers import LATER, annotation, by, judged, outcome, region, says

from importers.config.campaign import NONE_OF_THESE
from importers.config.campaign import UNUSABLE as UNUSABLE_CHOICE
from importers.training_storage.verdicts import NO_LABEL, NO_VERDICT, NOT_GROUND_TRUTH, TIE

VERDICT = {"policy": "verdict", "verdict_control": "verdict"}


@pytest.mark.parametrize(
    ("results", "expected"),
    [
        ([region("cat"), says("accept")], ("approved", "cat")),
        ([region("dog"), says("accept")], ("relabelled", "dog")),
        ([region("cat"), says("reject")], ("rejected", None)),
        ([says("reject")], ("rejected", None)),
        ([region("cat"), says("accept"), says("reject")], ("rejected", None)),
        ([region(UNUSABLE_CHOICE)], ("unusable", None)),
        ([region(NONE_OF_THESE), says("accept")], ("none of these", None)),
        ([region("cat")], ("undecided", NO_VERDICT)),
        ([says("accept")], ("undecided", NO_LABEL)),
        (
            [region("cat"), says("later")],
            ("undecided", "the verdict 'later' neither approves nor rejects"),
        ),
    ],
)
def test_verdict(results: list[dict[str, Any]], expected: tuple[str, str | None]) -> None:
    assert outcome(annotation(*results), **VERDICT) == expected


def test_verdict_for_a_picture_that_is_to_show_none() -> None:
    answer = annotation(region(NONE_OF_THESE))
    assert outcome(answer, claimed=NONE_OF_THESE, **VERDICT) == ("undecided", NO_VERDICT)


@pytest.mark.parametrize("policy", ["submitted", "ground_truth", "agreement"])
def test_a_reject_value_rejects_under_every_policy(policy: str) -> None:
    answers = [by(n, region("cat"), says("reject"), ground_truth=True) for n in (1, 2)]
    assert outcome(*answers, policy=policy, verdict_control="verdict") == ("rejected", None)


def test_ground_truth_counts_marked_annotations_only() -> None:
    marked = by(1, region("dog"), ground_truth=True)
    later = by(2, region("cat"), updated_at=LATER)
    review = judged(marked, later, policy="ground_truth")
    assert (review.outcome, review.label, review.annotators) == ("relabelled", "dog", 1)
    assert outcome(later, policy="ground_truth") == ("undecided", NOT_GROUND_TRUTH)


def test_what_takes_a_picture_out_needs_no_mark() -> None:
    answer = annotation(region(UNUSABLE_CHOICE))
    assert outcome(answer, policy="ground_truth") == ("unusable", None)


def agreement(*choices: str, **approval: Any) -> tuple[str, str | None]:
    answers = [by(number, region(choice)) for number, choice in enumerate(choices, start=1)]
    return outcome(*answers, policy="agreement", **approval)


@pytest.mark.parametrize(
    ("choices", "approval", "expected"),
    [
        (["cat", "cat"], {}, ("approved", "cat")),
        (["dog", "dog"], {}, ("relabelled", "dog")),
        (["cat"], {}, ("undecided", "fewer than 2 people have answered")),
        (["cat", "cat"], {"annotators": 3}, ("undecided", "fewer than 3 people have answered")),
        (["cat", "dog"], {}, ("undecided", TIE)),
        (["cat", "dog"], {"share": 0.51}, ("undecided", TIE)),
        (
            ["cat", "cat", "dog"],
            {},
            ("undecided", "fewer than 100 % of the people gave the same answer"),
        ),
        (["cat", "cat", "dog"], {"share": 0.6}, ("approved", "cat")),
        (["cat", UNUSABLE_CHOICE, UNUSABLE_CHOICE], {"share": 0.6}, ("unusable", None)),
        ([NONE_OF_THESE, NONE_OF_THESE], {}, ("none of these", None)),
        ([NONE_OF_THESE, UNUSABLE_CHOICE], {}, ("undecided", TIE)),
        (["horse", "horse"], {}, ("undecided", "the label 'horse' is not in the labeling config")),
        (["cat", "cat", "horse"], {}, ("approved", "cat")),
    ],
)
def test_agreement(
    choices: list[str], approval: dict[str, Any], expected: tuple[str, str | None]
) -> None:
    assert agreement(*choices, **approval) == expected


def test_agreement_asks_people_not_annotations() -> None:
    twice = [by(1, region("cat"), id=number) for number in (5, 6)]
    expected = ("undecided", "fewer than 2 people have answered")
    assert outcome(*twice, policy="agreement") == expected
    skip = by(2, region("cat"), was_cancelled=True)
    assert outcome(*twice, skip, policy="agreement") == expected


def test_agreement_names_those_who_agree() -> None:
    answers = [by(1, region("cat")), by(2, region("dog"), updated_at=LATER), by(4, region("cat"))]
    review = judged(*answers, policy="agreement", share=0.6)
    assert (review.reviewers, review.annotators, review.annotation_id) == ((4, 1), 3, 104)
    assert review.agreement == pytest.approx(2 / 3)
    split = judged(*answers, policy="agreement")
    assert (split.outcome, split.agreement, split.annotators) == ("undecided", None, 3)
