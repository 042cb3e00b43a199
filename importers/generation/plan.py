"""campaign.toml and what the ledger knows → the samples that a campaign asks for, and their keys.

Owns how a prompt becomes a planned sample: candidates to choose from, seeds, parents. Asks nobody:
the same campaign and ledger give the same plan.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from importers.config.campaign import Campaign
from importers.generators.base import request_parameters
from importers.ledger import Ledger
from importers.ledger.inputs import WrittenText
from importers.prompts import write_prompts
from importers.prompts.derive import Derived, derive
from importers.prompts.folder import check_folder, folder_samples
from importers.sample import PlannedSample, SourceImage, sample_key

SEEDS_APART = 1_000_000
"""Between the candidates of a prompt: a campaign has no more samples than that, so they never meet
the seeds of the same text told again, and the first of them is the same however many there are."""


@dataclass(frozen=True)
class Known:
    """What a plan depends on beside campaign.toml.

    Attributes:
        written: Texts that a language model wrote.
        sources: Images to make samples from.
        sent: Group of images to choose from → how many of them were sent to Label Studio; where
            images were drawn alone, the key of each is its group.
        drawn: Keys of the samples with an image in these groups.
    """

    written: Sequence[WrittenText] = ()
    sources: Sequence[SourceImage] = ()
    sent: Mapping[str, int] = field(default_factory=dict)
    drawn: Collection[str] = ()


def known_to(ledger: Ledger) -> Known:
    sent, drawn = ledger.groups_sent()
    return Known(ledger.writings.texts(), ledger.sources.all(), sent, drawn)


def plan(campaign: Campaign, ledger: Ledger) -> list[PlannedSample]:
    """Record the samples that a campaign asks for, and return them; known ones stay as they are."""
    samples = planned_samples(campaign, known_to(ledger))
    if campaign.generator.kind == "folder":
        check_folder(campaign, samples)
    ledger.plan(samples)
    return samples


def planned_samples(campaign: Campaign, known: Known) -> list[PlannedSample]:
    """The samples that a campaign asks for; the same text again gets the next seeds."""
    if campaign.generator.kind == "folder":
        return folder_samples(campaign)
    told = [Derived(prompt, parents=()) for prompt in write_prompts(campaign, known.written)]
    repeats: Counter[tuple[str, tuple[str, ...]]] = Counter()
    samples: list[PlannedSample] = []
    for derived in [*told, *derive(campaign, known.sources)]:
        drawn_before = repeats[derived.prompt.text, derived.parents]
        repeats[derived.prompt.text, derived.parents] += 1
        samples += _candidates(campaign, derived, campaign.seed + drawn_before, known)
    return samples


def _candidates(
    campaign: Campaign, derived: Derived, first_seed: int, known: Known
) -> Iterator[PlannedSample]:
    """The images to draw from one prompt; the best of them are kept.

    Where people have as many as that already, no more are drawn.
    """
    settings, number = campaign.generator, campaign.selection.images_per_prompt
    parameters = request_parameters(settings)
    group = None
    for seed in range(first_seed, first_seed + number * SEEDS_APART, SEEDS_APART):
        key = sample_key(
            derived.prompt,
            settings.model,
            settings.size,
            parameters,
            seed,
            derived.parents,
            derived.mask,
        )
        group = group or (key if number > 1 else None)
        full = group is not None and known.sent.get(group, 0) >= campaign.selection.keep_best
        if full and key not in known.drawn:
            continue
        yield PlannedSample(
            key=key,
            prompt=derived.prompt,
            model=settings.model,
            size=settings.size,
            parameters=parameters,
            seed=seed,
            group=group,
            parents=derived.parents,
            mask=derived.mask,
        )
