"""What a campaign will ask for, in counts: before any money is spent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from importers.config.campaign import Campaign
from importers.generation.sources import NotLookedAt, gathered_ahead
from importers.ledger.inputs import WrittenText
from importers.prompts.derive import derive
from importers.prompts.folder import folder_samples
from importers.prompts.mention import compositional
from importers.prompts.sampling import RefusedText, refused_texts, write_prompts
from importers.sample import Prompt
from ls_backend.errors import ConfigError


@dataclass(frozen=True)
class Group:
    """The prompts of one label and technique.

    Attributes:
        prompts: Number of prompts.
        distinct: Number of different texts; the same text again is drawn with the next seed.
        compositional: Number of prompts that ask for a position, a count or a relation.
        factors: Number of prompts with each value of each factor.
    """

    label: str
    technique: str
    prompts: int
    distinct: int
    compositional: int
    factors: dict[str, dict[str, int]]


@dataclass(frozen=True)
class PromptPlan:
    """The prompts of a campaign, counted.

    Attributes:
        prompts, distinct, compositional: Numbers as in `Group`, of all.
        images: Number of images that are drawn of them.
        groups: Prompts by label and technique, in the campaign's order.
        refused: Written prompts that are not drawn.
        not_looked_at: Techniques whose source images were not looked for: their prompts are not
            counted, but for what earlier runs found.
    """

    campaign: str
    prompts: int
    distinct: int
    compositional: int
    images: int
    groups: list[Group]
    refused: list[RefusedText]
    not_looked_at: tuple[NotLookedAt, ...]


def prompt_plan(campaign: Campaign) -> PromptPlan:
    """Count the prompts of a campaign by label, technique and factor.

    Raises:
        ConfigError: the prompts cannot be made; see `write_prompts` and `gather`.
    """
    prompts, written, not_looked_at = _all_prompts(campaign)
    groups = _groups(prompts)
    folder = campaign.generator.kind == "folder"  # each picture there is the only one
    images_of_each = 1 if folder else campaign.selection.images_per_prompt
    return PromptPlan(
        campaign=campaign.name,
        prompts=len(prompts),
        distinct=len({prompt.text for prompt in prompts}),
        compositional=sum(group.compositional for group in groups),
        images=len(prompts) * images_of_each,
        groups=groups,
        refused=refused_texts(campaign, written) if campaign.prompts.writer else [],
        not_looked_at=not_looked_at,
    )


def _all_prompts(
    campaign: Campaign,
) -> tuple[list[Prompt], list[WrittenText], tuple[NotLookedAt, ...]]:
    """The prompts in the order in which they are drawn, and what they are made of."""
    if campaign.generator.kind == "folder":
        return [sample.prompt for sample in folder_samples(campaign)], [], ()
    with gathered_ahead(campaign) as (ledger, not_looked_at):
        written, sources = ledger.writings.texts(), ledger.sources.all()
    derived = [child.prompt for child in derive(campaign, sources)]
    return [*write_prompts(campaign, written), *derived], written, not_looked_at


@dataclass(frozen=True)
class PlannedPrompt:
    """A prompt, and which of its words make it compositional."""

    label: str
    technique: str
    text: str
    factors: dict[str, str]
    compositional: tuple[str, ...]


@dataclass(frozen=True)
class PromptList:
    """The prompts of a campaign, in its order; `not_looked_at` as in `PromptPlan`."""

    campaign: str
    prompts: list[PlannedPrompt]
    not_looked_at: tuple[NotLookedAt, ...]


def prompt_list(
    campaign: Campaign, label: str | None = None, technique: str | None = None
) -> PromptList:
    """The prompts of a campaign; of one label or technique where it is named.

    Raises:
        ConfigError: the prompts cannot be made, or none has that label or technique.
    """
    prompts, _, not_looked_at = _all_prompts(campaign)
    for wanted, known in (
        (label, dict.fromkeys(p.label for p in prompts)),
        (technique, dict.fromkeys(p.technique for p in prompts)),
    ):
        if wanted is not None and wanted not in known:
            raise ConfigError(
                f"No prompt of {campaign.name!r} has {wanted!r}.",
                hint=f"There are: {', '.join(known) or 'none'}.",
            )
    chosen = [
        PlannedPrompt(p.label, p.technique, p.text, dict(p.factors), compositional(p.text))
        for p in prompts
        if label in {None, p.label} and technique in {None, p.technique}
    ]
    return PromptList(campaign.name, chosen, not_looked_at)


def _groups(prompts: Sequence[Prompt]) -> list[Group]:
    of: dict[tuple[str, str], list[Prompt]] = {}
    for prompt in prompts:
        of.setdefault((prompt.label, prompt.technique), []).append(prompt)
    return [_counted(label, technique, members) for (label, technique), members in of.items()]


def _counted(label: str, technique: str, prompts: Sequence[Prompt]) -> Group:
    names = dict.fromkeys(name for prompt in prompts for name in prompt.factors)
    return Group(
        label,
        technique,
        prompts=len(prompts),
        distinct=len({prompt.text for prompt in prompts}),
        compositional=sum(bool(compositional(prompt.text)) for prompt in prompts),
        factors={
            name: dict(Counter(p.factors[name] for p in prompts if name in p.factors))
            for name in names
        },
    )
