"""Train, validation, test: which split each sample is in.

A family of kin is always in one split, and stays where it was as the set grows. What was trained or
validated on is never tested on afterwards: where kin of different splits meet, all of them move to
train if any was there, else to validation.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from importers.config.storage_sections import SplitSettings
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.ledger.reviews import Placement
from importers.record import SPLITS, TEST, Record
from importers.scoring.looks import Vectors, unpacked

FOLDER = "folder"
"""Generator of pictures that were not drawn for the campaign."""
AT_ONCE = 512
ROUNDING = 1e-6  # of a cosine, which depends a little on what is multiplied at once


class Families:
    """Things by number, from 0, in families that are joined."""

    def __init__(self, things: int) -> None:
        self._above = list(range(things))

    def of(self, thing: int) -> int:
        """The number that stands for the family of a thing."""
        above = self._above
        while above[thing] != thing:
            above[thing] = above[above[thing]]
            thing = above[thing]
        return thing

    def join(self, one: int, other: int) -> None:
        """Make one family of those of two things; the smaller number stands for it."""
        first, second = sorted((self.of(one), self.of(other)))
        self._above[second] = first


def drawn_from(record: Record) -> str | None:
    """The prompt that makes a sample kin of others with it; None where its prompt does not.

    What a picture made from others was asked to be is said of each of them in the same words: its
    parents make its kin. A picture from a folder of which no prompt is known has its label as one.
    """
    if record.parents or not record.prompt:
        return None
    if record.generator == FOLDER and record.prompt == record.prompt_label:
        return None
    return record.prompt


def pictures(record: Record) -> frozenset[str]:
    """sha256 of the sample's picture, and of those it is made from through all generations."""
    return frozenset((record.sha256, *record.parents, *record.ancestors))


def ties(record: Record) -> Iterator[tuple[str, str]]:
    """What makes kin of all samples that have one of these, but for looks."""
    prompt = drawn_from(record)
    if prompt is not None:
        yield "prompt", prompt
    for sha256 in pictures(record):
        yield "picture", sha256


def alike(vectors: Vectors, threshold: float, settled: int = 0) -> NDArray[np.intp]:
    """Row → the row that stands for all that look the same, also through others.

    Args:
        vectors: Unit vectors, shape (n, d).
        threshold: Cosine from which two rows look the same, in (0, 1].
        settled: So many of the first rows are not compared with each other. The others are with
            all: so the cost is that of (n - settled) · n products.
    """
    standing = np.arange(len(vectors))
    for start in range(settled, len(vectors), AT_ONCE):
        block = vectors[start : start + AT_ONCE]
        near = block @ vectors[: start + len(block)].T >= threshold - ROUNDING
        for row in range(start, start + len(block)):
            earlier = np.flatnonzero(near[row - start, :row])
            if not len(earlier):
                continue
            families = np.unique(standing[earlier])
            if len(families) > 1:
                standing[np.isin(standing, families)] = families[0]
            standing[row] = families[0]
    return standing


def split_samples(
    ledger: Ledger,
    records: Mapping[str, Record],
    before: Mapping[str, Record],
    settings: SplitSettings,
) -> dict[str, Record]:
    """`assign`, with what the ledger knows; afterwards, once a release stands, `note_compared`.

    Args:
        records: All samples of the release to be made.
        before: Those of the last release.
    """
    if _stand(ledger, records, before, settings):
        return {key: _put(record, _place_of(before[key])) for key, record in records.items()}
    version = ledger.note(Note.MODEL_VERSION)
    vectors = {} if version is None else ledger.vectors.of_model(version)
    new = {key: record for key, record in records.items() if key not in before}
    return assign(
        records,
        before,
        vectors,
        settings,
        compared=ledger.vectors.compared(vectors, settings.near_duplicates),
        placed=ledger.reviews.placements({p for record in new.values() for p in pictures(record)}),
    )


def _stand(
    ledger: Ledger,
    records: Mapping[str, Record],
    before: Mapping[str, Record],
    settings: SplitSettings,
) -> bool:
    """Whether nothing came that could make kin of others: all samples stay where they are."""
    for key, record in records.items():
        old = before.get(key)
        if old is None or (old is not record and _ties(old) != _ties(record)):
            return False
        if record.synthetic and old.split == TEST and not settings.synthetic_in_test:
            return False
    return not _uncompared(ledger, records, settings)


def _ties(record: Record) -> tuple[object, ...]:
    return (record.synthetic, *sorted(ties(record)))


def _uncompared(ledger: Ledger, records: Mapping[str, Record], settings: SplitSettings) -> set[str]:
    """Pictures of these samples whose vectors were not compared with those of the others."""
    version = ledger.note(Note.MODEL_VERSION)
    if version is None:
        return set()
    left = ledger.vectors.uncompared(version, settings.near_duplicates)
    return left and left & {record.sha256 for record in records.values()}


def _place_of(record: Record) -> Placement:
    return Placement(record.family, record.split)


