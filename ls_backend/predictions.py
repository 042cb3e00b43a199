"""Scores → what Label Studio gets: an image's or region's labels, and a task's prediction.

What is pushed and what is served live are both built here, so they cannot disagree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ls_backend.label_studio_types import NewPrediction
from ls_backend.labels.regions import Region
from ls_backend.labels.target import LabelTarget
from ls_backend.zero_shot import Score


@dataclass(frozen=True)
class PredictedLabels:
    """What is predicted of one image or region.

    Attributes:
        labels: No, one or several labels.
        score: Confidence in them, in [0, 1].
    """

    labels: tuple[str, ...]
    score: float


def one_label(target: LabelTarget, score: Score) -> PredictedLabels:
    """The one label, and how sure it is.

    The score is the label's probability; with `clip_fit`, the fit to the prompt instead (a cosine,
    below 0 shown as 0) where the task has one.
    """
    label: str | None = score.predicted_label if target.prefill == "clip" else score.label
    shown = _shown(target, score.label_probability, score.similarity)
    if score.background_wins and not target.claim_field:
        label = target.none_label
        shown = score.background_probability if label else shown
    if target.prefill == "none":
        label = None
    return PredictedLabels((label,) if label else (), _in_range(shown))


def several_labels(
    target: LabelTarget,
    probabilities: NDArray[np.float64],
    claims: Sequence[str],
    similarity: float | None,
) -> PredictedLabels:
    """The labels that hold, and how sure all of it is.

    Classified: the labels from their thresholds on; the score is that of the least sure decision,
    be it for a label or against it. Verified: the claimed labels; the score is the lowest of their
    probabilities, since a claim says what is there and not what is missing.

    Args:
        probabilities: Per label the probability that it holds.
        claims: Labels claimed to hold; none where nothing (valid) is claimed.
        similarity: Cosine of the image and its whole prompt, if it has one.
    """
    held = probabilities >= np.array(target.thresholds)
    chosen = tuple(label for label, holds in zip(target.labels, held, strict=True) if holds)
    if claims:
        sure = min(float(probabilities[target.labels.index(label)]) for label in claims)
    else:
        sure = float(np.where(held, probabilities, 1 - probabilities).min())
    labels = tuple(claims) if claims and target.prefill == "claim" else chosen
    if not labels and target.none_label:
        labels = (target.none_label,)
    if target.prefill == "none":
        labels = ()
    return PredictedLabels(labels, _in_range(_shown(target, sure, similarity)))


def prediction(target: LabelTarget, predicted: PredictedLabels, version: str) -> NewPrediction:
    """The prediction for a task whose image is labelled as a whole."""
    item = {
        "from_name": target.from_name,
        "to_name": target.to_name,
        "type": target.control,
        "value": target.value(predicted.labels),
        "score": predicted.score,
    }
    return {
        "model_version": version,
        "score": predicted.score,
        "result": [item] if predicted.labels else [],
    }


def region_prediction(
    target: LabelTarget, predicted: Sequence[tuple[Region, PredictedLabels]], version: str
) -> NewPrediction:
    """The prediction for a task whose regions are labelled; its score is their lowest."""
    return {
        "model_version": version,
        "score": min(each.score for _, each in predicted),
        "result": [
            item
            for region, each in predicted
            if each.labels
            for item in _region_items(target, region, each)
        ],
    }


def _region_items(
    target: LabelTarget, region: Region, predicted: PredictedLabels
) -> list[dict[str, Any]]:
    """The region with its labels; where those are a control of their own, the region first."""
    kept = ("id", "original_width", "original_height", "image_rotation")
    place = {key: region.item[key] for key in kept if key in region.item}
    labelled = {
        **place,
        "from_name": target.from_name,
        "to_name": target.to_name,
        "type": target.control,
        "value": {**region.shape, **target.value(predicted.labels)},
        "score": predicted.score,
    }
    if target.control in {"rectanglelabels", "ellipselabels"}:
        return [labelled]
    drawn = {key: region.item[key] for key in ("from_name", "to_name", "type", "value")}
    return [{**place, **drawn}, labelled]


def _shown(target: LabelTarget, probability: float, similarity: float | None) -> float:
    if target.fit_field and similarity is not None:
        return similarity
    return probability


def _in_range(score: float) -> float:
    return min(1.0, max(0.0, score))
