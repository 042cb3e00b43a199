"""Which images a sample comes from, through all generations.

Training and validation must not share an ancestor: a child looks like what it was made from.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from importers.sample import Sample


@dataclass(frozen=True)
class Ancestors:
    """What a sample was made from, its parents' parents included.

    Attributes:
        images: sha256 of every image.
        samples: Keys of those samples whose image is one of them; photos are nobody's.
    """

    images: frozenset[str]
    samples: frozenset[str]


_Makers = Mapping[str, Collection[Sample]]


def ancestors(samples: Iterable[Sample], sample: Sample) -> Ancestors:
    """The ancestors of one sample.

    Args:
        samples: All samples of the ledger.
    """
    return _ancestors(_makers(samples), sample)


def all_ancestors(samples: Collection[Sample]) -> dict[str, Ancestors]:
    """The ancestors of each of a ledger's samples, by key."""
    makers = _makers(samples)
    return {sample.key: _ancestors(makers, sample) for sample in samples}


def _makers(samples: Iterable[Sample]) -> _Makers:
    """Image → the samples that have it."""
    makers: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.sha256 is not None:
            makers[sample.sha256].append(sample)
    return makers


def _ancestors(makers: _Makers, sample: Sample) -> Ancestors:
    images: set[str] = set()
    keys: set[str] = set()
    ahead = list(sample.planned.parents)
    while ahead:
        image = ahead.pop()
        if image in images:
            continue
        images.add(image)
        for maker in makers.get(image, ()):
            keys.add(maker.key)
            ahead.extend(maker.planned.parents)
    return Ancestors(frozenset(images), frozenset(keys))
