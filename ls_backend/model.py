"""ClipModel: tasks in, predictions out. Owns the model version.

What is pushed and what is served live are built here, by the same two functions, so they cannot
disagree: `ClipModel.score` says what CLIP thinks and `prediction` what Label Studio is told.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ls_backend.clip import Clip, Vectors
from ls_backend.errors import ImageError
from ls_backend.image_vectors import OUT_OF_TIME, Look
from ls_backend.label_config import LabelTarget
from ls_backend.zero_shot import TEMPLATES, Score, probabilities, score_shares, text_vectors

if TYPE_CHECKING:
    from PIL.Image import Image

Task = Mapping[str, Any]
LookAt = Callable[[Sequence[Look]], Sequence["NDArray[np.float32] | ImageError"]]

log = logging.getLogger(__name__)


class ClipModel:
    """A CLIP model that answers labeling configs. Safe to share between threads."""

    def __init__(self, clip: Clip) -> None:
        self.clip = clip
        self._texts = lru_cache(maxsize=64)(self._encode_texts_of)

    @property
    def name(self) -> str:
        """The CLIP model's name, as in the version."""
        return self.clip.name

    def version(self, target: LabelTarget) -> str:
        """`clip:<name>@<12 hex>`; it changes when, and only when, scores can change."""
        decides = [
            self.clip.fingerprint,
            sorted(zip(target.labels, target.texts, strict=True)),
            TEMPLATES,
            sorted(target.background),
            target.claim_field,
            target.fit_field,
        ]
        digest = hashlib.sha256(json.dumps(decides).encode()).hexdigest()
        return f"clip:{self.clip.name}@{digest[:12]}"

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
        return self._scores(self.clip.encode_images(images), target, claims, prompts)

    def predict(
        self, tasks: Sequence[Task], target: LabelTarget, look: LookAt
    ) -> list[dict[str, Any] | list[Any]]:
        """One item per task, in order: its prediction, or [] where its image failed (logged).

        `look` answers with the image's vector for each look, in order, or why there is none.
        """
        version = self.version(target)
        looks = [Look(task, target.image_field) for task in tasks]
        found = look(looks) if looks else []
        _log_failures(tasks, found)
        seen = [
            (task, vector)
            for task, vector in zip(tasks, found, strict=True)
            if not isinstance(vector, ImageError)
        ]
        scores = iter(self._scores_of(seen, target))
        return [
            [] if isinstance(item, ImageError) else prediction(target, next(scores), version)
            for item in found
        ]

    def _scores_of(
        self, seen: Sequence[tuple[Task, NDArray[np.float32]]], target: LabelTarget
    ) -> list[Score]:
        if not seen:
            return []
        return self._scores(
            np.stack([vector for _, vector in seen]),
            target,
            [_text(task, target.claim_field) for task, _ in seen],
            [_text(task, target.fit_field) for task, _ in seen],
        )

    def _scores(
        self,
        vectors: Vectors,
        target: LabelTarget,
        claims: Sequence[str | None],
        prompts: Sequence[str | None],
    ) -> list[Score]:
        shares = probabilities(vectors, self._texts(target), self.clip.logit_scale)
        similarities = self._similarities(vectors, prompts)
        return [
            score_shares(row, target.labels, claim, similarity)
            for row, claim, similarity in zip(shares, claims, similarities, strict=True)
        ]

    def _similarities(self, vectors: Vectors, prompts: Sequence[str | None]) -> list[float | None]:
        asked = sorted({prompt for prompt in prompts if prompt})
        texts = dict(zip(asked, self.clip.encode_texts(asked), strict=True))
        return [
            float(vector @ texts[prompt]) if prompt else None
            for vector, prompt in zip(vectors, prompts, strict=True)
        ]

    def _encode_texts_of(self, target: LabelTarget) -> Vectors:
        return text_vectors(target.texts + target.background, self.clip.encode_texts)


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


def _log_failures(tasks: Sequence[Task], found: Sequence[object]) -> None:
    left_over = 0
    for task, error in zip(tasks, found, strict=True):
        if not isinstance(error, ImageError):
            continue
        if error.code == OUT_OF_TIME:
            left_over += 1
            continue
        log.warning(
            "task %s: no prediction [%s] %s %s",
            task.get("id"), error.code, error.message, error.hint,
        )  # fmt: skip
    if left_over:
        log.warning(
            "%d of %d tasks were left over when the time was up (CLIP_PREDICT_SECONDS): retrieve "
            "predictions for fewer tasks at a time.",
            left_over, len(tasks),
        )  # fmt: skip


def _text(task: Task, field: str | None) -> str | None:
    value = task["data"].get(field) if field else None
    return value if isinstance(value, str) else None
