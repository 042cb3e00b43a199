"""The check of a release's splits, by other means than `splits` made them.

The proof that no family is torn: every kind of kinship is looked at on its own, and every pair of
pictures is compared. And why a split is empty, with what to do about it.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from importers.config.storage_sections import SplitSettings
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.record import SPLITS, TEST, Record
from importers.scoring.looks import unpacked
from importers.training_storage.releases.read import read_release, records_of
from importers.training_storage.splits import drawn_from
from importers.training_storage.storages import open_storage

AT_ONCE = 512

FAMILY = "family"
PROMPT = "prompt"
PICTURE = "same picture"
ANCESTOR = "ancestor"
LOOKS = "near duplicate"

NO_SHARE = "share 0"
KEPT_OUT = "generated pictures kept out"
ONE_FAMILY = "one family"
TOO_FEW = "too few families"
STAYS_OUT = "split before"

_HINTS = {
    NO_SHARE: "Set {split} under [storage.splits]; families that come later may go there.",
    KEPT_OUT: 'Add real pictures, as a campaign with kind = "folder" under [generator] does, or '
    "allow generated ones: synthetic_in_test = true under [storage.splits].",
    ONE_FAMILY: "Use more prompts: pictures of one prompt, or made from one picture, are kin.",
    TOO_FEW: "Approve pictures of more prompts: with {enough} families it is hardly ever empty.",
    STAYS_OUT: "Approve pictures of more prompts: families that come later may go there.",
}
_RARE = 0.01
"""Probability below which chance is no explanation for an empty split."""
_LIKELY_ENOUGH = 0.05
"""Probability of an empty split that is worth advising."""


@dataclass(frozen=True)
class Torn:
    """Kin in more than one split.

    Attributes:
        kinship: Kind of kinship: family, prompt, same picture, ancestor or near duplicate.
        by: Name of the family, prompt, sha256 or cosine that makes them kin.
        samples: Keys of the samples; for near duplicates two.
        splits: Splits that they are in.
    """

    kinship: str
    by: str
    samples: tuple[str, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True)
class EmptySplit:
    """A split without samples.

    Attributes:
        split: Name of the split.
        cause: `NO_SHARE`, `KEPT_OUT`, `ONE_FAMILY`, `TOO_FEW` or `STAYS_OUT`.
        why: A sentence for people, that begins with the split.
        hint: Next step.
    """

    split: str
    cause: str
    why: str
    hint: str


@dataclass(frozen=True)
class SplitsReport:
    """The splits of a release, and what is wrong with them.

    Attributes:
        release: Name of the release.
        samples: Number of samples.
        families, largest_family: Number of families, and of samples in the largest.
        splits: Number of samples by split.
        wanted: Share of each split in the settings, in [0, 1]; empty where they are not known.
        labels: Number of samples by label and split.
        without_vector: Number of samples without a CLIP vector, in which no near duplicates are
            found here.
        torn: Kin in more than one split.
        synthetic_in_test: Keys of generated samples in test, where the settings keep them out.
        empty: Splits without samples; none where there are no samples at all, or where the
            settings are not known.
    """

    release: str
    samples: int
    families: int
    largest_family: int
    splits: dict[str, int]
    wanted: dict[str, float]
    labels: dict[str, dict[str, int]]
    without_vector: int
    torn: tuple[Torn, ...]
    synthetic_in_test: tuple[str, ...]
    empty: tuple[EmptySplit, ...] = ()

    @property
    def right(self) -> bool:
        """Whether nothing is wrong; an empty split is not wrong, whatever the settings ask for."""
        return not self.torn and not self.synthetic_in_test


def check_splits(
    url: str, name: str, settings: SplitSettings | None = None, ledger: Ledger | None = None
) -> SplitsReport:
    """Look at the splits of a release in training storage.

    Args:
        name: Name of the release.
        settings: What splits should be like; None where that is not known.
        ledger: The CLIP vectors of the pictures; None leaves near duplicates out.

    Raises:
        StorageError: the release cannot be read, or is damaged.
    """
    storage = open_storage(url)
    records = records_of(storage, read_release(storage, name))
    version = ledger.note(Note.MODEL_VERSION) if ledger else None
    vectors = ledger.vectors.of_model(version) if ledger and version else {}
    families = Counter(record.family for record in records)
    splits = Counter(record.split for record in records)
    labels = Counter((record.label, record.split) for record in records)
    kept_out = settings is not None and not settings.synthetic_in_test
    wrong = [r.sample for r in records if kept_out and r.synthetic and r.split == TEST]
    return SplitsReport(
        release=name,
        samples=len(records),
        families=len(families),
        largest_family=max(families.values(), default=0),
        splits={split: splits[split] for split in SPLITS},
        wanted={split: getattr(settings, split) for split in SPLITS} if settings else {},
        labels={
            label: {split: labels[label, split] for split in SPLITS}
            for label in sorted({record.label for record in records})
        },
        without_vector=sum(record.sha256 not in vectors for record in records),
        torn=tuple(torn(records, vectors, settings.near_duplicates if settings else 1)),
        synthetic_in_test=tuple(wrong),
        empty=tuple(empty_splits(records, settings)) if settings else (),
    )


def torn(records: Iterable[Record], vectors: Mapping[str, bytes], threshold: float) -> list[Torn]:
    """All kin that are in more than one split.

    Args:
        vectors: Of one CLIP model, by sha256, packed.
        threshold: Cosine from which two pictures must be in one split.
    """
    listed = list(records)
    kinds: dict[str, Callable[[Record], Iterable[str]]] = {
        FAMILY: lambda record: [record.family],
        PROMPT: lambda record: filter(None, [drawn_from(record)]),
        PICTURE: lambda record: [record.sha256],
        ANCESTOR: lambda record: {record.sha256, *record.parents, *record.ancestors},
    }
    found = [tear for kind, of in kinds.items() for tear in _torn_by(kind, of, listed)]
    return [*found, *_torn_by_looks(listed, vectors, threshold)]


def empty_splits(records: Sequence[Record], settings: SplitSettings) -> Iterator[EmptySplit]:
    """Why splits have none of these samples."""
    used = {record.split for record in records}
    for split in SPLITS:
        if records and split not in used:
            cause, why, enough = _cause(split, records, settings)
            hint = _HINTS[cause].format(split=split, enough=enough)
            yield EmptySplit(split, cause, f"no {split} split: {why}", hint)


def _torn_by(
    kinship: str, of: Callable[[Record], Iterable[str]], records: Sequence[Record]
) -> Iterator[Torn]:
    kin: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        for tie in of(record):
            kin[tie].append(record)
    for tie, members in kin.items():
        splits = {member.split for member in members}
        alone = kinship == ANCESTOR and {m.sha256 for m in members} == {tie}
        if len(splits) > 1 and not alone:
            yield Torn(kinship, tie, tuple(m.sample for m in members), _in_order(splits))


def _torn_by_looks(
    records: Sequence[Record], vectors: Mapping[str, bytes], threshold: float
) -> Iterator[Torn]:
    seen = [record for record in records if record.sha256 in vectors]
    if not seen:
        return
    rows = unpacked([vectors[record.sha256] for record in seen])
    splits = np.array([SPLITS.index(record.split) for record in seen])
    for start in range(0, len(seen), AT_ONCE):
        block, others = slice(start, start + AT_ONCE), slice(start, None)
        cosines = rows[block] @ rows[others].T
        apart = splits[block, None] != splits[others]
        for row, other in np.argwhere((cosines >= threshold) & apart):
            one, two = seen[start + row], seen[start + other]
            if row < other and one.sha256 != two.sha256:
                cosine = f"{cosines[row, other]:.4f}"
                keys = (one.sample, two.sample)
                yield Torn(LOOKS, cosine, keys, _in_order({one.split, two.split}))


def _in_order(splits: set[str]) -> tuple[str, ...]:
    return tuple(split for split in SPLITS if split in splits)


def _cause(
    split: str, records: Sequence[Record], settings: SplitSettings
) -> tuple[str, str, int | None]:
    """The cause, why that is so, and how many families would be enough, where these are too few."""
    share = getattr(settings, split)
    if not share:
        return NO_SHARE, "its share is 0", None
    generated = {record.family: False for record in records}
    generated |= {record.family: True for record in records if record.synthetic}
    chances = [_chance(split, settings, of_model) for of_model in generated.values()]
    possible = [chance for chance in chances if chance]
    if not possible:
        only = all(record.synthetic for record in records)
        others = "there are no others" if only else "all others are kin of some"
        return KEPT_OUT, f"generated pictures are kept out of it, and {others}", None
    if len(generated) == 1 < len(records):
        why = f"all {len(records):,} samples are one family, and a family is never split"
        return ONE_FAMILY, why, None
    if math.prod(1 - chance for chance in possible) < _RARE:
        why = "what was split under other settings, or is kin of what is in train, stays out of it"
        return STAYS_OUT, why, None
    families = "1 family" if len(possible) == 1 else f"{len(possible):,} families"
    why = f"{families} may be in it, too few for a share of {100 * share:g} %"
    chance = min(possible)  # with so many families, each with this chance, it is seldom empty
    enough = 1 if chance == 1 else math.ceil(math.log(_LIKELY_ENOUGH) / math.log1p(-chance))
    return TOO_FEW, why, enough


def _chance(split: str, settings: SplitSettings, of_model: bool) -> float:
    """Probability that a new family is put into a split.

    Args:
        of_model: Whether the family has a generated picture.
    """
    shares = {name: getattr(settings, name) for name in SPLITS}
    if of_model and not settings.synthetic_in_test:
        shares[TEST] = 0.0
    return float(shares[split] / sum(shares.values()))
