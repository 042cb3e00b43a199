"""ClipModel: tasks in, predictions out. Owns the model version.

`ClipModel.score` says what CLIP thinks of images; `ls_backend.predictions` what Label Studio gets.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ls_backend.clip.clip import Clip
from ls_backend.errors import ImageError, LsClipError
from ls_backend.images.image_vectors import ImageParts
from ls_backend.images.pixels import Box
from ls_backend.label_studio_types import NewPrediction
from ls_backend.labels.regions import OUR_VERSIONS, Region, drawn_in, regions_of
from ls_backend.labels.target import LabelTarget, claims_of, count_claims
from ls_backend.labels.vectors import LabelStudy, LabelVectors, study_labels
from ls_backend.predictions import (
    PredictedLabels,
    one_label,
    prediction,
    region_prediction,
    several_labels,
)
from ls_backend.task_data import value_of
from ls_backend.unanswered import log_unanswered, no_region
from ls_backend.zero_shot import (
    Score,
    Vectors,
    independent_probabilities,
    probabilities,
    score_shares,
)

if TYPE_CHECKING:
    from PIL.Image import Image

Task = Mapping[str, Any]
EncodeImages = Callable[[Sequence[ImageParts]], Sequence[Vectors | ImageError]]


@dataclass(frozen=True)
class _TaskView:
    """What is encoded for one task.

    Attributes:
        task: The task, with its data.
        boxes: Parts of its image; None for the whole image.
        regions: The regions that the boxes are around; () where the image is labelled as a whole.
    """

    task: Task
    boxes: tuple[Box | None, ...]
    regions: tuple[Region, ...]


class ClipModel:
    """A CLIP model that answers labeling configs. Safe to share between threads."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._texts = LabelVectors(clip.encode_texts)

    @property
    def name(self) -> str:
        """The CLIP model's name, as in the version."""
        return self.clip.name

    def version(self, target: LabelTarget) -> str:
        """`clip:<name>@<12 hex>`; it changes when, and only when, scores can change."""
        decides: list[object] = [
            self.clip.fingerprint,
            sorted(zip(target.labels, target.texts, strict=True)),
            target.templates,
            sorted(target.background),
            target.claim_field,
            target.fit_field,
        ]
        if target.prompts:
            decides.append(sorted(zip(target.labels, target.prompts, strict=True)))
        if target.prefill != "claim":
            decides.append(["prefill", target.prefill])
        if target.control != "choices" or target.per_region:
            decides.append(["control", target.control, target.per_region])
        if target.when_tag or target.when_labels:
            decides.append(["when", target.when_tag, target.when_labels])
        if target.takes_several:
            pairs = zip(target.labels, target.thresholds, strict=True)
            decides.append(["thresholds", *sorted(pairs)])
        if target.none_label and target.background:
            decides.append(["none", target.none_label])
        digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        return f"{OUR_VERSIONS}{self.clip.name}@{digest[:12]}"

    def score(
        self,
        images: Sequence[Image],
        target: LabelTarget,
        claims: Sequence[str | None],
        prompts: Sequence[str | None],
    ) -> list[Score]:
        """One Score per RGB image, whatever else is in the batch.

        `claims` and `prompts` run parallel to `images`; None (or an empty prompt) is nothing said.
        """
        if not images:
            return []
        return self.score_vectors(self.clip.encode_images(images), target, claims, prompts)

    def score_vectors(
        self,
        vectors: Vectors,
        target: LabelTarget,
        claims: Sequence[str | None],
        prompts: Sequence[str | None],
    ) -> list[Score]:
        """As `score`, of images whose unit vectors, shape (n, d), are known."""
        return self._scores(vectors, target, claims, self._similarities(vectors, prompts))

    def predict(
        self,
        tasks: Sequence[Task],
        target: LabelTarget,
        encode: EncodeImages,
        context: Mapping[str, Any] | None = None,
    ) -> list[NewPrediction | list[Any]]:
        """As `answers`, with [] where there is no prediction."""
        answers = self.answers(tasks, target, encode, context)
        return [[] if isinstance(answer, LsClipError) else answer for answer in answers]

    def answers(
        self,
        tasks: Sequence[Task],
        target: LabelTarget,
        encode: EncodeImages,
        context: Mapping[str, Any] | None = None,
    ) -> list[NewPrediction | LsClipError]:
        """One item per task, in order: its prediction, or why there is none (logged).

        That is an ImageError, or a NoRegion where regions are to be labelled and it has none.

        Args:
            encode: The vectors of each image's parts, in order, or why there are none.
            context: In interactive mode, what a person has just drawn.
        """
        version = self.version(target)
        views = [_TaskView(task, *_places(task, target, context)) for task in tasks]
        shown = [view for view in views if view.boxes]
        parts = [ImageParts(view.task, target.image_field, view.boxes) for view in shown]
        found = encode(parts) if parts else []
        failed: dict[int, LsClipError] = {
            id(view): vectors
            for view, vectors in zip(shown, found, strict=True)
            if isinstance(vectors, ImageError)
        }
        failed |= {id(view): no_region(target) for view in views if not view.boxes}
        log_unanswered([(view.task, failed.get(id(view))) for view in views])
        seen = [
            (view, vectors)
            for view, vectors in zip(shown, found, strict=True)
            if not isinstance(vectors, ImageError)
        ]
        answers = self._answers(seen, target)
        return [
            failed.get(id(view)) or _predicted(view, answers[id(view)], target, version)
            for view in views
        ]

    def _answers(
        self, seen: Sequence[tuple[_TaskView, Vectors]], target: LabelTarget
    ) -> dict[int, list[PredictedLabels]]:
        """Per view its answers, one for each of its boxes."""
        if not seen:
            return {}
        vectors = np.concatenate([vectors for _, vectors in seen])
        tasks = [view.task for view, _ in seen for _ in view.boxes]
        count_claims([view.task for view, _ in seen], target)
        similarities = self._similarities(vectors, [_text(t, target.fit_field) for t in tasks])
        claims = [claims_of(task, target) for task in tasks]
        if target.takes_several:
            held = independent_probabilities(
                vectors,
                self._texts.of(target),
                len(target.labels),
                self.clip.logit_scale,
                self.clip.logit_bias,
            )
            answers = iter(
                several_labels(target, row, said, fit)
                for row, said, fit in zip(held, claims, similarities, strict=True)
            )
        else:
            one = [said[0] if said else None for said in claims]
            scores = self._scores(vectors, target, one, similarities)
            answers = iter(one_label(target, score) for score in scores)
        return {id(view): [next(answers) for _ in view.boxes] for view, _ in seen}

    def _scores(
        self,
        vectors: Vectors,
        target: LabelTarget,
        claims: Sequence[str | None],
        similarities: Sequence[float | None],
    ) -> list[Score]:
        scale, bias = self.clip.logit_scale, self.clip.logit_bias
        shares = probabilities(vectors, self._texts.of(target), scale, bias)
        return [
            score_shares(row, target.labels, claim, similarity, target.claimable_none)
            for row, claim, similarity in zip(shares, claims, similarities, strict=True)
        ]

    def _similarities(self, vectors: Vectors, prompts: Sequence[str | None]) -> list[float | None]:
        asked = sorted({prompt for prompt in prompts if prompt})
        texts = dict(zip(asked, self.clip.encode_texts(asked), strict=True))
        return [
            float(vector @ texts[prompt]) if prompt else None
            for vector, prompt in zip(vectors, prompts, strict=True)
        ]

    def study(self, target: LabelTarget, deadline: float = float("inf")) -> LabelStudy:
        """What is odd about the labels; their texts are encoded and remembered by it.

        Raises:
            TimeoutError: They are not encoded at the deadline, a `time.monotonic()`.
        """
        return study_labels(target, self._texts.of(target, deadline))


def _places(
    task: Task, target: LabelTarget, context: Mapping[str, Any] | None
) -> tuple[tuple[Box | None, ...], tuple[Region, ...]]:
    """Where to look: at the regions, or the whole image, or what a person has just marked in it."""
    if target.per_region:
        regions = tuple(regions_of(task, target, context))
        return tuple(region.box for region in regions), regions
    marked = drawn_in(context or {}, target)
    return (marked[-1].box if marked else None,), ()


def _predicted(
    view: _TaskView, answers: list[PredictedLabels], target: LabelTarget, version: str
) -> NewPrediction:
    if target.per_region:
        said = list(zip(view.regions, answers, strict=True))
        return region_prediction(target, said, version)
    return prediction(target, answers[0], version)


def _text(task: Task, field: str | None) -> str | None:
    value = value_of(task["data"], field) if field else None
    # JSON can hold half a character, which no tokenizer takes: it becomes a question mark.
    return value.encode(errors="replace").decode() if isinstance(value, str) else None
