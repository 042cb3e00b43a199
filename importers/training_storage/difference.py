"""What a sync changes: the records that the last release has, against those that it should have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from importers.record import Record, same

ADDED, MOVED, CHANGED, REMOVED = "added", "moved", "changed", "removed"


@dataclass(frozen=True)
class Change:
    """What becomes of one sample.

    Attributes:
        what: added, moved (to another label or split), changed (in anything else), or removed.
        sample: Its key.
        label: What it shows from now on, or showed until now where it is removed.
        task_id: Its task in Label Studio.
        before, after: Labels, or splits where the label stays, between which it is moved.
        reason: Why it is removed, for people.
        fields: What of its record is another, where it is changed.
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
        elif old.label != new.label:
            changes.append(_moved(new, old.label, new.label))
        elif old.split != new.split:
            changes.append(_moved(new, old.split, new.split))
        else:
            changes.append(Change(CHANGED, key, new.label, new.task_id, fields=_fields(old, new)))
    return changes


def _fields(old: Record, new: Record) -> tuple[str, ...]:
    names = (field.name for field in fields(Record))
    return tuple(name for name in names if getattr(old, name) != getattr(new, name))


def _moved(record: Record, before: str, after: str) -> Change:
    return Change(MOVED, record.sample, record.label, record.task_id, before, after)
