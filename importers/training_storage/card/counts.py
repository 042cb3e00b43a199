"""The numbers of a dataset card, counted from the records of its release."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from importers.record import SPLITS, Record
from importers.training_storage.layouts import Contents
from ls_backend.words import count

NOT_KNOWN = "not known"


@dataclass(frozen=True)
class LabelCount:
    """A class of the release.

    Attributes:
        number: Number of the class.
        label: Name of the class.
        splits: Number of its pictures by split.
    """

    number: int
    label: str
    splits: Mapping[str, int]

    @property
    def pictures(self) -> int:
        """Number of its pictures."""
        return sum(self.splits.values())


@dataclass(frozen=True)
class GeneratorCount:
    """What a generator drew in one size.

    Attributes:
        generator, size: Name of the generator, and of the size or `NOT_KNOWN`.
        first_day, last_day: Days of its pictures, as YYYY-MM-DD, or `NOT_KNOWN`.
        pictures: Number of pictures.
    """

    generator: str
    size: str
    first_day: str
    last_day: str
    pictures: int


class Counts:
    """Numbers of a release, counted from its records when they are asked for.

    Attributes:
        records: Records of the release.
        pictures: Number of records.
        drawn: Number of records whose generator is known.
    """

    def __init__(self, contents: Contents) -> None:
        self.records = contents.records
        self._names = contents.classes.names
        self._drawn = [record for record in contents.records if record.generator]
        self.pictures = len(self.records)
        self.drawn = len(self._drawn)

    # -- what is in it -----------------------------------------------------------------------

    @cached_property
    def labels(self) -> list[LabelCount]:
        """Every class that there is, by number."""
        of = Counter((record.class_id, record.split) for record in self.records)
        return [
            LabelCount(number, name, {split: of[number, split] for split in SPLITS})
            for number, name in enumerate(self._names)
            if name is not None
        ]

    @cached_property
    def splits(self) -> dict[str, int]:
        """Number of pictures by split."""
        of = Counter(record.split for record in self.records)
        return {split: of[split] for split in SPLITS}

    @cached_property
    def drawn_in(self) -> Mapping[str, int]:
        """Number of pictures that a model drew, by split."""
        return Counter(record.split for record in self.records if record.synthetic)

    @cached_property
    def first_split(self) -> str:
        """The first split that has pictures."""
        return next(split for split, pictures in self.splits.items() if pictures)

    @cached_property
    def techniques(self) -> list[tuple[str, int]]:
        """Techniques, or `NOT_KNOWN`, and number of pictures, the most frequent first."""
        of = Counter(record.technique or "" for record in self.records)
        most_first = sorted(of.items(), key=lambda item: (-item[1], item[0]))
        return [(technique or NOT_KNOWN, pictures) for technique, pictures in most_first]

    # -- where it comes from -----------------------------------------------------------------

    @cached_property
    def origins(self) -> Mapping[bool | None, int]:
        """Number of pictures that a model drew (True), that none did (False), and others (None)."""
        return Counter(record.synthetic for record in self.records)

    @cached_property
    def generators(self) -> list[GeneratorCount]:
        """Every generator in every size, by name."""
        groups: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in self._drawn:
            groups[record.generator or "", record.size or NOT_KNOWN].append(record)
        found = []
        for (generator, size), group in sorted(groups.items()):
            days = sorted(record.generated_at[:10] for record in group if record.generated_at)
            first, last = (days[0], days[-1]) if days else (NOT_KNOWN, NOT_KNOWN)
            found.append(GeneratorCount(generator, size, first, last, len(group)))
        return found

    @cached_property
    def costs(self) -> Sequence[float]:
        """Costs of drawn pictures, in US dollars, as far as they are known."""
        return [record.cost_usd for record in self._drawn if record.cost_usd is not None]

    @cached_property
    def cost_usd(self) -> float | None:
        """What these cost together, in US dollars; None where no cost is known."""
        return math.fsum(self.costs) if self.costs else None

    @cached_property
    def terms(self) -> list[tuple[str, int]]:
        """Terms of providers, sorted, and the number of pictures that came under them."""
        return sorted(Counter(record.terms for record in self.records if record.terms).items())

    # -- CLIP, people and splits -------------------------------------------------------------

    @cached_property
    def model_versions(self) -> list[str]:
        """Versions of CLIP, each with the number of pictures that it scored."""
        of = Counter(record.model_version for record in self.records if record.model_version)
        return [f"{version} ({count(n, 'picture')})" for version, n in sorted(of.items())]

    @cached_property
    def families(self) -> Mapping[str, set[str]]:
        """Splits in which each family lies, by its name."""
        splits: defaultdict[str, set[str]] = defaultdict(set)
        for record in self.records:
            splits[record.family].add(record.split)
        return splits
