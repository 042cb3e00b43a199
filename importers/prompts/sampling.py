"""Which prompts a campaign asks for: labels take turns, techniques have their shares.

Owns what comes first: prompts that are whole (from a file, or written) come once each, then those
of the templates; without templates the whole ones come again, and are drawn with the next seed.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from importers.config.campaign import Campaign
from importers.config.sections import PromptTechnique
from importers.ledger.inputs import WrittenText
from importers.prompts.balance import turns
from importers.prompts.mention import ADVERSARIAL, unmentioned
from importers.prompts.prompt_file import read_prompt_file
from importers.prompts.templates import template_prompts, templates_of
from importers.sample import Prompt
from ls_backend.errors import ConfigError

WHOLE = "prompt"
"""The kind of a written text that is a whole prompt."""


@dataclass(frozen=True)
class RefusedText:
    """A written prompt that is not drawn.

    Attributes:
        label: The label that it was written for.
        text: The prompt.
        reason: Reason for people.
    """

    label: str
    text: str
    reason: str


def write_prompts(campaign: Campaign, written: Sequence[WrittenText] = ()) -> list[Prompt]:
    """Write the prompts of a campaign, `campaign.samples` of them.

    Labels take turns; each has the techniques in their shares. Asking for more samples later keeps
    the prompts that were there.

    Raises:
        ConfigError: the prompt file cannot be used, or a label or a factor has nothing to draw.
    """
    techniques = campaign.prompt_techniques
    if not techniques:
        return []
    filed = read_prompt_file(campaign)
    streams = [_prompts_of(campaign, label, filed, written) for label in campaign.labels]
    in_turn = itertools.cycle(streams)
    return [next(next(in_turn)) for _ in range(campaign.samples)]


def refused_texts(campaign: Campaign, written: Sequence[WrittenText]) -> list[RefusedText]:
    """The whole prompts that a language model wrote and that never mention their label."""
    found = ((text, unmentioned(campaign, _whole(text, "vanilla"))) for text in written)
    return [
        RefusedText(text.label, text.text, reason)
        for text, reason in found
        if text.kind == WHOLE and reason is not None
    ]


def takes_whole(technique: PromptTechnique) -> bool:
    """Whether a technique draws what a language model wrote as whole prompts."""
    return technique.name != ADVERSARIAL and not technique.templates


def _prompts_of(
    campaign: Campaign, label: str, filed: Sequence[Prompt], written: Sequence[WrittenText]
) -> Iterator[Prompt]:
    """The prompts of a label, without end."""
    techniques = campaign.prompt_techniques
    pools = _pools(campaign, label, filed, written)
    kinds = campaign.prompts.writing.writes if campaign.prompts.writer else []
    values = {
        kind: [text.text for text in written if (text.label, text.kind) == (label, kind)]
        for kind in kinds
        if kinds != ["prompts"]
    }
    sources: list[Iterator[Prompt]] = []
    for technique, pool in zip(techniques, pools, strict=True):
        if templates_of(campaign, technique):
            told = template_prompts(campaign, technique, label, values)
            sources.append(itertools.chain(pool, told))
        else:
            sources.append(_again_and_again(campaign, technique, label, pool))
    for chosen in turns([technique.share for technique in techniques]):
        yield next(sources[chosen])


def _pools(
    campaign: Campaign, label: str, filed: Sequence[Prompt], written: Sequence[WrittenText]
) -> list[list[Prompt]]:
    """The whole prompts of each technique for a label; where several could have one, in turn."""
    techniques = campaign.prompt_techniques
    pools: list[list[Prompt]] = [[] for _ in techniques]
    for name in dict.fromkeys(technique.name for technique in techniques):
        takers = [i for i, technique in enumerate(techniques) if technique.name == name]
        any_ = not campaign.technique
        mine = [p for p in filed if _stands_for(p) == label and (any_ or p.technique == name)]
        for prompt, taker in zip(mine, itertools.cycle(takers)):
            pools[taker].append(prompt)
    takers = [i for i, technique in enumerate(techniques) if takes_whole(technique)]
    texts = [text for text in written if (text.label, text.kind) == (label, WHOLE)]
    if takers and campaign.prompts.writer and campaign.prompts.whole:
        for text, taker in zip(texts, itertools.cycle(takers)):
            prompt = _whole(text, techniques[taker].name)
            if unmentioned(campaign, prompt) is None:
                pools[taker].append(prompt)
    return pools


def _again_and_again(
    campaign: Campaign, technique: PromptTechnique, label: str, pool: Sequence[Prompt]
) -> Iterator[Prompt]:
    if not pool:
        hint = f"Let it write: ls-clip prompts write {campaign.folder.name}. Or add templates."
        where = ""
        if campaign.prompts.file:
            where, hint = f" in {campaign.prompts.file}", "Add some to the file, or add templates."
        raise ConfigError(f"There is no {technique.name} prompt for {label!r}{where}.", hint=hint)
    return itertools.cycle(pool)


def _stands_for(prompt: Prompt) -> str:
    """The label whose turn a prompt takes: of an adversarial one, that which it looks like."""
    return prompt.factors["looks_like"] if prompt.technique == ADVERSARIAL else prompt.label


def _whole(text: WrittenText, technique: str) -> Prompt:
    return Prompt(text=text.text, label=text.label, technique=technique, factors={})
