"""The facts of a dataset card, gathered from the job, the ledger and the release that it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from importers.config.campaign import Campaign
from importers.config.job import Job
from importers.ledger import Ledger
from importers.record import SPLITS
from importers.scoring.select import held
from importers.training_storage.card.facts import CardFacts, CardRelease, DataFiles, review_facts
from importers.training_storage.card.files import card_files
from importers.training_storage.layouts import Contents
from importers.training_storage.reading import Read

_SHARDS = {"parquet", "webdataset"}
_TREE = "imagefolder"


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
            held_back=_held(job.campaign, ledger),
            data_files=_data_files(release),
            license=job.storage.license,
        )
        return card_files(contents, facts, release.image, release.earlier)

    return card


def _held(campaign: Campaign | None, ledger: Ledger) -> Mapping[str, int]:
    return held(ledger.not_pushed(), campaign) if campaign else {}


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
