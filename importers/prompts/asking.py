"""What a language model is asked: the words of a request for prompts, or for values of a factor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from importers.config.campaign import Campaign
from importers.config.sections import template_slots
from importers.prompts.sampling import WHOLE
from ls_backend.labels.texts import readable

MOST_EXAMPLES = 12
MOST_KNOWN = 60
"""Texts that are named so that they are not written again: the latest ones."""

_PROMPTS = (
    "You write prompts for a text-to-image model. Its pictures become training data for an image "
    "classifier, so they should differ from each other in setting, light, viewpoint and style as "
    "much as real pictures do. Every prompt is one line of at most 40 words, names the label as it "
    "is given, and shows one of it, large enough to be recognised. Avoid positions, counts and "
    "relations between objects, and text in the picture."
)
_VALUES = (
    "You write short phrases that are filled into templates of prompts for a text-to-image model. "
    "Its pictures become training data for an image classifier, so the phrases should differ as "
    "much as real pictures do. Every phrase has at most 8 words, fits grammatically where its slot "
    "is, goes with the label, and does not name it."
)


@dataclass(frozen=True)
class Asked:
    """A request in words.

    Attributes:
        instructions: What the model is, and what makes a text good; the same in every request.
        request: What is wanted now.
    """

    instructions: str
    request: str


def ask_for(
    campaign: Campaign,
    label: str,
    kind: str,
    count: int,
    *,
    examples: Sequence[str] = (),
    known: Sequence[str] = (),
) -> Asked:
    """The request for `count` texts.

    Args:
        kind: "prompt", or a factor of the templates.
        examples: Texts to write in the manner of.
        known: Texts that are there already.
    """
    wanted = first_line(label, kind, count)
    parts = [wanted]
    if kind == WHOLE:
        others = ", ".join(readable(other) for other in campaign.labels if other != label)
        parts.append(f"The other labels, which no prompt may show: {others}." if others else "")
    else:
        templates = [t for t in _all_templates(campaign) if kind in template_slots(t)]
        parts.append(_listed(f"It fills the slot {{{kind}}} of these templates:", templates))
    manner = "Examples of the manner:"
    parts.append(_listed(manner, list(dict.fromkeys(examples))[:MOST_EXAMPLES]))
    parts.append(_listed("Not again, nor much like these:", known[-MOST_KNOWN:]))
    request = "\n\n".join(part for part in parts if part)
    return Asked(instructions(campaign, kind), request)


def instructions(campaign: Campaign, kind: str) -> str:
    """What makes a text of this kind good, in general and for the campaign."""
    own = campaign.prompts.writing.instructions
    general = _PROMPTS if kind == WHOLE else _VALUES
    return f"{general}\n\n{own}" if own else general


def first_line(label: str, kind: str, count: int) -> str:
    """The sentence that says what is wanted."""
    what = f"prompt{'s' * (count != 1)}" if kind == WHOLE else f"value{'s' * (count != 1)}"
    of = "" if kind == WHOLE else f' of "{kind}"'
    return f'Write {count} {what}{of} for the label "{readable(label)}".'


def _all_templates(campaign: Campaign) -> list[str]:
    own = [template for entry in campaign.prompt_techniques for template in entry.templates]
    return list(dict.fromkeys([*campaign.prompts.templates, *own]))


def _listed(heading: str, texts: Sequence[str]) -> str:
    return "\n".join([heading, *(f"- {text}" for text in texts)]) if texts else ""
