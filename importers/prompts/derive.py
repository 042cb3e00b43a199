"""Source images → prompts with parents: variations, fusions and inpaintings.

The same sources give the same prompts, and more sources later keep those that there are: the words
of a child depend on the place of its parent among the sources, which never changes, and on the
seed. Each value of each factor comes equally often, and the children of one parent get other ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from importers.config.campaign import Campaign
from importers.config.sections import DerivedTechnique, template_slots
from importers.sample import Prompt, SourceImage
from ls_backend.words import mend_articles

FROM_PARENT = "parent"
OF_ONE = ("first", "second")
"""Label rules of a fusion: the child shows what the first of the two shows, or the second."""


@dataclass(frozen=True)
class Derived:
    """A prompt together with the images that it starts from; see `PlannedSample`."""

    prompt: Prompt
    parents: tuple[str, ...]
    mask: str | None = None


@dataclass(frozen=True)
class _Parents:
    """What children are made from: one image, or two; `place` is theirs among all of them."""

    place: int
    images: tuple[SourceImage, ...]
    label: str


def derive(campaign: Campaign, sources: Sequence[SourceImage]) -> list[Derived]:
    """What the campaign's derived techniques make of the source images, in a stable order.

    A technique's `share` is filled in the order in which the sources were found. Sources that
    would give a label which the campaign lacks are passed over.
    """
    return [
        child
        for number, technique in enumerate(campaign.technique)
        if isinstance(technique, DerivedTechnique)
        for child in _children(campaign, technique, sources_of(technique, number, sources))
    ]


def sources_of(
    technique: DerivedTechnique, number: int, sources: Sequence[SourceImage]
) -> list[SourceImage]:
    """The sources of a technique, in the order in which they were found.

    Args:
        number: Its place among the campaign's `[[technique]]`s. Where these were put in another
            order since, the origins tell.
    """
    approved = technique.source == "approved"
    root = "approved:" if approved else f"{technique.source.rstrip('/')}/"
    return [s for s in sources if s.technique == number and s.origin.startswith(root)]


def _children(
    campaign: Campaign, technique: DerivedTechnique, sources: Sequence[SourceImage]
) -> list[Derived]:
    is_fusion = technique.name == "fusion"
    children = [
        _child(campaign, technique, parents, turn)
        for parents in (_pairs if is_fusion else _single)(campaign, technique, sources)
        if parents.label in campaign.labels
        for turn in range(technique.per_image)
    ]
    if technique.share is None:
        return children
    return children[: int(technique.share * campaign.samples)]


def _single(
    _campaign: Campaign, technique: DerivedTechnique, sources: Sequence[SourceImage]
) -> Iterator[_Parents]:
    for place, source in enumerate(sources):
        label = source.label if technique.label == FROM_PARENT else technique.label
        if source.label and (source.mask is not None) == (technique.name == "inpainting"):
            yield _Parents(place, (source,), label)


def _pairs(
    campaign: Campaign, technique: DerivedTechnique, sources: Sequence[SourceImage]
) -> Iterator[_Parents]:
    """Pairs of different images, each image in one of them at most.

    Every image meets the first one that still waits: of the same label where the child gets the
    parents' label, else of another one, as far as there are several.
    """
    alike = technique.label == FROM_PARENT
    mixed = len({source.label for source in sources if source.label}) > 1
    any_two = not alike and technique.label not in OF_ONE and not mixed
    waiting: list[SourceImage] = []
    made = 0
    for source in sources:
        if not source.label:
            continue
        partner = next(
            (
                other
                for other in waiting
                if other.sha256 != source.sha256
                and (any_two or (other.label == source.label) == alike)
            ),
            None,
        )
        if partner is None:
            waiting.append(source)
            continue
        waiting.remove(partner)
        # Each of the two labels is first equally often; the seed says which begins.
        pair = (partner, source) if (made + campaign.seed) % 2 == 0 else (source, partner)
        yield _Parents(made, pair, _label_of_pair(technique, pair))
        made += 1


def _label_of_pair(technique: DerivedTechnique, pair: tuple[SourceImage, SourceImage]) -> str:
    if technique.label == "second":
        return pair[1].label
    return pair[0].label if technique.label in {FROM_PARENT, "first"} else technique.label


def _child(
    campaign: Campaign, technique: DerivedTechnique, parents: _Parents, turn: int
) -> Derived:
    stream = f"{campaign.seed}|{technique.name}|{technique.source}"
    template = _pick(technique.templates, parents.place, turn, f"{stream}|template")
    factors = {
        name: _pick(values, parents.place, turn, f"{stream}|{name}")
        for name, values in technique.factors.items()
        if name in template_slots(template)
    }
    words = {"label": parents.label, **factors}
    if technique.name == "fusion":
        words |= {name: image.label for name, image in zip(OF_ONE, parents.images, strict=True)}
    return Derived(
        Prompt(mend_articles(template.format(**words)), parents.label, technique.name, factors),
        parents=tuple(image.sha256 for image in parents.images),
        mask=parents.images[0].mask,
    )


def _pick(values: Sequence[str], place: int, turn: int, stream: str) -> str:
    """The value for the child number `turn` of the parents at a place.

    Each round through the values has a shuffle of its own, in which the children of one parent take
    the next ones.
    """
    round_, first = divmod(place, len(values))
    shuffled = list(values)
    random.Random(f"{stream}|{round_}").shuffle(shuffled)
    return shuffled[(first + turn) % len(values)]
