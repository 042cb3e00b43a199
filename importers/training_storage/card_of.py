"""The facts of a dataset card, gathered from the job, the ledger and the release that it is for."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from importers.campaign import Campaign
from importers.ledger import Ledger
from importers.record import SPLITS
from importers.selection import held
from importers.training_storage.card import card_files
from importers.training_storage.card_facts import CardFacts, DataFiles, review_facts
from importers.training_storage.job import Job
from importers.training_storage.layouts.base import Contents
from importers.training_storage.reading import Read
from importers.training_storage.releasing import Laid

_NAMED_FILES = ("parquet", "webdataset")


def card_of(
    job: Job, ledger: Ledger, read: Read, contents: Contents
) -> Callable[[Laid], Mapping[str, bytes]]:
    """Makes the card's files once the layouts are written."""

    def card(laid: Laid) -> Mapping[str, bytes]:
        facts = CardFacts(
            name=job.name,
            campaign_id=ledger.campaign_id,
            campaign_file=job.file.name,
            campaign_text=job.file.read_bytes().decode(),
            release=laid.name,
            date=laid.created_at.date(),
            project=int(read.project["id"]),
            labels=read.rules.labels,
            approval=job.approval,
            review=review_facts(task.review for task in ledger.reviews.all()),
            removed=laid.removed,
            order=job.campaign.review.order if job.campaign else None,
            held_back=_held(job.campaign, ledger),
            data_files=_data_files(laid),
        )
        return card_files(contents, facts, laid.image, laid.earlier)

    return card


def _held(campaign: Campaign | None, ledger: Ledger) -> Mapping[str, int]:
    return held(ledger.not_pushed(), campaign) if campaign else {}


def _data_files(laid: Laid) -> DataFiles:
    """Layout → split → files; shards are named after their split."""
    return {
        layout: {
            split: [path for path in laid.files[layout] if path.startswith(f"{layout}/{split}-")]
            for split in SPLITS
        }
        for layout in _NAMED_FILES
        if layout in laid.files
    }
