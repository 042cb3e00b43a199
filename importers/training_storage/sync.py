"""Label Studio → ledger → training storage: what people approved, kept in step with them.

What people said is read into the ledger, where a review waits until a release holds what follows
from it. A process that is killed between the release and that note finds the release on its next
run, and writes it down.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial

from importers.ledger import Ledger
from importers.ledger.reviews import RELEASE_NOTE
from importers.progress import Progress, silent
from importers.record import Record
from importers.review import (
    APPROVED,
    NONE_FITS,
    REJECTED,
    RELABELLED,
    SKIPPED,
    STORED,
    UNDECIDED,
    UNUSABLE,
    WAITING,
    Review,
    ReviewedTask,
)
from importers.training_storage.card_of import card_of
from importers.training_storage.classes import (
    CLASSES_NOTE,
    LABELS_NOTE,
    ClassList,
    classes_json,
    classified,
    current_label,
    decisions,
    follow,
    read_map,
)
from importers.training_storage.describe import describe, picture_bytes
from importers.training_storage.difference import (
    ADDED,
    CHANGED,
    MOVED,
    REMOVED,
    Change,
    difference,
)
from importers.training_storage.job import Job
from importers.training_storage.layouts.base import Contents
from importers.training_storage.reading import Read, read_reviews
from importers.training_storage.releases import Release, latest_of, records_of
from importers.training_storage.releasing import Draft, write_release
from importers.training_storage.splits import note_compared, split_samples
from importers.training_storage.storage import Storage, open_storage
from importers.training_storage.tombstones import Tombstone
from importers.up_to_date import MODEL_VERSION_NOTE
from ls_backend.label_studio import LabelStudio

SETTINGS_NOTE = "storage_settings"
"""Digest of what decides how the same reviews are described and laid out."""

Watch = Callable[[str], Progress]


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
        left_out: How many approved samples cannot be stored for which reason.
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
    left_out: dict[str, int] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    dry_run: bool = False


@dataclass(frozen=True)
class _Last:
    """What stands in the storage before this sync.

    Attributes:
        is_noted: The ledger knows these records; else it takes them from this sync.
    """

    release: Release | None
    records: Mapping[str, Record]
    is_noted: bool


@dataclass(frozen=True)
class _Wanted:
    """What should stand there, and why it does.

    Attributes:
        tasks: Those that no release has taken up yet.
        left_out: Why approved samples cannot be stored, by key.
    """

    tasks: Sequence[ReviewedTask]
    records: Mapping[str, Record]
    classes: ClassList
    left_out: Mapping[str, str]


def sync(
    ls: LabelStudio,
    job: Job,
    ledger: Ledger,
    *,
    full: bool = False,
    dry_run: bool = False,
    watch: Watch = lambda _: silent,
) -> SyncReport:
    """Bring training storage in step with what people have decided in Label Studio.

    A second run changes nothing. An approval that was withdrawn (deleted, skipped, changed, or its
    task deleted) leaves the storage.

    Args:
        full: Ask for all tasks, describe all samples anew, and look if every file is there.
        dry_run: Change nothing in the storage; the ledger must be a copy.
        watch: Gives the progress of a named step.

    Raises:
        LabelStudioError: Label Studio refuses, or holds another campaign's tasks.
        LabelConfigError, ConfigError: nobody can tell which control of the labeling config counts.
        StorageError: the storage refuses or belongs to another campaign, or a class has left the
            labeling config ("class_gone").
        LedgerError: an image is not in the campaign's folder any more.
    """
    storage = open_storage(job.storage_url)
    last = _last(storage, job, ledger)
    read = read_reviews(ls, job, ledger, full=full, progress=watch("Reading"))
    ledger.set_note(LABELS_NOTE, json.dumps(read.rules.labels, ensure_ascii=False))
    settings = _settings_digest(job, ledger)
    if full or not last.is_noted or settings != ledger.note(SETTINGS_NOTE):
        ledger.reviews.touch()
    wanted = _wanted(ls, job, ledger, read, last, watch("Pictures"))
    changes = difference(last.records, wanted.records, _reasons(wanted))
    release = last.release
    if not dry_run:
        draft = _draft(job, ledger, read, last, wanted, changes)
        image = partial(picture_bytes, job=job)
        release = write_release(storage, draft, image, watch("Storing"), heal=full)
        _note(ledger, job, release, last, wanted, settings)
    return _report(ledger, storage, read, release, last, wanted, changes, dry_run)


def _last(storage: Storage, job: Job, ledger: Ledger) -> _Last:
    release = latest_of(storage, job.name, ledger.campaign_id)
    if release is not None and release.name == ledger.note(RELEASE_NOTE):
        return _Last(release, ledger.reviews.records(), is_noted=True)
    found = records_of(storage, release) if release is not None else []
    return _Last(release, {record.sample: record for record in found}, is_noted=False)


def _wanted(
    ls: LabelStudio, job: Job, ledger: Ledger, read: Read, last: _Last, progress: Progress
) -> _Wanted:
    tasks = ledger.reviews.unreleased()
    approved = [task for task in tasks if task.review.outcome in STORED]
    described, problems = describe(approved, job, ledger, ls, int(read.project["id"]), progress)
    taken_up = {task.key for task in tasks} | problems.keys()
    records = {key: r for key, r in last.records.items() if key not in taken_up} | described
    mapped = read_map(ledger, read.rules.labels)
    dropped = {
        key: f"its class {record.label!r} was dropped"
        for key, record in records.items()
        if current_label(record.label, mapped) is None
    }
    before = ClassList(last.release.classes) if last.release else ClassList()
    used = Counter(current_label(r.label, mapped) or r.label for r in records.values())
    used |= Counter(record.label for record in last.records.values())
    classes = follow(before, read.rules.labels, used, mapped, str(job.folder))
    split = split_samples(
        ledger, classified(records, classes, mapped), last.records, job.storage.splits
    )
    return _Wanted(tasks, dict(sorted(split.items())), classes, problems | dropped)


def _reasons(wanted: _Wanted) -> dict[str, str]:
    """Why samples are not in the storage, by key."""
    undone = [task for task in wanted.tasks if task.review.outcome not in STORED]
    return {task.key: _why(task.review) for task in undone} | dict(wanted.left_out)


def _why(review: Review) -> str:
    if review.outcome == UNDECIDED:
        return review.reason or review.outcome
    return "the approval was taken back" if review.outcome == WAITING else review.outcome


def _draft(
    job: Job,
    ledger: Ledger,
    read: Read,
    last: _Last,
    wanted: _Wanted,
    changes: Sequence[Change],
) -> Draft:
    contents = Contents(list(wanted.records.values()), wanted.classes, job.storage)
    removed = [change for change in changes if change.what == REMOVED]
    return Draft(
        contents=contents,
        campaign=job.name,
        campaign_id=ledger.campaign_id,
        project=int(read.project["id"]),
        previous=last.release,
        tombstones=_tombstones(last, wanted, removed),
        outcomes=ledger.reviews.outcomes(),
        card=card_of(job, ledger, read, contents),
    )


def _tombstones(last: _Last, wanted: _Wanted, removed: Sequence[Change]) -> list[Tombstone]:
    reviews = {task.key: task.review for task in wanted.tasks}
    noticed = datetime.now(timezone.utc)
    return [
        Tombstone(
            sample=change.sample,
            sha256=last.records[change.sample].sha256,
            label=change.label,
            reason=change.reason or "",
            reviewers=last.records[change.sample].reviewers,
            by=review.changed_by,
            at=(review.decided_at or noticed).astimezone(timezone.utc).isoformat(),
        )
        for change in removed
        for review in [reviews.get(change.sample, Review(UNDECIDED))]
    ]


def _note(
    ledger: Ledger,
    job: Job,
    release: Release,
    last: _Last,
    wanted: _Wanted,
    settings: str,
) -> None:
    before = last.records if last.is_noted else ledger.reviews.records()
    ledger.reviews.released(
        release.name,
        records=[r for key, r in wanted.records.items() if before.get(key) != r],
        gone=before.keys() - wanted.records.keys(),
        # What could not be stored is tried again by every sync.
        taken_up=[task.task_id for task in wanted.tasks if task.key not in wanted.left_out],
        notes={SETTINGS_NOTE: settings, CLASSES_NOTE: classes_json(wanted.classes)},
    )
    note_compared(ledger, wanted.records, job.storage.splits)


def _settings_digest(job: Job, ledger: Ledger) -> str:
    """Of what decides how the same reviews are described; what is laid out, the release tells."""
    decides = [job.storage.reviewers, ledger.note(MODEL_VERSION_NOTE), decisions(ledger)]
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:16]


def _report(
    ledger: Ledger,
    storage: Storage,
    read: Read,
    release: Release | None,
    last: _Last,
    wanted: _Wanted,
    changes: Sequence[Change],
    dry_run: bool,
) -> SyncReport:
    outcomes = ledger.reviews.outcomes()
    made = Counter(change.what for change in changes)
    stayed = len(last.records.keys() & wanted.records.keys())
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
        unchanged=stayed - made[MOVED] - made[CHANGED],
        release=release.name if release else None,
        is_new=release is not last.release,
        storage=storage.shown,
        undecided_reasons=ledger.reviews.undecided_reasons(),
        left_out=dict(Counter(wanted.left_out.values()).most_common()),
        changes=list(changes),
        dry_run=dry_run,
    )
