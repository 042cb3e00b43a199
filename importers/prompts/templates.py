"""Prompts from templates × factors: balanced, and the same for the same seed."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from importers.campaign import Campaign
from importers.campaign_sections import template_slots
from importers.ledger_writings import WrittenText
from importers.sample import Prompt

# Vowel letters that are spoken as consonants ("a unicorn", "a European city").
_VOWEL_SOUND = r"(?!uni|use|usu|eu|one\b)[aeiou]"
_ARTICLE = re.compile(rf"\b([Aa])(?=\s+[\"'(]?{_VOWEL_SOUND})", re.IGNORECASE)


def write_prompts(campaign: Campaign, _written: Sequence[WrittenText] = ()) -> list[Prompt]:
    """Write the prompts of a campaign, `campaign.samples` of them.

    Labels take turns. For each label, every template and every value of every factor comes equally
    often, give or take one, in an order that depends on the seed alone: asking for more samples
    later keeps the prompts that were there.
    """
    labels = campaign.labels
    return [
        _prompt(campaign, labels[position % len(labels)], position // len(labels))
        for position in range(campaign.samples)
    ]


def _prompt(campaign: Campaign, label: str, turn: int) -> Prompt:
    settings = campaign.prompts
    template = _pick(settings.templates, turn, f"{campaign.seed}|{label}|template")
    factors = {
        name: _pick(values, turn, f"{campaign.seed}|{label}|{name}")
        for name, values in settings.factors.items()
        if name in template_slots(template)
    }
    text = with_articles(template.format(label=label, **factors))
    return Prompt(text=text, label=label, technique="vanilla", factors=factors)


def _pick(values: Sequence[str], turn: int, stream: str) -> str:
    """The value of this turn: each round through the values has a shuffle of its own."""
    round_, place = divmod(turn, len(values))
    shuffled = list(values)
    random.Random(f"{stream}|{round_}").shuffle(shuffled)
    return shuffled[place]


def with_articles(text: str) -> str:
    """Say "an" before a vowel, as in "a orange apple" → "an orange apple"."""
    return _ARTICLE.sub(lambda article: article.group(1) + "n", text)
