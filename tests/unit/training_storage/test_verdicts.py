"""What people's answers mean: annotations as Label Studio lists them → Review."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from answers import CONFIG, LATER, NOON, annotation, by, judged, outcome, prediction, region, says

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE
from importers.config.campaign import UNUSABLE as UNUSABLE_CHOICE
from importers.config.storage_sections import ApprovalSettings
from importers.review import Box, Review, Shown
from importers.training_storage.verdicts import NO_LABEL, SEVERAL_LABELS, judge, read_rules


def test_the_claimed_label_is_approved_with_who_and_when() -> None:
    made, changed = "2026-05-04T11:30:00Z", NOON
    answer = annotation(region("cat"), created_at=made, updated_at=changed)
    assert judged(answer) == Review(
        outcome="approved",
        label="cat",
        annotation_id=5,
        annotated_at=datetime(2026, 5, 4, 11, 30, tzinfo=UTC),
        decided_at=datetime(2026, 5, 4, 12, 0, 0, 250000, tzinfo=UTC),
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


RENAMED = CONFIG.replace('value="cat"', 'value="kitten"')


def after_the_rename(*annotations: dict[str, Any], config: str = RENAMED, **options: Any) -> Review:
    """cat was renamed to kitten: pictures were planned, shown and annotated under either name."""
    predictions = options.pop("predictions", ())
    rules = read_rules(config, ApprovalSettings(**options))
    task = {"id": 1, "data": {}, "annotations": list(annotations), "predictions": [*predictions]}
    return judge(task, "cat", replace(rules, counts_as={"cat": "kitten"}))


@pytest.mark.parametrize("answered", ["cat", "kitten"])
@pytest.mark.parametrize("shown", ["cat", "kitten", None])
def test_a_renamed_label_is_the_same_label(answered: str, shown: str | None) -> None:
    predictions = (prediction(shown),) if shown else ()
    review = after_the_rename(annotation(region(answered)), predictions=predictions)
    assert (review.outcome, review.label) == ("approved", "kitten")
    assert after_the_rename(annotation(region("dog"))).outcome == "relabelled"


def test_people_agree_across_a_rename() -> None:
    review = after_the_rename(by(1, region("cat")), by(2, region("kitten")), policy="agreement")
    assert (review.outcome, review.label, review.agreement) == ("approved", "kitten", 1.0)


def test_rectangles_follow_a_rename_unless_their_label_can_still_be_chosen() -> None:
    rectangle = {"x": 1.0, "y": 2.0, "width": 3.0, "height": 4.0, "rectanglelabels": ["cat"]}
    drawn = {"from_name": "box", "to_name": "image", "type": "rectanglelabels", "value": rectangle}
    answer = annotation(region("cat"), drawn)
    for offered, label in (("kitten", "kitten"), ("cat", "cat")):
        boxes = f'<RectangleLabels name="box" toName="image"><Label value="{offered}"/>'
        config = RENAMED.replace("</View>", f"{boxes}</RectangleLabels></View>")
        assert [box.label for box in after_the_rename(answer, config=config).boxes] == [label]
