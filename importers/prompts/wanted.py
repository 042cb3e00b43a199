"""Which texts a campaign wants of its language model, and which of the written ones it can use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from importers.config.campaign import Campaign
from importers.config.sections import template_slots
from importers.ledger.inputs import WrittenText
from importers.prompts.sampling import WHOLE, refused_texts, takes_whole
from importers.prompts.templates import templates_of
from ls_backend.errors import ConfigError


@dataclass(frozen=True)
class Wanted:
    """Texts of one kind for one label.

    Attributes:
        kind: "prompt", or the name of a factor.
        count: How many that can be used.
    """

    label: str
    kind: str
    count: int

    @property
    def name(self) -> str:
        """How the ledger names a request for it."""
        return f"{self.count} {self.kind} for {self.label}"


def wanted_texts(campaign: Campaign) -> list[Wanted]:
    """What the campaign's writer is to write; nothing where there is none.

    Raises:
        ConfigError: no technique or template would use what is written.
    """
    settings = campaign.prompts
    if settings.writer is None or not campaign.prompt_techniques:
        return []
    kinds = settings.writing.writes
    if kinds == ["prompts"]:
        kinds = [WHOLE]
        _check_somebody_takes_whole(campaign)
    else:
        _check_templates_use(campaign, kinds)
    count = settings.writing.count
    return [Wanted(label, kind, count) for label in campaign.labels for kind in kinds]


def _check_somebody_takes_whole(campaign: Campaign) -> None:
    if not any(takes_whole(technique) for technique in campaign.prompt_techniques):
        raise ConfigError(
            "Every technique has templates of its own: prompts that are written would not be used.",
            hint="Leave the templates of one technique out, or name factors in writing.writes.",
        )


def _check_templates_use(campaign: Campaign, kinds: Sequence[str]) -> None:
    techniques = campaign.prompt_techniques
    templates = [template for t in techniques for template in templates_of(campaign, t)]
    slots = {slot for template in templates for slot in template_slots(template)}
    for kind in kinds:
        if kind not in slots:
            raise ConfigError(
                f"No template has a slot {{{kind}}}: what is written for it would not be used.",
                hint='Put it into a template, or take it out of writing.writes; ["prompts"] is '
                "for whole prompts.",
            )


def usable_texts(campaign: Campaign, written: Sequence[WrittenText], wanted: Wanted) -> list[str]:
    """The written texts of a kind that can be used."""
    mine = [text for text in written if (text.label, text.kind) == (wanted.label, wanted.kind)]
    refused = {text.text for text in refused_texts(campaign, mine)}
    return [text.text for text in mine if text.text not in refused]
