"""The class list: which number each label has, for ever.

Owns how the list follows the labels that people choose from: a new label is appended, a number is
never given to another one, and a label that is gone stops the sync until someone says what becomes
of its samples. What they said is kept in the ledger for ever, since annotations made before go on
saying the old label.
"""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from importers.config.campaign import NONE_OF_THESE
from importers.ledger.notes import Note
from importers.record import Record
from ls_backend.errors import StorageError
from ls_backend.words import count

if TYPE_CHECKING:
    from importers.ledger import Ledger

CLASS_GONE = "class_gone"

Mapped = Mapping[str, str | None]
"""Old label → the label that it counts as; None where its samples leave."""


@dataclass(frozen=True)
class ClassList:
    """Labels by number. A number is never given to another label.

    Attributes:
        names: Label of each number; None where the class was dropped or mapped to another.
    """

    names: tuple[str | None, ...] = ()

    def id_of(self, label: str) -> int:
        """The number of a label.

        Raises:
            ValueError: no class has it.
        """
        return self.names.index(label)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels in use, in the order of their numbers."""
        return tuple(name for name in self.names if name is not None)


def follow(
    before: ClassList,
    configured: Sequence[str],
    used: Mapping[str, int],
    mapped: Mapped,
    campaign: str = "CAMPAIGN",
) -> ClassList:
    """The class list after `before`, for the labels that people choose from now.

    At the first time it has the order of the config; later that order changes nothing. A label that
    was mapped gives its number to the one that it counts as, where that has none yet; else its
    number is retired. "None of these" is a class from the first sample on that has it.

    Args:
        before: That of the last release; empty at the first time.
        configured: Labels of the labeling config, in its order.
        used: How many samples have which label, those of the last release included.
        mapped: What `read_map` gives.
        campaign: The campaign as people name it on the command line.

    Raises:
        StorageError: with the code `class_gone`: classes are no labels any more, and nobody has
            said what becomes of them.
    """
    gone = undecided(before, configured, mapped)
    if gone:
        new = [label for label in configured if label not in before.labels]
        raise _class_gone(gone, new, used, campaign)
    classes = renumbered(before, configured, mapped)
    if used.get(NONE_OF_THESE) and NONE_OF_THESE not in classes.names:
        return ClassList((*classes.names, NONE_OF_THESE))
    return classes


def undecided(before: ClassList, configured: Sequence[str], mapped: Mapped) -> list[str]:
    """Classes that are no labels any more, and of which nobody has said what becomes of them."""
    kept = {*configured, NONE_OF_THESE}
    return [
        label
        for label in before.labels
        if label not in kept and current_label(label, mapped) not in {*configured, None}
    ]


def renumbered(before: ClassList, configured: Sequence[str], mapped: Mapped) -> ClassList:
    """The class list with what was decided applied, and with the labels that are new appended.

    A class that is no label any more and undecided stays as it is.
    """
    stay = {*configured, NONE_OF_THESE, *undecided(before, configured, mapped)}
    taken = stay.intersection(before.labels)
    names: list[str | None] = []
    for name in before.names:
        now = name
        if name is not None and name not in stay:
            now = current_label(name, mapped)
            if now in taken:
                now = None
            elif now is not None:
                taken.add(now)
        names.append(now)
    return ClassList((*names, *(label for label in configured if label not in taken)))


def current_label(label: str, mapped: Mapped) -> str | None:
    """What a label counts as by now, through all renames; None where its samples leave.

    Args:
        mapped: What `read_map` gives.
    """
    now: str | None = label
    while now is not None and now in mapped:  # `decided` lets no label come back to itself
        now = mapped[now]
    return now


def classified(
    records: Mapping[str, Record], classes: ClassList, mapped: Mapped
) -> dict[str, Record]:
    """Records, by any key, with the label that theirs counts as and its number.

    Those of a dropped label are left out.
    """
    numbers = {label: classes.id_of(label) for label in classes.labels}
    labels = {key: current_label(record.label, mapped) for key, record in records.items()}
    return {
        key: _renamed(records[key], label, numbers[label])
        for key, label in labels.items()
        if label is not None
    }


def _renamed(record: Record, label: str, number: int) -> Record:
    if (record.label, record.class_id) == (label, number):
        return record
    return replace(record, label=label, class_id=number)


def counts_as(configured: Sequence[str], mapped: Mapped) -> dict[str, str]:
    """What annotations with an old label count as: old label → one of the config.

    A dropped label is not among these: an annotation with it is undecided.

    Args:
        configured: Labels of the labeling config.
        mapped: What `read_map` gives.
    """
    current = {old: current_label(old, mapped) for old in mapped}
    return {old: new for old, new in current.items() if new is not None and new in configured}


def read_map(ledger: Ledger, configured: Collection[str]) -> dict[str, str | None]:
    """What people decided of old labels, as far as it holds.

    A label of the config means itself, whatever was decided while it was away.

    Args:
        configured: Labels of the labeling config.
    """
    return {old: new for old, new in decisions(ledger).items() if old not in configured}


def decisions(ledger: Ledger) -> dict[str, str | None]:
    """All that people ever decided of old labels, whether it holds or not."""
    decided_: dict[str, str | None] = json.loads(ledger.note(Note.CLASS_MAP) or "{}")
    return decided_


def decided(before: Mapped, old: str, new: str | None) -> dict[str, str | None]:
    """The decisions with one more: what `old` counts as, or None that its samples leave.

    What was decided of `new` before, while it was no label, ends: so no label ever counts as itself
    by a detour.
    """
    others = {label: to for label, to in before.items() if label not in {old, new}}
    return {**others, old: new}


def note_decision(ledger: Ledger, old: str, new: str | None) -> None:
    """Keep what people decided of an old label; the next sync acts on it."""
    after = decided(decisions(ledger), old, new)
    ledger.set_note(Note.CLASS_MAP, json.dumps(after, ensure_ascii=False))


def read_classes(ledger: Ledger) -> ClassList:
    """The class list of the last release; empty before the first."""
    return ClassList(tuple(json.loads(ledger.note(Note.CLASSES) or "[]")))


def classes_json(classes: ClassList) -> str:
    """A class list as the value of `Note.CLASSES`."""
    return json.dumps(classes.names, ensure_ascii=False)


def near_name(old: str, new: Sequence[str]) -> str | None:
    """The one of the new labels that is called much like the old one; None where none is."""
    by_fold = {label.casefold(): label for label in reversed(new)}
    found = difflib.get_close_matches(old.casefold(), by_fold, n=1)
    return by_fold[found[0]] if found else None


def _class_gone(
    gone: Sequence[str], new: Sequence[str], used: Mapping[str, int], campaign: str
) -> StorageError:
    only = new[0] if len(gone) == len(new) == 1 else None
    classes = "; ".join(f"{label!r} ({count(used.get(label, 0), 'sample')})" for label in gone)
    return StorageError(
        f"Classes of the training set that are no labels any more: {classes}.",
        hint=" ".join(_what_now(label, near_name(label, new) or only, campaign) for label in gone)
        + " Or put the label back. Nothing was changed in the training set.",
        code=CLASS_GONE,
    )


def _what_now(old: str, near: str | None, campaign: str) -> str:
    command = f"ls-clip classes map {shlex.quote(campaign)} {shlex.quote(old)}"
    if near is not None:
        renamed = f"Was {old!r} renamed to {near!r}? Then: {command} {shlex.quote(near)}."
    else:
        renamed = f"If {old!r} was renamed: {command} NEW."
    drop = f"ls-clip classes drop {shlex.quote(campaign)} {shlex.quote(old)}"
    return f"{renamed} If its samples are to leave: {drop}."