def note_compared(ledger: Ledger, records: Mapping[str, Record], settings: SplitSettings) -> None:
    """Say that these samples' vectors are compared with each other; next time only new ones are.

    To be called after the release is recorded. Where a process dies before, more is compared.
    """
    new = _uncompared(ledger, records, settings)
    ledger.vectors.record_compared(new, settings.near_duplicates)


def assign(
    records: Mapping[str, Record],
    before: Mapping[str, Record],
    vectors: Mapping[str, bytes],
    settings: SplitSettings,
    *,
    compared: Collection[str] = frozenset(),
    placed: Mapping[str, Placement] | None = None,
) -> dict[str, Record]:
    """All records with split and family.

    A family that is new is put by a hash of its name, which is the smallest sample key in it, so
    that the shares are met in expectation. One with a synthetic sample is kept out of test, unless
    the settings allow it: the share of test then goes to the others in proportion. A picture of
    which nobody knows whether a model drew it counts as a photo. Other shares in the settings move
    nothing that is there.

    Args:
        records: All samples of the release to be made, by key.
        before: Those of the last release.
        vectors: Of one CLIP model, by sha256, as `importers.scoring.looks.packed` makes them;
            pictures without one have no near duplicates.
        compared: sha256 of those whose vectors were compared with each other at this threshold when
            `before` was made; with none, all are compared with all.
        placed: Where pictures that left lay, and pictures that others are made from; by sha256.
    """
    keys = sorted(records)
    families = Families(len(keys))
    known = [_known(key, records[key], before, placed or {}) for key in keys]
    _join_ties(families, [records[key] for key in keys], known)
    settled = [
        key in before
        and before[key].sha256 == records[key].sha256
        and records[key].sha256 in compared
        for key in keys
    ]
    _join_alike(families, [records[key].sha256 for key in keys], settled, vectors, settings)
    members: dict[int, list[int]] = defaultdict(list)
    for number in range(len(keys)):
        members[families.of(number)].append(number)
    found: dict[str, Placement] = {}
    for family in members.values():
        place = _place(
            [records[keys[n]] for n in family], [p for n in family for p in known[n]], settings
        )
        found |= {keys[n]: place for n in family}
    return {key: _put(record, found[key]) for key, record in records.items()}


def _known(
    key: str, record: Record, before: Mapping[str, Record], placed: Mapping[str, Placement]
) -> list[Placement]:
    """Where a sample lies by now, or where those lay that it is, or is made from."""
    if key in before:
        return [_place_of(before[key])]
    return [placed[sha256] for sha256 in sorted(pictures(record)) if sha256 in placed]


def _join_ties(
    families: Families, records: Sequence[Record], known: Sequence[Sequence[Placement]]
) -> None:
    first: dict[tuple[str, str], int] = {}
    for number, record in enumerate(records):
        # A new sample may have named a family that is still there, with another picture then.
        named = [place.family for place in known[number]] or [record.sample]
        for tie in (*ties(record), *(("family", name) for name in named)):
            families.join(number, first.setdefault(tie, number))


def _join_alike(
    families: Families,
    digests: Sequence[str],
    settled: Sequence[bool],
    vectors: Mapping[str, bytes],
    settings: SplitSettings,
) -> None:
    """Join what looks the same; pictures that are settled are not compared with each other."""
    seen = [number for number, sha256 in enumerate(digests) if sha256 in vectors]
    old = [number for number in seen if settled[number]]
    new = [number for number in seen if not settled[number]]
    if not new:
        return
    order = [*old, *new]
    rows = unpacked([vectors[digests[number]] for number in order])
    standing = alike(rows, settings.near_duplicates, settled=len(old))
    for row in np.flatnonzero(standing != np.arange(len(order))):
        families.join(order[row], order[standing[row]])


def _place(
    family: Sequence[Record], known: Sequence[Placement], settings: SplitSettings
) -> Placement:
    """The name and the split of a family, from where its members lay."""
    tested = settings.synthetic_in_test or not any(record.synthetic for record in family)
    name = _name(family, known)
    lay = {place.split for place in known}
    split = next((split for split in SPLITS if split in lay), None)
    if split is None or (split == TEST and not tested):
        split = _draw(name, settings, tested=tested)
    return Placement(name, split)


def _name(family: Iterable[Record], known: Sequence[Placement]) -> str:
    """The name that most of a family has, so that few records change; else its smallest key."""
    names = Counter(place.family for place in known)
    if not names:
        return min(record.sample for record in family)
    return min(names, key=lambda name: (-names[name], name))


def _draw(name: str, settings: SplitSettings, *, tested: bool) -> str:
    """A split by the shares; the same for the same name."""
    shares = {"train": settings.train, "validation": settings.validation}
    if tested:
        shares[TEST] = settings.test
    digest = hashlib.sha256(f"{'any' if tested else 'untested'}|{name}".encode()).digest()
    left = int.from_bytes(digest[:8], "big") / 2**64 * sum(shares.values())
    possible = [split for split in shares if shares[split]]
    for split in possible[:-1]:
        left -= shares[split]
        if left < 0:
            return split
    return possible[-1]


def _put(record: Record, place: Placement) -> Record:
    if (record.family, record.split) == place:
        return record
    return replace(record, family=place.family, split=place.split)
