"""Images in the store → scores, vectors and flaws in the ledger, batch by batch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importers.config.campaign import Campaign
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.progress import Progress
from importers.sample import Sample
from importers.scoring.looks import BROKEN, Vectors, flaw_of, packed
from ls_backend.errors import ImageError
from ls_backend.images.pixels import decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

    from ls_backend.labels.target import LabelTarget
    from ls_backend.model import ClipModel
    from ls_backend.zero_shot import Score

BATCH = 32

log = logging.getLogger(__name__)


@dataclass
class Scored:
    """What came of scoring.

    Attributes:
        scored: Number of samples that have a score of this model version now.
        unreadable: Number of samples whose image is gone or is none; they stay without a score.
    """

    scored: int = 0
    unreadable: int = 0


def to_score(
    campaign: Campaign, ledger: Ledger, target: LabelTarget, model_version: str
) -> list[Sample]:
    """Samples that this model version has not scored, or whose vector is wanted and not known."""
    waiting = ledger.to_score(model_version)
    if campaign.selection.near_duplicates < 1:
        lacking = ledger.vectors.lacking(model_version)
        if lacking:
            waiting += [sample for sample in ledger.samples() if sample.key in lacking]
    known = {*target.labels, target.claimable_none}
    return [sample for sample in waiting if sample.prompt.label in known]


def score_samples(
    samples: Sequence[Sample],
    model: ClipModel,
    target: LabelTarget,
    ledger: Ledger,
    store: ImageStore,
    progress: Progress,
) -> Scored:
    """Score samples that have an image against their prompts; every batch is recorded.

    An image is decoded and encoded once, for its score, its vector and its flaws.
    """
    version = model.version(target)
    result = Scored()
    progress(0, len(samples))
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        images: dict[str, Image] = {}
        flaws: dict[str, str | None] = {}
        for key, image in _read(batch, store):
            if image is None:
                flaws[key] = BROKEN
            else:
                images[key], flaws[key] = image, flaw_of(image)
        readable = [sample for sample in batch if sample.key in images]
        vectors = model.clip.encode_images([images[sample.key] for sample in readable])
        # Before the scores: what has a score of this version has been seen whole.
        ledger.vectors.record(flaws, _by_image(readable, vectors), version)
        if readable:
            ledger.record_scores(_scores(readable, vectors, model, target), version)
        result.scored += len(readable)
        result.unreadable += len(batch) - len(readable)
        progress(start + len(batch), len(samples))
    return result


def _by_image(samples: Sequence[Sample], vectors: Vectors) -> dict[str, bytes]:
    digests = [sample.sha256 or "" for sample in samples]
    return dict(zip(digests, packed(vectors), strict=True))


def _scores(
    samples: Sequence[Sample], vectors: Vectors, model: ClipModel, target: LabelTarget
) -> dict[str, Score]:
    """Sample key → what the model says of its image, given as a vector, shape (samples, d)."""
    scores = model.score_vectors(
        vectors,
        target,
        [sample.prompt.label for sample in samples],
        [sample.prompt.text for sample in samples],
    )
    return {sample.key: score for sample, score in zip(samples, scores, strict=True)}


def _read(samples: Sequence[Sample], store: ImageStore) -> Iterator[tuple[str, Image | None]]:
    """Sample key and its image, None where the file is no image; not those whose file is gone."""
    for sample in samples:
        try:
            yield sample.key, decode_image(store.get(sample.sha256 or ""))
        except ImageError as error:
            log.warning("Image %s cannot be scored: %s", sample.sha256, error)
            if error.code != "too_many_pixels":
                yield sample.key, None
        except FileNotFoundError as error:
            log.warning("Image %s cannot be scored: %s", sample.sha256, error)
