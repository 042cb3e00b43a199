"""A sample as a Label Studio task: its data, and its prediction checked before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from importers.config.campaign import Campaign
from importers.prompts.mention import compositional
from importers.sample import Sample, Score
from importers.scoring.select import is_confident
from ls_backend.answers import answer, prediction
from ls_backend.errors import LabelStudioError
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget
from ls_backend.zero_shot import Score as ClipScore


class PredictionChecker:
    """Finds what is wrong with a prediction; Label Studio itself stores anything.

    The SDK's label interface knows labels, tags and ranges. It lets pass a missing score, two
    choices where one is asked for, and an empty result: those are checked here.
    """

    def __init__(self, label_config: str) -> None:
        from label_studio_sdk.label_interface.interface import LabelInterface

        self._interface = LabelInterface(label_config)

    def check(self, candidate: Mapping[str, Any]) -> None:
        """Do nothing for a good prediction.

        Raises:
            LabelStudioError: naming what is wrong.
        """
        errors = _what_the_sdk_misses(candidate)
        errors = errors or self._interface.validate_prediction(dict(candidate), return_errors=True)
        if errors:
            raise LabelStudioError(
                f"A prediction does not fit the labeling config: {'; '.join(map(str, errors))}",
                hint="A label that CLIP gives is not among the choices; was a name changed?",
                code="label_studio_bad_prediction",
            )


class TaskBuilder:
    """Samples → tasks and predictions for one labeling config."""

    def __init__(self, campaign: Campaign, label_config: str) -> None:
        self._campaign = campaign
        self._target: LabelTarget = read_label_config(label_config)
        self._checker = PredictionChecker(label_config)

    @property
    def _by_similarity(self) -> bool:
        return self._campaign.review.order == "similarity"

    def task(self, sample: Sample) -> dict[str, Any]:
        """The task to import, with its prediction."""
        return {"data": self.data(sample), "predictions": [self.prediction(sample)]}

    def data(self, sample: Sample) -> dict[str, Any]:
        """What the task carries: for the reviewer's eyes, for the tabs, and to find it again."""
        score = _score_of(sample)
        return {
            "image": sample.upload,
            "prompt": sample.prompt.text,
            "label": sample.prompt.label,
            "compositional": bool(compositional(sample.prompt.text)),
            "clip_score": score.label_probability,
            "clip_similarity": score.similarity,
            "clip_label": score.predicted_label,
            "why": why(sample.prompt.label, score, by_similarity=self._by_similarity),
            "confident": is_confident(sample, self._campaign),
            "audit": bool(sample.audit),
            "audit_probability": sample.audit_probability,
            "sample": sample.key,
            "technique": sample.prompt.technique,
            "parents": list(sample.planned.parents),
        }

    def prediction(self, sample: Sample) -> dict[str, Any]:
        """The prediction to import, the same that the ML backend would give."""
        score = _score_of(sample)
        clip_score = ClipScore(
            label=sample.prompt.label,
            label_probability=score.label_probability,
            margin=score.margin,
            predicted_label=score.predicted_label,
            predicted_probability=score.predicted_probability,
            similarity=score.similarity,
        )
        made = prediction(self._target, answer(self._target, clip_score), score.model_version)
        self._checker.check(made)
        return made


def queue_position(sample: Sample, order: str) -> tuple[float, str]:
    """Sort key of the review queue: lowest first, and the same at every run."""
    score = _score_of(sample)
    return (score.similarity if order == "similarity" else score.label_probability, sample.key)


def why(label: str, score: Score, *, by_similarity: bool = False) -> str:
    """Why a reviewer sees this picture where it stands: "CLIP gives dog 3 % and would say fish"."""
    sure = f"{label} {_percent(score.label_probability)}"
    # Of none of these it can be surer than of the label that it would say.
    is_other = (
        score.predicted_label != label and score.predicted_probability >= score.label_probability
    )
    if is_other and score.predicted_probability < 0.5:
        opinion = f"CLIP gives {sure} and sees no label clearly"
    elif is_other:
        opinion = f"CLIP gives {sure} and would say {score.predicted_label}"
    elif score.label_probability < 0.5:
        opinion = f"CLIP is not sure: {sure}"
    else:
        opinion = f"CLIP agrees: {sure}"
    if by_similarity:
        return f"{opinion}; fit to the prompt {score.similarity:.2f}"
    return opinion


def _percent(probability: float) -> str:
    if probability < 0.01:
        return "under 1 %"
    if probability > 0.99:
        return "over 99 %"
    return f"{probability:.0%}".replace("%", " %")


def _score_of(sample: Sample) -> Score:
    assert sample.score is not None, "only scored samples become tasks"
    return sample.score


def _what_the_sdk_misses(candidate: Mapping[str, Any]) -> list[str]:
    errors = []
    if candidate.get("score") is None:
        errors.append("it has no score")
    if not candidate.get("model_version"):
        errors.append("it has no model version")
    results = candidate.get("result") or []
    if len(results) != 1:
        errors.append(f"it has {len(results)} results instead of one")
    for result in results:
        choices = result.get("value", {}).get("choices")
        if not isinstance(choices, list) or len(choices) != 1:
            errors.append(f"it chooses {choices} instead of one label")
    return errors
