"""Reviews of samples in a ledger, as a sync records them."""

from __future__ import annotations

from datetime import UTC, datetime
from zlib import crc32

from importers.ledger import Ledger
from importers.review import WAITING, Review, ReviewedTask

DECIDED_AT = datetime(2026, 11, 24, tzinfo=UTC)


def decided(outcome: str, label: str | None = None) -> Review:
    """What one person decided."""
    return Review(
        outcome,
        label=label,
        annotation_id=7,
        annotated_at=DECIDED_AT,
        decided_at=DECIDED_AT,
        reviewers=(1,),
        annotators=1,
    )


def record_review(
    ledger: Ledger, key: str, outcome: str = WAITING, label: str | None = None
) -> Review:
    """Record what a person decided about a sample, or that nobody has yet; returns it."""
    [sample] = ledger.samples_of([key])
    task = crc32(key.encode()) if sample.task_id is None else sample.task_id
    review = Review(WAITING) if outcome == WAITING else decided(outcome, label)
    ledger.reviews.record([ReviewedTask(task, key, DECIDED_AT.isoformat(), "", review)], {})
    return review


def all_reviews(ledger: Ledger) -> list[ReviewedTask]:
    """Every task that was ever read, by its number."""
    return ledger.reviews._tasks("ORDER BY task_id")
