"""The dataset card of a release: README.md in Hugging Face's format, its pictures, its campaign.

The format is that of https://huggingface.co/docs/hub/datasets-cards: metadata in YAML, then
Markdown. Every number in it is counted from the release or given in `CardFacts`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from importers.record import SPLITS, Record
from importers.training_storage.card.facts import CardFacts
from importers.training_storage.card.picture_grid import Strip, picture_files, strips
from importers.training_storage.card.review import limit_sections, review_sections
from importers.training_storage.card.sections import content_sections, origin_sections
from importers.training_storage.card.text import one_line, without_secrets
from importers.training_storage.card.use import use_sections
from importers.training_storage.layouts.base import Contents

README = "README.md"
CAMPAIGN = "campaign.toml"

_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)


def card_files(
    contents: Contents,
    facts: CardFacts,
    image: Callable[[Record], bytes],
    earlier: Callable[[str], bytes | None] = lambda _: None,
) -> dict[str, bytes]:
    """The files of a release's own folder that tell people what it is.

    Args:
        image: Bytes of a record's picture; asked only for pictures that the card shows.
        earlier: Bytes of a file of the last release's card by its name, None where it had none:
            pictures that show the same are not drawn again.

    Returns:
        README.md, campaign.toml and `pictures/….png`, by name. The same contents, facts and
        pictures give the same bytes.
    """
    shown = strips(contents.records)
    campaign = without_secrets(facts.campaign_text)
    return {
        README: _readme(contents, facts, shown, campaign).encode(),
        CAMPAIGN: campaign.encode(),
        **picture_files(shown, image, earlier),
    }


def _readme(contents: Contents, facts: CardFacts, shown: list[Strip], campaign: str) -> str:
    import yaml

    metadata = yaml.safe_dump(_metadata(contents, facts), sort_keys=False, allow_unicode=True)
    sections = (
        *content_sections(contents, facts, shown),
        *review_sections(contents, facts),
        *origin_sections(contents, facts),
        *limit_sections(contents, facts),
        *use_sections(contents, facts, campaign),
    )
    return f"---\n{metadata}---\n\n" + "\n\n".join(sections) + "\n"


def _metadata(contents: Contents, facts: CardFacts) -> dict[str, Any]:
    """The card's YAML; a licence stands in it only where one is known."""
    records = contents.records
    tasks = ["image-classification"]
    if any(record.boxes for record in records):
        tasks.append("object-detection")
    tags = {
        "synthetic": any(record.synthetic for record in records),
        "label-studio": True,
        "clip": any(record.model_version for record in records),
    }
    found: dict[str, Any] = {"pretty_name": one_line(facts.name)}
    if facts.license:
        found["license"] = facts.license
    found["task_categories"] = tasks
    found["size_categories"] = [_size(len(records))]
    found["tags"] = [tag for tag, holds in tags.items() if holds]
    configs = _configs(contents, facts)
    return found | ({"configs": configs} if configs else {})


def _configs(contents: Contents, facts: CardFacts) -> list[dict[str, Any]]:
    """The campaign's first layout that `datasets` loads: it reads all of a card as one format."""
    for layout in contents.settings.layout:
        files = facts.data_files.get(layout, {})
        splits = [{"split": s, "path": list(files[s])} for s in SPLITS if files.get(s)]
        if splits:
            return [{"config_name": layout, "default": True, "data_files": splits}]
    return []


def _size(number: int) -> str:
    return next((name for limit, name in _SIZES if number < limit), "10M<n<100M")
