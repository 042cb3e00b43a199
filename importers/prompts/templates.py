"""Prompts from the templates and factors of one technique, for one label, without end.

Templates take turns in an order that depends on the seed alone. The values that go into them are
chosen by `balance`; the same campaign gives the same prompts, and only more of them later.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.config.sections import PromptTechnique, template_slots
from importers.prompts.balance import BalancedRows
from importers.prompts.mention import ADVERSARIAL
from importers.sample import Prompt
from ls_backend.errors import ConfigError
from ls_backend.words import mend_articles

ADVERSARIAL_TEMPLATE = "a {label}-like {other}"
"""What an adversarial technique says that has no templates of its own."""


def templates_of(campaign: Campaign, technique: PromptTechnique) -> list[str]:
    """The templates of a technique: its own, or those of `[prompts]`."""
    if technique.templates:
        return technique.templates
    return [ADVERSARIAL_TEMPLATE] if technique.name == ADVERSARIAL else campaign.prompts.templates


def template_prompts(
    campaign: Campaign,
    technique: PromptTechnique,
    label: str,
    written: Mapping[str, Sequence[str]],
) -> Iterator[Prompt]:
    """Prompts of a technique for a label, without end.

    Args:
        label: What the picture shows; of an adversarial one, what it looks like.
        written: What a language model wrote for the label: values of each factor.

    Raises:
        ConfigError: a factor has no values, or nothing can be taken for the label.
    """
    templates = templates_of(campaign, technique)
    told = {**campaign.prompts.factors, **technique.factors}
    values = {
        name: list(dict.fromkeys([*told.get(name, ()), *written.get(name, ())]))
        for name in dict.fromkeys([*told, *written])
    }
    if technique.name == ADVERSARIAL:
        values = {**values, "other": others_of(campaign, technique, label)}
    used = {template: template_slots(template) - {"label"} for template in templates}
    slots = set().union(*used.values())
    _check_factors(campaign, label, slots, values)
    stream = f"{campaign.seed}|{label}"
    if technique.name != "vanilla":
        stream = f"{stream}|{technique.name}"
    rows = BalancedRows({n: v for n, v in values.items() if n in slots}, stream)
    for template in _in_turn(templates, f"{stream}|template"):
        row = rows.next(used[template])
        text = mend_articles(template.format(label=label, **row))
        yield _prompt(technique, text, label, row)


def others_of(campaign: Campaign, technique: PromptTechnique, label: str) -> list[str]:
    """What can look like a label without being it.

    Raises:
        ConfigError: there is nothing, or its true label is none of the campaign's.
    """
    others = [other for other in technique.others or campaign.labels if other != label]
    if not others:
        raise ConfigError(
            f"The adversarial technique has nothing that looks like {label!r}.",
            hint="Name something else in its `others`.",
        )
    strangers = [other for other in others if other not in campaign.labels]
    if technique.truth == "other" and strangers:
        raise ConfigError(
            f"The adversarial technique draws {strangers[0]!r}, which is no label of the campaign.",
            hint=f'Add {strangers[0]!r} to labels, or say truth = "none": none of the labels.',
        )
    return others


def _prompt(technique: PromptTechnique, text: str, label: str, row: Mapping[str, str]) -> Prompt:
    if technique.name != ADVERSARIAL:
        return Prompt(text=text, label=label, technique=technique.name, factors=row)
    truth = row["other"] if technique.truth == "other" else NONE_OF_THESE
    return Prompt(text, truth, ADVERSARIAL, {"looks_like": label, **row})


def _check_factors(
    campaign: Campaign, label: str, slots: set[str], values: Mapping[str, Sequence[str]]
) -> None:
    for slot in sorted(slots):
        if not values.get(slot):
            raise ConfigError(
                f"There is no {slot!r} for {label!r}: the writer {campaign.prompts.writer} has "
                "written none that can be used.",
                hint=f"Let it write: ls-clip prompts write {campaign.folder.name}. Or add some to "
                "[prompts.factors].",
            )


def _in_turn(values: Sequence[str], stream: str) -> Iterator[str]:
    """All values again and again; each round through them has a shuffle of its own."""
    round_ = 0
    while True:
        shuffled = list(values)
        random.Random(f"{stream}|{round_}").shuffle(shuffled)
        yield from shuffled
        round_ += 1
