"""The proof that no family is torn: on a release's records, by other means than `splits` made them.

Every kind of kinship is looked at on its own, and every pair of pictures is compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from importers.config.storage_sections import SplitSettings
from importers.ledger import Ledger
from importers.ledger.reviews import RELEASE_NOTE
from importers.record import SPLITS, TEST, Record
from importers.scoring.looks import unpacked
from importers.scoring.select import MODEL_VERSION_NOTE
from importers.training_storage.splits import drawn_from

AT_ONCE = 512

FAMILY = "family"
PROMPT = "prompt"
PICTURE = "same picture"
ANCESTOR = "ancestor"
LOOKS = "near duplicate"


@dataclass(frozen=True)
class Torn:
    """Kin in more than one split.

    Attributes:
        kinship: Which kind: family, prompt, same picture, ancestor or near duplicate.
        by: What makes them kin: the family's name, the prompt, a sha256, or the cosine.
        samples: Their keys; for near duplicates two.
        splits: The splits they are in.
    """

    kinship: str
    by: str
    samples: tuple[str, ...]
    splits: tuple[str, ...]


@dataclass(frozen=True)
class SplitsReport:
    """The splits of a release, and what is wrong with them.

    Attributes:
        release: Its name; None before the first.
        samples: How many there are.
        families, largest_family: How many, and the samples in the largest.
        splits: Samples of each split.
        wanted: The share of each split in the settings.
        labels: Samples of each label by split.
        without_vector: Samples whose looks are not known; they have no near duplicates here.
        torn: Kin in more than one split.
        synthetic_in_test: Keys of generated samples in test, where the settings keep them out.
    """

    release: str | None
    samples: int
    families: int
    largest_family: int
    splits: dict[str, int]
    wanted: dict[str, float]
    labels: dict[str, dict[str, int]]
    without_vector: int
    torn: tuple[Torn, ...]
    synthetic_in_test: tuple[str, ...]

    @property
    def right(self) -> bool:
        """Whether nothing is wrong."""
        return not self.torn and not self.synthetic_in_test


def check_splits(ledger: Ledger, settings: SplitSettings) -> SplitsReport:
    """Look at the splits of the last release, as the ledger has it; the storage is not read."""
    records = list(ledger.reviews.records().values())
    version = ledger.note(MODEL_VERSION_NOTE)
    vectors = {} if version is None else ledger.selection.vectors_of(version)
    families = Counter(record.family for record in records)
    splits = Counter(record.split for record in records)
    labels = Counter((record.label, record.split) for record in records)
    wrong = [] if settings.synthetic_in_test else [r for r in records if r.synthetic]
    return SplitsReport(
        release=ledger.note(RELEASE_NOTE),
        samples=len(records),
        families=len(families),
        largest_family=max(families.values(), default=0),
        splits={split: splits[split] for split in SPLITS},
        wanted={split: getattr(settings, split) for split in SPLITS},
        labels={
            label: {split: labels[label, split] for split in SPLITS}
            for label in sorted({record.label for record in records})
        },
        without_vector=sum(record.sha256 not in vectors for record in records),
        torn=tuple(torn(records, vectors, settings.near_duplicates)),
        synthetic_in_test=tuple(r.sample for r in wrong if r.split == TEST),
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
