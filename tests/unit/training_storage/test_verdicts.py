"""What people's answers mean: annotations as Label Studio lists them → Review."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from importers.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE
from importers.campaign import UNUSABLE as UNUSABLE_CHOICE
from importers.review import Box, Review, Shown
from importers.storage_sections import ApprovalSettings
from importers.training_storage.verdicts import (
    NO_LABEL,
    NO_VERDICT,
    NOT_GROUND_TRUTH,
    SEVERAL_LABELS,
    TIE,
    judge,
    read_rules,
)

CONFIG = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="label" toName="image" clip_claim="$label" clip_target="true">'
    '<Choice value="cat"/><Choice value="dog"/>'
    f'<Choice value="{NONE_OF_THESE}" clip_none="true"/>'
    f'<Choice value="{UNUSABLE_CHOICE}" clip_ignore="true"/></Choices>'
    '<Choices name="verdict" toName="image" choice="multiple">'
    '<Choice value="accept"/><Choice value="reject"/><Choice value="later"/></Choices></View>'
)
NOON = "2026-05-04T12:00:00.250000Z"
LATER = "2026-05-04T13:00:00Z"


def region(*labels: str, control: str = "label") -> dict[str, Any]:
    value = {"choices": list(labels)}
    return {"from_name": control, "to_name": "image", "type": "choices", "value": value}


def says(verdict: str) -> dict[str, Any]:
    return region(verdict, control="verdict")


def annotation(*results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An annotation as Label Studio's task list gives it."""
    return {
        "id": 5,
        "result": list(results),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": NOON,
        "updated_at": NOON,
        "completed_by": 3,
        "updated_by": 3,
        "lead_time": 2.5,
        "parent_prediction": None,
        **changes,
    }


