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
from ls_backend.metrics import CLAIMS
from ls_backend.zero_shot import Score, probabilities, score_shares, text_vectors

if TYPE_CHECKING:
    from PIL.Image import Image

Task = Mapping[str, Any]
LookAt = Callable[[Sequence[Look]], Sequence["NDArray[np.float32] | ImageError"]]

_NEAR_SAME = 0.95

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
        if target.none_label and target.background and not target.claim_field:
            decides.append(["none", target.none_label])
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
        claims = [_text(task, target.claim_field) for task, _ in seen]
        _count_claims(claims, target)
        return self._scores(
            np.stack([vector for _, vector in seen]),
            target,
            claims,
            [_text(task, target.fit_field) for task, _ in seen],
        )

    def _scores(
        self,
        vectors: Vectors,
        target: LabelTarget,
        claims: Sequence[str | None],
        prompts: Sequence[str | None],
    ) -> list[Score]:
        scale, bias = self.clip.logit_scale, self.clip.logit_bias
        shares = probabilities(vectors, self._texts(target), scale, bias)
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
        vectors = text_vectors(
            target.texts + target.background, self.clip.encode_texts, target.templates
        )
        for row, prompts in enumerate(target.prompts):
            if prompts:
                mean = text_vectors(prompts, self.clip.encode_texts, target.templates).mean(axis=0)
                vectors[row] = mean / np.linalg.norm(mean)
        return vectors

    def warnings(self, target: LabelTarget) -> list[str]:
        """Labels that no text model can know, and pairs that it can hardly tell apart."""
        said = [
            f'CLIP cannot know what {label!r} means: give it clip_prompt="…".'
            for label in target.opaque_labels
        ]
        count = len(target.labels)
        vectors = self._texts(target)[:count]
        alike = np.argwhere(np.triu(vectors @ vectors.T > _NEAR_SAME, k=1))
        pairs = [(target.labels[one], target.labels[other]) for one, other in alike]
        return said + [f"{a!r} and {b!r} read almost the same to CLIP." for a, b in pairs]


def prediction(target: LabelTarget, score: Score, version: str) -> dict[str, Any]:
    """What Label Studio is told of one task; its score is finite and in [0, 1].

    The score is the label's probability; with `clip_fit`, the fit to the prompt instead (a cosine,
    below 0 shown as 0) where the task has one.
    """
    shown = score.label_probability
    if target.fit_field and score.similarity is not None:
        shown = score.similarity
    shown = min(1.0, max(0.0, shown))
    answer = score.label
    if target.prefill == "clip":
        answer = score.predicted_label
    nothing = score.background_wins and not target.claim_field
    if nothing and target.none_label:
        answer = target.none_label
        shown = min(1.0, score.background_probability)
    if target.prefill == "none" or (nothing and not target.none_label):
        return {"model_version": version, "score": shown, "result": []}
    region = {
        "from_name": target.from_name,
        "to_name": target.to_name,
        "type": "choices",
        "value": {"choices": [answer]},
        "score": shown,
    }
    return {"model_version": version, "score": shown, "result": [region]}


def _count_claims(claims: Sequence[str | None], target: LabelTarget) -> None:
    if not target.claim_field:
        return
    for claim in claims:
        known = "verified" if claim in target.labels else "unknown_label"
        CLAIMS.labels(known if claim else "no_claim").inc()


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
            "%d of %d tasks were left over when the time was up (CLIP_PREDICT_SECONDS). For more "
            "than a few tasks use: ls-clip prelabel --project N",
            left_over, len(tasks),
        )  # fmt: skip


def _text(task: Task, field: str | None) -> str | None:
    value = task["data"].get(field) if field else None
    return value if isinstance(value, str) else None
