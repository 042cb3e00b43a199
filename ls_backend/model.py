"""ClipModel: tasks in, predictions out. Owns the model version.

What is pushed and what is served live are built here, by the same two functions, so they cannot
disagree: `ClipModel.score` says what CLIP thinks and `prediction` what Label Studio is told.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from ls_backend.clip import Clip, Vectors
from ls_backend.errors import ImageError
from ls_backend.label_config import LabelTarget
from ls_backend.zero_shot import TEMPLATES, Score, probabilities, score_shares, text_vectors

if TYPE_CHECKING:
    from PIL.Image import Image

TASKS_AT_ONCE = 16
"""Pixels of this many tasks are in memory at a time, for each request."""

Task = Mapping[str, Any]
ReadImage = Callable[[Task], "Image"]

log = logging.getLogger(__name__)


class ClipModel:
    """A CLIP model that answers labeling configs. Safe to share between threads."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip
        self._texts = lru_cache(maxsize=64)(self._encode_texts_of)

    @property
    def name(self) -> str:
        """The CLIP model's name, as in the version."""
        return self._clip.name

    def version(self, target: LabelTarget) -> str:
        """`clip:<name>@<12 hex>`; it changes when, and only when, scores can change."""
        decides = [
            self._clip.fingerprint,
            sorted(zip(target.labels, target.texts, strict=True)),
            TEMPLATES,
            sorted(target.background),
            target.claim_field,
            target.fit_field,
        ]
        digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        return f"clip:{self._clip.name}@{digest[:12]}"

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
        vectors = self._clip.encode_images(images)
        shares = probabilities(vectors, self._texts(target), self._clip.logit_scale)
        similarities = self._similarities(vectors, prompts)
        return [
            score_shares(row, target.labels, claim, similarity)
            for row, claim, similarity in zip(shares, claims, similarities, strict=True)
        ]

    def predict(
        self, tasks: Sequence[Task], target: LabelTarget, read_image: ReadImage
    ) -> list[dict[str, Any] | list[Any]]:
        """One item per task, in order: its prediction, or [] where its image failed (logged)."""
        version = self.version(target)
        answers: list[dict[str, Any] | list[Any]] = []
        for part in _parts(tasks):
            answers += self._predict_part(part, target, read_image, version)
        return answers

    def _predict_part(
        self, tasks: Sequence[Task], target: LabelTarget, read_image: ReadImage, version: str
    ) -> list[dict[str, Any] | list[Any]]:
        images = [_image_or_none(task, read_image) for task in tasks]
        seen = [
            (task, image) for task, image in zip(tasks, images, strict=True) if image is not None
        ]
        scores = iter(
            self.score(
                [image for _, image in seen],
                target,
                [_text(task, target.claim_field) for task, _ in seen],
                [_text(task, target.fit_field) for task, _ in seen],
            )
        )
        return [
            [] if image is None else prediction(target, next(scores), version) for image in images
        ]

    def _similarities(self, vectors: Vectors, prompts: Sequence[str | None]) -> list[float | None]:
        asked = sorted({prompt for prompt in prompts if prompt})
        texts = dict(zip(asked, self._clip.encode_texts(asked), strict=True))
        return [
            float(vector @ texts[prompt]) if prompt else None
            for vector, prompt in zip(vectors, prompts, strict=True)
        ]

    def _encode_texts_of(self, target: LabelTarget) -> Vectors:
        return text_vectors(target.texts + target.background, self._clip.encode_texts)


def prediction(target: LabelTarget, score: Score, version: str) -> dict[str, Any]:
    """What Label Studio is told of one task; its score is finite and in [0, 1].

    The score is the label's probability; with `clip_fit`, the fit to the prompt instead (a cosine,
    below 0 shown as 0) where the task has one.
    """
    shown = score.label_probability
    if target.fit_field and score.similarity is not None:
        shown = score.similarity
    shown = min(1.0, max(0.0, shown))
    region = {
        "from_name": target.from_name,
        "to_name": target.to_name,
        "type": "choices",
        "value": {"choices": [score.label]},
        "score": shown,
    }
    return {"model_version": version, "score": shown, "result": [region]}


def _parts(tasks: Sequence[Task]) -> Iterator[Sequence[Task]]:
    return (tasks[start : start + TASKS_AT_ONCE] for start in range(0, len(tasks), TASKS_AT_ONCE))


def _image_or_none(task: Task, read_image: ReadImage) -> Image | None:
    try:
        return read_image(task)
    except ImageError as error:
        log.warning(
            "task %s: no prediction [%s] %s %s",
            task.get("id"), error.code, error.message, error.hint,
        )  # fmt: skip
        return None


def _text(task: Task, field: str | None) -> str | None:
    value = task["data"].get(field) if field else None
    return value if isinstance(value, str) else None