def by(person: int | None, *results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    number = changes.pop("id", 100 + (person or 0))
    return annotation(*results, id=number, completed_by=person, updated_by=person, **changes)


def prediction(label: str, **changes: Any) -> dict[str, Any]:
    made = "2026-05-04T11:00:00Z"
    shown = {"id": 41, "score": 0.25, "model_version": "clip:a@1", "created_at": made}
    return {**shown, "result": [region(label)] if label else [], **changes}


def judged(
    *annotations: dict[str, Any],
    claimed: str | None = "cat",
    predictions: tuple[dict[str, Any], ...] = (),
    config: str = CONFIG,
    **approval: Any,
) -> Review:
    task = {"id": 1, "data": {}, "annotations": list(annotations), "predictions": [*predictions]}
    return judge(task, claimed, read_rules(config, ApprovalSettings(**approval)))


def outcome(*annotations: dict[str, Any], **options: Any) -> tuple[str, str | None]:
    review = judged(*annotations, **options)
    return review.outcome, review.reason or review.label


def test_the_claimed_label_is_approved_with_who_and_when() -> None:
    made, changed = "2026-05-04T11:30:00Z", NOON
    answer = annotation(region("cat"), created_at=made, updated_at=changed)
    assert judged(answer) == Review(
        outcome="approved",
        label="cat",
        annotation_id=5,
        annotated_at=datetime(2026, 5, 4, 11, 30, tzinfo=timezone.utc),
        decided_at=datetime(2026, 5, 4, 12, 0, 0, 250000, tzinfo=timezone.utc),
        reviewers=(3,),
        changed_by=3,
        reviewed="one by one",
        lead_time_s=2.5,
        annotators=1,
    )


@pytest.mark.parametrize(
    ("choice", "claimed", "expected"),
    [
        ("dog", "cat", ("relabelled", "dog")),
        ("dog", None, ("approved", "dog")),
        (NONE_OF_THESE, "cat", ("none of these", None)),
        (NONE_OF_THESE, None, ("none of these", None)),
        (UNUSABLE_CHOICE, "cat", ("unusable", None)),
        (UNUSABLE_CHOICE, NONE_OF_THESE, ("unusable", None)),
        (NONE_OR_UNUSABLE, "cat", ("rejected", None)),
        (NONE_OF_THESE, NONE_OF_THESE, ("approved", NONE_OF_THESE)),
        (NONE_OR_UNUSABLE, NONE_OF_THESE, ("approved", NONE_OF_THESE)),
        (NONE_OF_THESE, NONE_OR_UNUSABLE, ("approved", NONE_OF_THESE)),
        ("cat", NONE_OF_THESE, ("relabelled", "cat")),
    ],
)
def test_each_choice_is_an_outcome_of_its_own(
    choice: str, claimed: str | None, expected: tuple[str, str | None]
) -> None:
    assert outcome(annotation(region(choice)), claimed=claimed) == expected


def test_nothing_yet_waits_and_whoever_took_an_answer_back_is_known() -> None:
    assert judged() == Review("waiting")
    task = {"annotations": [], "predictions": [], "updated_by": [{"user_id": 8}]}
    rules = read_rules(CONFIG, ApprovalSettings())
    assert judge(task, "cat", rules) == Review("waiting", changed_by=8)


def test_a_skip_is_a_skip_whatever_result_it_kept() -> None:
    skip = annotation(region("cat"), was_cancelled=True, parent_prediction=41)
    review = judged(skip, predictions=(prediction("cat"),))
    assert (review.outcome, review.label, review.annotators) == ("skipped", None, 0)
    assert (review.annotation_id, review.reviewers) == (5, (3,))


def test_a_skip_does_not_undo_an_answer() -> None:
    skip = annotation(region("dog"), id=6, was_cancelled=True, updated_at=LATER)
    assert outcome(annotation(region("cat")), skip) == ("approved", "cat")


def test_drafts_are_no_answers() -> None:
    task = {"annotations": [], "predictions": [], "drafts": [annotation(region("cat"))]}
    assert judge(task, "cat", read_rules(CONFIG, ApprovalSettings())).outcome == "waiting"


def test_of_one_person_the_annotation_changed_last_counts() -> None:
    older = annotation(region("dog"), id=9, updated_at="2026-05-04T11:59:59.9Z")
    review = judged(older, annotation(region("cat")))
    assert (review.outcome, review.label, review.annotators) == ("approved", "cat", 1)
    same_moment = annotation(region("dog"), id=6)
    assert outcome(same_moment, annotation(region("cat"))) == ("relabelled", "dog")


def test_of_several_people_the_last_decides_and_the_others_are_counted() -> None:
    review = judged(
        by(1, region("cat")), by(2, region("cat"), updated_at=LATER), by(4, region("dog"))
    )
    assert (review.label, review.reviewers, review.annotators) == ("cat", (2, 1), 3)
    assert review.agreement == pytest.approx(2 / 3)
    assert review.annotation_id == 102


def test_annotations_of_nobody_are_by_a_person_each() -> None:
    imported = [by(None, region("cat"), id=number) for number in (7, 8)]
    review = judged(*imported)
    assert (review.outcome, review.reviewers, review.changed_by) == ("approved", (), None)
    assert (review.annotators, review.agreement) == (2, 1.0)


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ([], NO_LABEL),
        (None, NO_LABEL),
        ([region()], NO_LABEL),
        ([says("accept")], NO_LABEL),
        ([{"from_name": "label", "type": "choices"}], NO_LABEL),
        (["cat", {"from_name": "label", "value": "cat"}], NO_LABEL),
        ([region("cat", "dog")], SEVERAL_LABELS),
        ([region("cat"), region("dog")], SEVERAL_LABELS),
        ([region("horse")], "the label 'horse' is not in the labeling config"),
    ],
)
@pytest.mark.parametrize("policy", ["submitted", "ground_truth"])
def test_an_answer_that_cannot_count_is_undecided_with_a_reason(
    result: Any, reason: str, policy: str
) -> None:
    answer = annotation(result=result, ground_truth=True)
    assert outcome(answer, policy=policy) == ("undecided", reason)
    assert judged(answer, policy=policy).annotators == 0


