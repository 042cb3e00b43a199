"""The report of a sync: what people decided, and what that did to training storage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from types import MappingProxyType

from importers.ledger import Ledger
from importers.record import Record, same
from importers.review import UNDECIDED, VERDICTS, WAITING
from importers.training_storage.reading import Read
from importers.training_storage.storages.fsspec_storage import Storage

ADDED, MOVED, CHANGED, REMOVED = "added", "moved", "changed", "removed"


@dataclass(frozen=True)
class Change:
    """What becomes of one sample.

    Attributes:
        what: `ADDED`, `MOVED` (to another label or split), `CHANGED` (in anything else) or
            `REMOVED`.
        sample: Key of the sample.
        label: Label that it has from now on, or had until now where it is removed.
        task_id: Number of its task in Label Studio.
        before, after: Labels, or splits where the label stays, between which it is moved.
        reason: Reason for which it is removed, in words for people.
        fields: Names of the fields of its record that are others, where it is changed.
    """

    what: str
    sample: str
    label: str
    task_id: int
    before: str | None = None
    after: str | None = None
    reason: str | None = None
    fields: tuple[str, ...] = ()


def difference(
    before: Mapping[str, Record], after: Mapping[str, Record], reasons: Mapping[str, str]
) -> list[Change]:
    """Every change between two releases, in the order of sample keys.

    Args:
        before, after: Records by sample key.
        reasons: Why a sample is not in `after`, by key; those of others are not looked at.
    """
    changes = []
    for key in sorted(before.keys() | after.keys()):
        old, new = before.get(key), after.get(key)
        if new is None:
            assert old is not None, "the key is of one of them"
            reason = reasons.get(key, "it is not approved any more")
            changes.append(Change(REMOVED, key, old.label, old.task_id, reason=reason))
        elif same(old, new):
            continue
        elif old is None:
            changes.append(Change(ADDED, key, new.label, new.task_id))
        elif (old.label, old.split) != (new.label, new.split):
            was, now = (old.label, new.label) if old.label != new.label else (old.split, new.split)
            changes.append(Change(MOVED, key, new.label, new.task_id, was, now))
        else:
            changes.append(Change(CHANGED, key, new.label, new.task_id, fields=_fields(old, new)))
    return changes


def _fields(old: Record, new: Record) -> tuple[str, ...]:
    names = (field.name for field in fields(Record))
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))


@dataclass(frozen=True)
class SyncReport:
    """What people decided, and what that did to training storage.

    Attributes:
        approved, relabelled, rejected, unusable, none_of_these, skipped: Number of tasks with that
            verdict.
        undecided: Number of tasks with an answer that cannot count, or that are gone.
        waiting: Number of tasks that nobody has answered yet.
        read: Number of tasks that were asked for because something about them had changed.
        added, moved, changed, removed, unchanged: Number of samples by what became of them since
            the last release; moved ones have another label or split, changed ones another
            provenance.
        release: Name of the release that stands now; None before the first.
        is_new: Whether this sync made it.
        storage: URL of the storage, without password.
        undecided_reasons: Number of undecided tasks by reason.
        left_out: Numbers of the tasks whose approved samples cannot be stored, by reason.
        changes: Samples that were not left as they were.
        dry_run: Whether nothing was changed.
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
    *,
    stored: int,
    release: str | None,
    dry_run: bool,
    is_new: bool = False,
    changes: Sequence[Change] = (),
    left_out: Mapping[str, list[int]] = MappingProxyType({}),
) -> SyncReport:
    """The report of a sync.

    Args:
        stored: How many samples the storage holds after it.
    """
    outcomes = ledger.reviews.outcomes()
    counted = (*VERDICTS, UNDECIDED, WAITING)
    made = Counter(change.what for change in changes)
    return SyncReport(
        **{outcome.replace(" ", "_"): outcomes.get(outcome, 0) for outcome in counted},
        read=read.tasks,
        **{what: made[what] for what in (ADDED, MOVED, CHANGED, REMOVED)},
        unchanged=stored - made[ADDED] - made[MOVED] - made[CHANGED],
        release=release,
        is_new=is_new,
        storage=storage.shown,
        undecided_reasons=ledger.reviews.undecided_reasons(),
        left_out=dict(left_out),
        changes=list(changes),
        dry_run=dry_run,
    )
