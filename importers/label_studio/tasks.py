"""A sample as a Label Studio task: its data, and its prediction checked before it is sent."""

from __future__ import annotations

from typing import Any

from importers.config.campaign import Campaign
from importers.label_studio.predictions import PredictionChecker
from importers.prompts.mention import compositional
from importers.sample import Sample
from importers.scoring.select import is_confident
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio_types import NewPrediction, NewTask
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget
from ls_backend.predictions import one_label, prediction
from ls_backend.zero_shot import Score


class TaskBuilder:
    """Samples → tasks and predictions for one labeling config."""

    def __init__(self, campaign: Campaign, label_config: str) -> None:
        self._campaign = campaign
        self._target: LabelTarget = read_label_config(label_config)
        self._checker = PredictionChecker(label_config)

    @property
    def _by_similarity(self) -> bool:
        return self._campaign.review.order == "similarity"

    def task(self, sample: Sample) -> NewTask:
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

    def prediction(self, sample: Sample) -> NewPrediction:
        """The prediction to import, the same that the ML backend would give."""
        score = _score_of(sample)
        made = prediction(self._target, one_label(self._target, score), sample.model_version or "")
        check_prediction(self._checker, made)
        return made


def check_prediction(checker: PredictionChecker, prediction: NewPrediction) -> None:
    """Do nothing for a good prediction, which chooses one label.

    Raises:
        LabelStudioError: naming what is wrong.
    """
    faults = _not_one_label(prediction) or checker.faults(prediction)
    if faults:
        raise LabelStudioError(
            f"A prediction does not fit the labeling config: {'; '.join(faults)}",
            hint="A label that CLIP gives is not among the choices; was a name changed?",
            code="label_studio_bad_prediction",
        )


def queue_position(sample: Sample, order: str) -> tuple[float, str]:
    """Sort key of the review queue: lowest first, and the same at every run."""
    score = _score_of(sample)
    return (score.prompt_fit if order == "similarity" else score.label_probability, sample.key)


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
        return f"{opinion}; fit to the prompt {score.prompt_fit:.2f}"
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


def _not_one_label(prediction: NewPrediction) -> list[str]:
    """What keeps a prediction from being one choice; the label interface lets that pass."""
    chosen = [item.get("value", {}).get("choices") for item in prediction["result"]]
    if len(chosen) != 1:
        return [f"it has {len(chosen)} results instead of one"]
    return [
        f"it chooses {choices} instead of one label"
        for choices in chosen
        if not isinstance(choices, list) or len(choices) != 1
    ]
