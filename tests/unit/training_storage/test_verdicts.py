from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from importers.campaign import NONE_OF_THESE
from importers.sample import Verdict
from importers.training_storage.verdicts import (
    NO_LABEL,
    SEVERAL_LABELS,
    Choices,
    Decision,
    decide,
)

CHOICES = Choices("label", ["cat", "dog"], "None of these / unusable")
CHANGED = "2026-05-04T12:00:00.250000Z"


def region(*labels: str, control: str = "label") -> dict[str, Any]:
    return {
        "from_name": control,
        "to_name": "image",
        "type": "choices",
        "value": {"choices": list(labels)},
    }


def annotation(*results: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An annotation as Label Studio's task list gives it."""
    return {
        "id": 5,
        "result": list(results),
        "was_cancelled": False,
        "updated_at": CHANGED,
        "completed_by": 3,
        "lead_time": 2.5,
        "parent_prediction": None,
        **changes,
    }


def decided(*annotations: dict[str, Any]) -> tuple[str, str | None]:
    verdict = decide(annotations, "cat", CHOICES).verdict
    assert verdict is not None
    return verdict.kind, verdict.label


def test_the_claimed_label_is_approved_with_who_and_when() -> None:
    decision = decide([annotation(region("cat"))], "cat", CHOICES)
    time = datetime(2026, 5, 4, 12, 0, 0, 250000, tzinfo=timezone.utc)
    assert decision == Decision(Verdict("approved", "cat", 5, time, 3))


def test_another_label_of_the_campaign_is_relabelled() -> None:
    assert decided(annotation(region("dog"))) == ("relabelled", "dog")


def test_none_of_these_is_rejected() -> None:
    assert decided(annotation(region("None of these / unusable"))) == ("rejected", None)


@pytest.mark.parametrize("choice", [NONE_OF_THESE, "Other"])
def test_none_of_these_approves_what_is_to_show_none(choice: str) -> None:
    choices = Choices("label", ["cat", "dog"], choice)
    verdict = decide([annotation(region(choice))], NONE_OF_THESE, choices).verdict
    assert verdict is not None
    assert (verdict.kind, verdict.label) == ("approved", NONE_OF_THESE)
    verdict = decide([annotation(region("cat"))], NONE_OF_THESE, choices).verdict
    assert verdict is not None
    assert (verdict.kind, verdict.label) == ("relabelled", "cat")


def test_nothing_yet_is_neither_a_verdict_nor_undecided() -> None:
    assert decide([], "cat", CHOICES) == Decision()


def test_a_skip_is_a_skip_whatever_result_it_kept() -> None:
    assert decided(annotation(region("cat"), was_cancelled=True)) == ("skipped", None)


def test_a_skip_does_not_undo_an_answer() -> None:
    later = "2026-05-04T13:00:00Z"
    skip = annotation(region("dog"), id=6, was_cancelled=True, updated_at=later)
    assert decided(annotation(region("cat")), skip) == ("approved", "cat")


def test_the_annotation_changed_last_counts() -> None:
    older = annotation(region("dog"), id=9, updated_at="2026-05-04T11:59:59.9Z")
    assert decided(older, annotation(region("cat"))) == ("approved", "cat")
    same_moment = annotation(region("dog"), id=6)
    assert decided(same_moment, annotation(region("cat"))) == ("relabelled", "dog")


def test_an_annotation_from_a_contact_sheet_counts() -> None:
    bulk = annotation(region("cat"), lead_time=None, parent_prediction=41)
    assert decided(bulk) == ("approved", "cat")


def test_a_person_who_left_is_no_reviewer() -> None:
    decision = decide([annotation(region("cat"), completed_by=None)], "cat", CHOICES)
    assert decision.verdict is not None
    assert decision.verdict.reviewer is None


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ([], NO_LABEL),
        (None, NO_LABEL),
        ([region()], NO_LABEL),
        ([region("cat", control="quality")], NO_LABEL),
        ([{"from_name": "label", "type": "choices"}], NO_LABEL),
        ([region("cat", "dog")], SEVERAL_LABELS),
        ([region("cat"), region("dog")], SEVERAL_LABELS),
        ([region("horse")], "the label 'horse' is not in the campaign"),
    ],
)
def test_an_answer_that_cannot_count_is_undecided_with_a_reason(result: Any, reason: str) -> None:
    assert decide([annotation(result=result)], "cat", CHOICES) == Decision(undecided=reason)


def test_an_empty_answer_given_last_takes_the_earlier_one_back() -> None:
    empty = annotation(id=6, updated_at="2026-05-04T13:00:00Z")
    assert decide([annotation(region("cat")), empty], "cat", CHOICES).undecided == NO_LABEL


def test_an_approved_label_that_left_the_campaign_is_undecided() -> None:
    assert decide([annotation(region("owl"))], "owl", CHOICES).verdict is None