def test_an_empty_answer_given_last_takes_the_earlier_one_back() -> None:
    empty = annotation(id=6, updated_at=LATER)
    assert outcome(annotation(region("cat")), empty) == ("undecided", NO_LABEL)


# -- approved as is, or relabelled -------------------------------------------------------------


def test_the_prediction_that_the_annotation_began_with_was_shown() -> None:
    newer = prediction("cat", id=42, created_at="2026-05-04T11:59:00Z")
    review = judged(
        annotation(region("dog"), parent_prediction=41),
        predictions=(prediction("dog"), newer),
    )
    assert (review.outcome, review.label) == ("approved", "dog")
    assert review.shown == Shown("dog", 0.25, "clip:a@1")


def test_without_it_the_newest_prediction_made_before_was_shown() -> None:
    shown = (
        prediction("cat", id=40, created_at="2026-05-04T10:00:00Z"),
        prediction("dog", id=41),
        prediction("cat", id=42, created_at=LATER),
    )
    review = judged(annotation(region("cat"), parent_prediction=7), predictions=shown)
    assert (review.outcome, review.shown and review.shown.label) == ("relabelled", "dog")


def test_where_nothing_was_shown_the_claim_is_compared() -> None:
    late = prediction("dog", created_at=LATER)
    review = judged(annotation(region("cat")), predictions=(late,))
    assert (review.outcome, review.shown) == ("approved", None)
    silent = (prediction("", model_version=""),)
    review = judged(annotation(region("dog")), predictions=silent)
    assert (review.outcome, review.shown) == ("relabelled", Shown(None, 0.25, None))


def test_the_origin_of_a_region_says_nothing() -> None:
    forged = {**region("dog"), "origin": "prediction"}
    answer = annotation(forged, parent_prediction=41)
    assert outcome(answer, predictions=(prediction("cat"),)) == ("relabelled", "dog")


def test_a_prediction_of_an_earlier_version_said_none_of_these() -> None:
    shown = (prediction(NONE_OR_UNUSABLE),)
    review = judged(annotation(region("cat")), claimed=NONE_OF_THESE, predictions=shown)
    assert (review.outcome, review.shown) == ("relabelled", Shown(NONE_OF_THESE, 0.25, "clip:a@1"))


@pytest.mark.parametrize(
    ("changes", "how"),
    [
        ({"parent_prediction": 41, "lead_time": None}, "contact sheet"),
        ({"parent_prediction": 41, "lead_time": 1.5}, "one by one"),
        ({"parent_prediction": None, "lead_time": None}, "one by one"),
    ],
)
def test_annotations_of_a_contact_sheet_count_and_are_told_apart(
    changes: dict[str, Any], how: str
) -> None:
    review = judged(annotation(region("cat"), **changes))
    assert (review.outcome, review.reviewed) == ("approved", how)


# -- policies ----------------------------------------------------------------------------------

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


# -- boxes -------------------------------------------------------------------------------------


def test_boxes_of_the_annotation_that_decided() -> None:
    sides = {"x": 10.0, "y": 20.0, "width": 30, "height": 40.5}
    drawn = [
        {"from_name": "box", "value": {**sides, "rotation": 15, "rectanglelabels": ["tail"]}},
        {"from_name": "box", "value": {**sides, "rectanglelabels": ["ear"]}},
        {"from_name": "box", "value": {**sides, "rectanglelabels": []}},
        {"from_name": "box", "value": {"rectanglelabels": ["nowhere"]}},
    ]
    older = by(1, region("cat"), drawn[0])
    review = judged(older, by(2, region("cat"), *drawn, updated_at=LATER))
    assert review.boxes == (
        Box("tail", 10.0, 20.0, 30.0, 40.5, 15.0),
        Box("ear", 10.0, 20.0, 30.0, 40.5),
    )
    assert judged(by(2, region(UNUSABLE_CHOICE), *drawn)).boxes == ()
