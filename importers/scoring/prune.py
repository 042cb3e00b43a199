"""Images that people will not see → disk space; the ledger goes on knowing that they were drawn.

Only the images of samples that were never sent to Label Studio and are kept from people go, and of
those none that another sample has too, that a sample is made from, or that is a source. What a
killed process left half-written goes as well. An image is deleted before that is recorded: killed
in between, the next run finds it gone and records it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from importers.config.campaign import Campaign
from importers.generation.plan import known_to, planned_samples
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.sample import Sample
from importers.scoring.select import WAITING, held, held_because


@dataclass(frozen=True)
class PruneReport:
    """What was deleted, or would be.

    Attributes:
        images: Number of image files.
        bytes: Size of them and of the unfinished files together.
        unfinished: Number of files that a killed process left half-written.
        reasons: Number of samples that lose their image, by the reason.
        needed: Number of samples that are kept from people too, but whose image something needs.
        dry_run: Whether nothing was deleted.
    """

    images: int
    bytes: int
    unfinished: int
    reasons: dict[str, int]
    needed: int
    dry_run: bool


def prune(campaign: Campaign, ledger: Ledger, *, dry_run: bool = False) -> PruneReport:
    """Delete the images that people will not see; the ledger must be open for writing.

    What is kept from people is what the last selection says, which must be that of campaign.toml.
    """
    store = ImageStore(campaign.images_path)
    samples = ledger.samples()
    unseen = [sample for sample in samples if _is_unseen(sample, campaign)]
    needed = _needed(samples, unseen, campaign, ledger)
    doomed = [sample for sample in unseen if sample.sha256 not in needed]
    images = list(_files(doomed, store))
    unfinished = store.unfinished()
    size = sum(path.stat().st_size for path in [*images, *unfinished])
    if not dry_run:
        for path in [*images, *unfinished]:
            path.unlink()
        ledger.record_collected([sample.key for sample in doomed])
    return PruneReport(
        images=len(images),
        bytes=size,
        unfinished=len(unfinished),
        reasons=held(doomed, campaign),
        needed=len(unseen) - len(doomed),
        dry_run=dry_run,
    )


def _is_unseen(sample: Sample, campaign: Campaign) -> bool:
    if sample.sha256 is None or sample.collected_at is not None or sample.verdict is not None:
        return False
    return held_because(sample, campaign) not in {None, WAITING}


def _needed(
    samples: Sequence[Sample], unseen: Sequence[Sample], campaign: Campaign, ledger: Ledger
) -> set[str | None]:
    """sha256 of all images and masks that something needs."""
    unseen_keys = {sample.key for sample in unseen}
    planned = [sample.planned for sample in samples]
    planned += planned_samples(campaign, known_to(ledger))
    needed: set[str | None] = {s.sha256 for s in samples if s.key not in unseen_keys}
    for child in planned:
        needed |= {*child.parents, child.mask}
    for source in ledger.sources.all():
        needed |= {source.sha256, source.mask}
    return needed


def _files(samples: Sequence[Sample], store: ImageStore) -> Iterator[Path]:
    for digest in sorted({sample.sha256 or "" for sample in samples}):
        try:
            yield store.path(digest)
        except FileNotFoundError:  # deleted by a process that died before it recorded that
            continue
