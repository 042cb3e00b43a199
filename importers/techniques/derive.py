"""Source images → prompts with parents: variations, fusions and inpaintings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from importers.campaign import Campaign
from importers.sample import Prompt, SourceImage
from ls_backend.errors import ConfigError


@dataclass(frozen=True)
class Derived:
    """A prompt together with the images that it starts from; see `PlannedSample`."""

    prompt: Prompt
    parents: tuple[str, ...]
    mask: str | None = None


def derive(campaign: Campaign, sources: Sequence[SourceImage]) -> list[Derived]:
    """What the campaign's derived techniques make of the source images, in a stable order."""
    if campaign.derived_techniques and sources:
        raise ConfigError("Techniques that start from pictures cannot be run yet.", hint="")
    return []
