"""A ledger knows every step of a sample, once, and single values of its campaign."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

from ledger_samples import planned, store
from review_records import record_review

from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.ledger.reviews import Picture
from importers.review import UNDECIDED, Review, ReviewedTask
from ls_backend.zero_shot import Score

SCORE = Score("cat", 0.9, 0.8, "cat", 0.9, 0.3)


def test_planning_twice_adds_nothing(ledger: Ledger) -> None:
    assert ledger.plan([planned(1), planned(2)]) == 2
    assert ledger.plan([planned(2), planned(3)]) == 1
    assert [sample.planned for sample in ledger.samples()] == [planned(1), planned(2), planned(3)]


def test_a_sample_walks_through_the_stages(ledger: Ledger) -> None:
    sample = planned(1)
    ledger.plan([sample])
    assert [s.key for s in ledger.to_generate()] == [sample.key]
    store(ledger, sample.key)
    assert ledger.to_generate() == []
    assert [s.key for s in ledger.to_score("clip:test@1")] == [sample.key]
    ledger.record_scores({sample.key: SCORE}, "clip:test@1")
    assert ledger.to_score("clip:test@1") == []
    assert [s.key for s in ledger.to_score("clip:test@2")] == [sample.key]
    assert [(s.score, s.model_version) for s in ledger.to_push()] == [(SCORE, "clip:test@1")]
    ledger.record_audit({sample.key: True}, 0.25)
    ledger.record_uploads({sample.key: "/data/upload/1/x.png"})
    ledger.record_tasks({sample.key: 41}, "clip:test@1")
    assert ledger.to_push() == []
    assert (ledger.pushed()[0].review, ledger.pushed()[0].verdict) == (None, None)
    review = record_review(ledger, sample.key, "approved", "cat")
    [done] = ledger.pushed()
    assert (done.task_id, done.audit, done.audit_probability) == (41, True, 0.25)
    assert (done.upload, done.pushed_version) == ("/data/upload/1/x.png", "clip:test@1")
    assert (done.cost_usd, done.request_id) == (Decimal("0.006"), "req-1")
    assert (done.review, done.verdict) == (review, "approved")
    record_review(ledger, sample.key)
    assert ledger.pushed()[0].verdict is None


def test_the_review_of_a_sample_is_that_of_its_present_task(ledger: Ledger) -> None:
    sample = planned(1)
    ledger.plan([sample])
    ledger.record_tasks({sample.key: 41}, "clip:test@1")
    record_review(ledger, sample.key, "approved", "cat")
    ledger.record_tasks({sample.key: 7}, "clip:test@1")
    assert ledger.samples()[0].verdict == "approved", "until the new task is read"
    record_review(ledger, sample.key, "rejected")
    assert ledger.samples()[0].verdict == "rejected"
    ledger.record_tasks({sample.key: 50}, "clip:test@1")
    record_review(ledger, sample.key, "unusable")
    assert ledger.samples()[0].verdict == "unusable"


def test_the_campaign_id_stays(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        first = ledger.campaign_id
        ledger.set_note(Note.PROJECT, "12")
        ledger.set_note(Note.TERMS, "of 2026", of="gpt-image-2")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert (ledger.campaign_id, ledger.note(Note.PROJECT)) == (first, "12")
        assert ledger.note(Note.TERMS, of="gpt-image-2") == "of 2026"
        assert ledger.note(Note.TERMS) is None
    assert len(first) == 32


def test_without_a_prompt_there_is_no_similarity(ledger: Ledger) -> None:
    ledger.plan([planned(1)])
    ledger.record_scores({planned(1).key: replace(SCORE, similarity=None)}, "clip:test@1")
    assert [sample.score for sample in ledger.samples()] == [replace(SCORE, similarity=0.0)]


def test_reasons_of_the_undecided_are_counted_the_most_frequent_first(ledger: Ledger) -> None:
    reasons = ["no label", "two labels", "two labels", None]
    tasks = [
        ReviewedTask(number, f"key {number}", "", "", Review(UNDECIDED, reason=reason))
        for number, reason in enumerate(reasons)
        if reason
    ]
    approved = ReviewedTask(9, "key 9", "", "", Review("approved", label="cat", reason="no label"))
    ledger.reviews.record([*tasks, approved], {})
    counted = ledger.reviews.undecided_reasons()
    assert list(counted.items()) == [("two labels", 2), ("no label", 1)]


def test_what_is_known_of_the_bytes_at_a_source_is_that_of_their_last_reading(
    ledger: Ledger,
) -> None:
    assert ledger.reviews.picture("a.png") is None
    for sha256 in ("0" * 64, "1" * 64):
        ledger.reviews.record_picture("a.png", Picture(sha256, "png", 8, 6, 80))
    assert ledger.reviews.picture("a.png") == Picture("1" * 64, "png", 8, 6, 80)
    assert ledger.reviews.picture("b.png") is None
