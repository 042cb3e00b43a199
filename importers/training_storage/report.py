"""What a sync tells of: what people decided, and what that did to training storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from importers.ledger import Ledger
from importers.review import (
    APPROVED,
    NONE_FITS,
    REJECTED,
    RELABELLED,
    SKIPPED,
    UNDECIDED,
    UNUSABLE,
    WAITING,
)
from importers.training_storage.difference import ADDED, CHANGED, MOVED, REMOVED, Change
from importers.training_storage.reading import Read
from importers.training_storage.storages.fsspec_storage import Storage


@dataclass(frozen=True)
class SyncReport:
    """What people decided, and what that did to training storage.

    Attributes:
        approved, relabelled, rejected, unusable, none_of_these, skipped: Tasks with that verdict.
        undecided: Tasks with an answer that cannot count, or that are gone.
        waiting: Tasks that nobody has answered yet.
        read: Tasks that were asked for because something about them had changed.
        added, moved, changed, removed, unchanged: Samples by what became of them since the last
            release; moved ones have another label or split, changed ones another provenance.
        release: Name of the release that stands now; None before the first.
        is_new: This sync made it.
        storage: URL of the storage, without password.
        undecided_reasons: How many tasks are undecided for which reason.
        left_out: Why approved samples cannot be stored, and the tasks of each reason.
        changes: Each sample that was not left as it was.
        dry_run: Nothing was changed.
    """

    approved: int
    relabelled: int
    rejected: int
    unusable: int
    none_of_these: int
    skipped: int
    undecided: int
    waiting: int
    read: int
    added: int
    moved: int
    changed: int
    removed: int
    unchanged: int
    release: str | None
    is_new: bool
    storage: str
    undecided_reasons: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, list[int]] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    dry_run: bool = False


def report_of(
    ledger: Ledger,
    storage: Storage,
    read: Read,
    changes: Sequence[Change],
    left_out: dict[str, list[int]],
    *,
    stored: int,
    release: str | None,
    is_new: bool,
    dry_run: bool,
) -> SyncReport:
    """The report of a sync.

    Args:
        stored: How many samples the storage holds after it.
    """
    outcomes = ledger.reviews.outcomes()
    made = Counter(change.what for change in changes)
    return SyncReport(
        approved=outcomes.get(APPROVED, 0),
        relabelled=outcomes.get(RELABELLED, 0),
        rejected=outcomes.get(REJECTED, 0),
        unusable=outcomes.get(UNUSABLE, 0),
        none_of_these=outcomes.get(NONE_FITS, 0),
        skipped=outcomes.get(SKIPPED, 0),
        undecided=outcomes.get(UNDECIDED, 0),
        waiting=outcomes.get(WAITING, 0),
        read=read.tasks,
        added=made[ADDED],
        moved=made[MOVED],
        changed=made[CHANGED],
        removed=made[REMOVED],
        unchanged=stored - made[ADDED] - made[MOVED] - made[CHANGED],
        release=release,
        is_new=is_new,
        storage=storage.shown,
        undecided_reasons=ledger.reviews.undecided_reasons(),
        left_out=left_out,
        changes=list(changes),
        dry_run=dry_run,
    )


def unchanged_report(
    ledger: Ledger, storage: Storage, read: Read, release: str | None, *, dry_run: bool
) -> SyncReport:
    """The report of a sync that found nothing to do."""
    return report_of(
        ledger,
        storage,
        read,
        [],
        {},
        stored=ledger.reviews.records_stored(),
        release=release,
        is_new=False,
        dry_run=dry_run,
    )
