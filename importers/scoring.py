"""Images in the store → scores in the ledger, batch by batch."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.progress import Progress
from importers.sample import Sample, Score
from ls_backend.errors import ImageError
from ls_backend.pixels import decode_image

if TYPE_CHECKING:
    from PIL.Image import Image

    from ls_backend.label_target import LabelTarget
    from ls_backend.model import ClipModel

BATCH = 32

log = logging.getLogger(__name__)


@dataclass
class Scored:
    """What came of scoring.

    Attributes:
        scored: Samples that have a score of this model version now.
        unreadable: Samples whose image is gone or is none; they stay without a score.
    """

    scored: int = 0
    unreadable: int = 0


def score_samples(
    samples: Sequence[Sample],
    model: ClipModel,
    target: LabelTarget,
    ledger: Ledger,
    store: ImageStore,
    progress: Progress,
) -> Scored:
    """Score samples that have an image against their prompts; every batch is recorded."""
    version = model.version(target)
    result = Scored()
    progress(0, len(samples))
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        images = dict(_readable(batch, store))
        readable = [sample for sample in batch if sample.key in images]
        if readable:
            ledger.record_scores(_scores(readable, images, model, target, version))
        result.scored += len(readable)
        result.unreadable += len(batch) - len(readable)
        progress(start + len(batch), len(samples))
    return result


def _scores(
    samples: Sequence[Sample],
    images: dict[str, Image],
    model: ClipModel,
    target: LabelTarget,
    version: str,
) -> dict[str, Score]:
    scores = model.score(
        [images[sample.key] for sample in samples],
        target,
        [sample.prompt.label for sample in samples],
        [sample.prompt.text for sample in samples],
    )
    return {
        sample.key: Score(
            model_version=version,
            label_probability=score.label_probability,
            similarity=score.similarity or 0.0,
            margin=score.margin,
            predicted_label=score.predicted_label,
            predicted_probability=score.predicted_probability,
        )
        for sample, score in zip(samples, scores, strict=True)
    }


def _readable(samples: Sequence[Sample], store: ImageStore) -> Iterator[tuple[str, Image]]:
    for sample in samples:
        try:
            yield sample.key, decode_image(store.get(sample.sha256 or ""))
        except (ImageError, FileNotFoundError) as error:
            log.warning("Image %s cannot be scored: %s", sample.sha256, error)
