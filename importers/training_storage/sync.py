"""Label Studio → ledger → training storage: what people approved, kept in step with them.

What people said is read into the ledger, where a review waits until a release holds what follows
from it. A process that is killed between the release and that note finds the release on its next
run, and writes it down.
"""

from __future__ import annotations

import gc
import hashlib
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from importers.config.job import Job
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.progress import Progress, silent
from importers.record import Record, same
from importers.review import (
    STORED,
    UNDECIDED,
    WAITING,
    Review,
    ReviewedTask,
)
from importers.training_storage.card.files import card_of
from importers.training_storage.classes import (
    ClassList,
    classes_json,
    classified,
    current_label,
    decisions,
    follow,
    read_map,
)
from importers.training_storage.layouts import Contents
from importers.training_storage.originals import picture_bytes
from importers.training_storage.reading import Read, read_reviews
from importers.training_storage.records import describe
from importers.training_storage.releases.read import latest, latest_name, records_of, refuse_others
from importers.training_storage.releases.release import Release, Tombstone
from importers.training_storage.releases.write import NewRelease, write_release
from importers.training_storage.report import (
    REMOVED,
    Change,
    SyncReport,
    difference,
    report_of,
)
from importers.training_storage.splits import note_compared, split_samples
from importers.training_storage.storages import open_storage
from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.label_studio import LabelStudio

Watch = Callable[[str], Progress]


@dataclass(frozen=True)
class _Last:
    """What stands in the storage before this sync.

    Attributes:
        release: Newest release; None before the first.
        records: Records of it, by sample key.
        is_noted: Whether the ledger knows these records; else it takes them from this sync.
    """

    release: Release | None
    records: Mapping[str, Record]
    is_noted: bool


@dataclass(frozen=True)
class _Wanted:
    """What should stand there, and why it does.

    Attributes:
        tasks: Tasks whose review no release has taken up yet.
        records: Records of all samples that should stand there, by sample key.
        classes: Class list of the next release.
        left_out: Reasons why approved samples cannot be stored, by sample key.
    """

    tasks: Sequence[ReviewedTask]
    records: Mapping[str, Record]
    classes: ClassList
    left_out: Mapping[str, str]


@contextmanager
def _tuned() -> Iterator[None]:
    """Have Python spend its time on a sync of thousands of records.

    They live as long as it: to look for garbage among them takes a tenth of the time. And a thread
    that speaks to Label Studio waits for one that computes half a millisecond, not five, each time
    that it is about to go on.
    """
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(100_000, *threshold[1:])
    sys.setswitchinterval(0.0005)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)


@_tuned()
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
    stands = latest_name(storage)
    is_noted = stands is not None and stands == ledger.note(Note.RELEASE)
    read, looked_up = _read(ls, job, ledger, full, watch("Reading"))
    ledger.set_note(Note.LABELS, json.dumps(read.rules.labels, ensure_ascii=False))
    told = partial(report_of, ledger, storage, read, dry_run=dry_run)
    described, released = _described_with(job, ledger), _released_with(job, ledger)
    if full or not is_noted or described != ledger.note(Note.DESCRIBED_WITH):
        ledger.reviews.mark_unreleased()
    is_as_released = is_noted and released == ledger.note(Note.RELEASED_WITH)
    if is_as_released and not ledger.reviews.any_unreleased():
        return told(stored=ledger.reviews.records_stored(), release=stands)
    known = (looked_up or ledger.reviews.records()) if is_noted else None
    last = _last(storage, job, ledger, known)
    wanted = _wanted(ls, job, ledger, read, last, watch("Pictures"))
    changes = difference(last.records, wanted.records, _reasons(wanted))
    release = last.release
    if not dry_run:
        draft = _draft(job, ledger, read, last, wanted, changes)
        image = partial(picture_bytes, job=job)
        release = write_release(storage, draft, image, watch("Storing"), heal=full)
        notes = {Note.DESCRIBED_WITH: described, Note.RELEASED_WITH: released}
        _note(ledger, job, release, last, wanted, notes)
    return told(
        changes=changes,
        left_out=_tasks_left_out(last, wanted),
        stored=len(wanted.records),
        release=release.name if release else None,
        is_new=release is not last.release,
    )


def _read(
    ls: LabelStudio, job: Job, ledger: Ledger, full: bool, progress: Progress
) -> tuple[Read, dict[str, Record] | None]:
    """What is read, and where something has changed the records that the ledger knows."""
    ahead: list[Future[dict[str, Record]]] = []
    with ThreadPoolExecutor(1) as pool:  # while Label Studio is waited for

        def look_up() -> None:
            ahead.append(pool.submit(ledger.reviews.records))

        read = read_reviews(ls, job, ledger, full=full, on_change=look_up, progress=progress)
    return read, ahead[0].result() if ahead else None


def _last(storage: Storage, job: Job, ledger: Ledger, known: Mapping[str, Record] | None) -> _Last:
    """What stands there, of which the ledger knows the records, or the storage is asked."""
    release = latest(storage)
    refuse_others(storage, release, job.name, ledger.campaign_id)
    if known is not None:
        return _Last(release, known, is_noted=True)
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
) -> NewRelease:
    contents = Contents(list(wanted.records.values()), wanted.classes, job.storage, last.records)
    removed = [change for change in changes if change.what == REMOVED]
    return NewRelease(
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
    noticed = datetime.now(UTC)
    return [
        Tombstone(
            sample=change.sample,
            sha256=last.records[change.sample].sha256,
            label=change.label,
            reason=change.reason or "",
            reviewers=last.records[change.sample].reviewers,
            by=review.changed_by,
            at=(review.decided_at or noticed).astimezone(UTC).isoformat(),
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
    notes: Mapping[Note, str],
) -> None:
    before = last.records if last.is_noted else ledger.reviews.records()
    ledger.reviews.released(
        release.name,
        records=[r for key, r in wanted.records.items() if not same(before.get(key), r)],
        gone=before.keys() - wanted.records.keys(),
        # What could not be stored is tried again by every sync.
        taken_up=[task.task_id for task in wanted.tasks if task.key not in wanted.left_out],
        notes={**notes, Note.CLASSES: classes_json(wanted.classes)},
    )
    note_compared(ledger, wanted.records, job.storage.splits)


def _described_with(job: Job, ledger: Ledger) -> str:
    return _digest(job.storage.reviewers, ledger.note(Note.MODEL_VERSION), decisions(ledger))


def _released_with(job: Job, ledger: Ledger) -> str:
    settings = job.storage.model_dump(mode="json", exclude={"sweep_minutes"})
    return _digest(settings, job.storage_url, ledger.note(Note.LABELS))


def _digest(*values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _tasks_left_out(last: _Last, wanted: _Wanted) -> dict[str, list[int]]:
    """Tasks by why they are not stored, the most frequent reason first."""
    numbers = {task.key: task.task_id for task in wanted.tasks}
    tasks: dict[str, list[int]] = defaultdict(list)
    for key, reason in wanted.left_out.items():
        tasks[reason].append(numbers.get(key) or last.records[key].task_id)
    return dict(sorted(tasks.items(), key=lambda item: len(item[1]), reverse=True))
