"""The dataset card of a release: README.md in Hugging Face's format, its pictures, its campaign.

What it says is gathered from the job, the ledger and the release that it is for. The format is that
of https://huggingface.co/docs/hub/datasets-cards: metadata in YAML, then Markdown. Its text is
`card.md.jinja`; every number in it is counted from the release or given in `CardFacts`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from importers.config.job import Job
from importers.config.storage_sections import OTHER_LICENSE
from importers.ledger import Ledger
from importers.record import SPLITS, Record
from importers.scoring.select import held
from importers.training_storage.card.counts import Counts
from importers.training_storage.card.facts import CardFacts, CardRelease, DataFiles, review_facts
from importers.training_storage.card.picture_grid import (
    MOST_LABELS,
    PICTURES,
    Strip,
    picture_files,
    strips,
)
from importers.training_storage.card.text import one_line, render, without_secrets
from importers.training_storage.layouts import Contents
from importers.training_storage.reading import Read

README = "README.md"
CAMPAIGN = "campaign.toml"

_SHARDS = {"parquet", "webdataset"}
_TREE = "imagefolder"
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (math.inf, "10M<n<100M"),
)
# Of https://huggingface.co/docs/hub/repositories-licenses, those that are meant for data.
_HUB_LICENSES = frozenset(
    ("apache-2.0", "bsd-3-clause", "cc-by-3.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0", "cc0-1.0",
    "cdla-permissive-1.0", "cdla-permissive-2.0", "cdla-sharing-1.0", "etalab-2.0", "mit", "odbl",
    "odc-by", "other", "pddl")
)  # fmt: skip
_HUB_FAMILIES = {"ODC-By-1.0": "odc-by", "ODbL-1.0": "odbl", "PDDL-1.0": "pddl"}
_LINK = re.compile(rf"(?<!\\)\]\((?={re.escape(CAMPAIGN)}\)|{PICTURES}/)")


def card_of(
    job: Job, ledger: Ledger, read: Read, contents: Contents
) -> Callable[[CardRelease], Mapping[str, bytes]]:
    """What makes the card's files, by name, once the layouts are written.

    Args:
        contents: Those of the release.
    """

    def card(release: CardRelease) -> Mapping[str, bytes]:
        facts = CardFacts(
            name=job.name,
            campaign_id=ledger.campaign_id,
            campaign_file=job.file.name,
            campaign_text=job.file.read_bytes().decode(),
            release=release.name,
            date=release.created_at.date(),
            project=int(read.project["id"]),
            labels=read.rules.labels,
            approval=job.approval,
            review=review_facts(ledger.reviews.kinds()),
            removed=release.removed,
            order=job.campaign.review.order if job.campaign else None,
            held_back=held(ledger.not_pushed(), job.campaign) if job.campaign else {},
            data_files=_data_files(release),
            license=job.storage.license,
        )
        return card_files(contents, facts, release.image, release.earlier)

    return card


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


def at_root(card: bytes, folder: str) -> bytes:
    """README.md for the root of the storage: its links lead into the release's folder.

    What its metadata names starts at the root anyway.
    """
    return _LINK.sub(f"]({folder}/", card.decode()).encode()


def _readme(contents: Contents, facts: CardFacts, shown: list[Strip], campaign: str) -> str:
    import yaml

    counts = Counts(contents)
    metadata = yaml.safe_dump(
        _metadata(contents, facts, counts), sort_keys=False, allow_unicode=True
    )
    text = render(
        n=counts,
        facts=facts,
        review=facts.review,
        approval=facts.approval,
        settings=contents.settings,
        strips=shown,
        most_labels=MOST_LABELS,
        campaign_sha256=hashlib.sha256(campaign.encode()).hexdigest(),
        is_scrubbed=campaign != facts.campaign_text,
    )
    return f"---\n{metadata}---\n\n{text}"


def _data_files(release: CardRelease) -> DataFiles:
    """Layout → split → files, or a pattern of them: shards and folders are named after splits."""
    found: dict[str, dict[str, list[str]]] = {}
    for layout in _SHARDS.intersection(release.files):
        found[layout] = {
            split: _starting(release, layout, f"{layout}/{split}-") for split in SPLITS
        }
    if _TREE in release.files:
        tree = f"{release.folder}/{_TREE}"
        found[_TREE] = {
            split: [f"{tree}/{split}/**"] if _starting(release, _TREE, f"{tree}/{split}/") else []
            for split in SPLITS
        }
    return found


def _starting(release: CardRelease, layout: str, start: str) -> list[str]:
    return [path for path in release.files[layout] if path.startswith(start)]


# -- metadata ------------------------------------------------------------------------------------


def _metadata(contents: Contents, facts: CardFacts, counts: Counts) -> dict[str, Any]:
    """The card's YAML; a licence stands in it only where one is known."""
    tags = {
        "synthetic": counts.origins[True],
        "label-studio": True,
        "clip": counts.model_versions,
    }
    found: dict[str, Any] = {"pretty_name": one_line(facts.name)}
    found |= _license(facts.license) if facts.license else {}
    drawn = any(record.boxes for record in contents.records)
    found["task_categories"] = ["image-classification"] + ["object-detection"] * drawn
    found["size_categories"] = [next(name for limit, name in _SIZES if counts.pictures < limit)]
    found["tags"] = [tag for tag, holds in tags.items() if holds]
    configs = _configs(contents, facts)
    return found | ({"configs": configs} if configs else {})


def _license(name: str) -> dict[str, str]:
    """As the hub takes it, which refuses a card with an identifier that it does not know."""
    known = _HUB_FAMILIES.get(name, name.lower())
    if known in _HUB_LICENSES:
        return {"license": known}
    return {
        "license": OTHER_LICENSE,
        "license_name": name.lower(),
        "license_link": f"https://spdx.org/licenses/{name}.html",
    }


def _configs(contents: Contents, facts: CardFacts) -> list[dict[str, Any]]:
    """The campaign's first layout that `datasets` loads: it reads all of a card as one format."""
    for layout in contents.settings.layout:
        files = facts.data_files.get(layout, {})
        splits = [{"split": s, "path": list(files[s])} for s in SPLITS if files.get(s)]
        if splits:
            return [{"config_name": layout, "default": True, "data_files": splits}]
    return []
