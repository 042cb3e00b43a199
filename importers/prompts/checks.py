"""What makes a prompt unfit to be paid for: that it never mentions what it is to show."""

from __future__ import annotations

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.prompts.mention import mentions
from importers.sample import Prompt

ADVERSARIAL = "adversarial"


def unmentioned(campaign: Campaign, prompt: Prompt) -> str | None:
    """Why a prompt is refused, in words; None where it mentions its label or a synonym.

    Of an adversarial prompt it is enough to mention what the picture looks like, or truly is.
    """
    names = [prompt.label]
    if prompt.technique == ADVERSARIAL:
        names += [prompt.factors[f] for f in ("looks_like", "other") if f in prompt.factors]
        if prompt.label == NONE_OF_THESE:
            names = names[1:] or list(campaign.labels)
    synonyms = campaign.prompts.synonyms
    if any(mentions(prompt.text, name, synonyms.get(name, ())) for name in names):
        return None
    wanted = " or ".join(repr(name) for name in names)
    return f"the prompt {prompt.text!r} never mentions {wanted}"
