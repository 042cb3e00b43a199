"""What people see and say of a campaign's classes, between two syncs; storage is not touched."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from importers.config.campaign import NONE_OF_THESE
from importers.config.job import Job
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.training_storage.classes import (
    Mapped,
    current_label,
    decisions,
    near_name,
    note_decision,
    read_classes,
    read_map,
    renumbered,
    undecided,
)
from ls_backend.errors import ConfigError

IN_USE = "in use"
RETIRED = "retired"
GONE = "gone"
RENAMED = "renamed"
MERGED = "merged"
DROPPED = "dropped"
NEW = "new"


def configured_labels(job: Job, ledger: Ledger) -> tuple[str, ...]:
    """The labels that people choose from: a campaign's own, a project's as of the last sync.

    Raises:
        ConfigError: no sync has asked the project for them yet.
    """
    if job.campaign is not None:
        return tuple(job.campaign.labels)
    noted = ledger.note(Note.LABELS)
    if noted is None:
        raise ConfigError(
            f"The labels of project {job.project} are not known yet.",
            hint=f"Ask for them first: ls-clip sync {shlex.quote(str(job.folder))}",
        )
    return tuple(json.loads(noted))


@dataclass(frozen=True)
class ClassRow:
    """A class of the last release, or one that the next sync adds.

    Attributes:
        number: Number in the class list.
        label: Label of it; None where the number is retired.
        samples: Number of samples of the last release that have it.
        state: in use; retired; new (from the next sync on); or no label any more: gone (nobody has
            said what becomes of it), renamed (its number goes to `becomes`), merged (its number is
            retired, its samples count as `becomes`) or dropped (its samples leave).
        becomes: Label that its samples have from the next sync on, where that is another label.
    """

    number: int
    label: str | None
    samples: int
    state: str
    becomes: str | None = None


@dataclass(frozen=True)
class ClassesReport:
    """The classes of a campaign.

    Attributes:
        classes: Classes by number.
        decisions: Old label → new one, None where its samples leave; of decisions that hold.
    """

    classes: tuple[ClassRow, ...]
    decisions: dict[str, str | None]


@dataclass(frozen=True)
class ClassDecision:
    """What was decided of an old label; see `ClassRow`.

    Attributes:
        number: Number of the old label; None where it has none.
        becomes_number: Number that its samples have from the next sync on.
    """

    label: str
    becomes: str | None
    samples: int
    number: int | None
    becomes_number: int | None


def list_classes(ledger: Ledger, configured: Sequence[str]) -> ClassesReport:
    """The classes of the last release, and what the next sync makes of them.

    Args:
        configured: Labels that people choose from now.
    """
    before, mapped = read_classes(ledger), read_map(ledger, configured)
    after = renumbered(before, configured, mapped).names
    samples = _samples(ledger)
    rows = [
        ClassRow(number, label, samples[label or ""], *_fate(label, after[number], mapped))
        for number, label in enumerate(before.names)
    ]
    added = [ClassRow(n, after[n], 0, NEW) for n in range(len(rows), len(after))]
    gone = undecided(before, configured, mapped)
    rows = [replace(row, state=GONE) if row.label in gone else row for row in rows]
    return ClassesReport((*rows, *added), mapped)


def _fate(label: str | None, after: str | None, mapped: Mapped) -> tuple[str, str | None]:
    """`state` and `becomes` of a class whose number has another label, or none, after the sync."""
    if label is None:
        return RETIRED, None
    if label == after:
        return IN_USE, None
    becomes = current_label(label, mapped)
    if becomes is None:
        return DROPPED, None
    return (RENAMED if becomes == after else MERGED), becomes


def map_class(ledger: Ledger, configured: Sequence[str], old: str, new: str) -> ClassDecision:
    """Say that an old label counts as one of the labels that there are now.

    Raises:
        ConfigError: the old label is not known or still in use, or the new one is no label.
    """
    _check_old(ledger, configured, old)
    if new not in configured:
        raise ConfigError(
            f"{new!r} is not a label of the campaign.",
            hint=_nearest(new, configured)
            or f"There are: {', '.join(map(shlex.quote, configured))}.",
        )
    return _decide(ledger, configured, old, new)


def drop_class(ledger: Ledger, configured: Sequence[str], old: str) -> ClassDecision:
    """Say that the samples of an old label leave.

    Raises:
        ConfigError: the old label is not known or still in use.
    """
    _check_old(ledger, configured, old)
    return _decide(ledger, configured, old, None)


def _decide(ledger: Ledger, configured: Sequence[str], old: str, new: str | None) -> ClassDecision:
    before = read_classes(ledger)
    note_decision(ledger, old, new)
    after = renumbered(before, configured, read_map(ledger, configured))
    return ClassDecision(
        label=old,
        becomes=new,
        samples=_samples(ledger)[old],
        number=before.id_of(old) if old in before.names else None,
        becomes_number=None if new is None else after.id_of(new),
    )


def _check_old(ledger: Ledger, configured: Sequence[str], old: str) -> None:
    if old == NONE_OF_THESE:
        raise ConfigError(
            f"{NONE_OF_THESE!r} is always an answer; its class stays.",
            hint="To take samples out, change their annotations in Label Studio.",
        )
    if old in configured:
        raise ConfigError(
            f"{old!r} is still a label of the campaign.",
            hint="Take it out of the labels first; only what is gone can be mapped or dropped.",
        )
    mapped = [label for pair in decisions(ledger).items() for label in pair if label is not None]
    known = dict.fromkeys((*read_classes(ledger).labels, *mapped))
    if old not in known:
        old_ones = [label for label in known if label not in configured]
        raise ConfigError(
            f"{old!r} never was a class of this campaign's training set.",
            hint=_nearest(old, old_ones)
            or "`ls-clip classes list` shows those that were; the first sync makes the list.",
        )


def _samples(ledger: Ledger) -> Counter[str]:
    return Counter(record.label for record in ledger.reviews.records().values())


def _nearest(label: str, among: Sequence[str]) -> str | None:
    near = near_name(label, among)
    return f"Did you mean {near!r}?" if near else None
