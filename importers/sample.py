"""What a sample is: one image with its provenance, and the key that names it for ever."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any


@dataclass(frozen=True)
class Prompt:
    """A text, the label it is meant to show, and how it was made.

    Attributes:
        text: What the image model is asked to draw.
        label: The label that the picture is meant to show.
        technique: vanilla, environment, style, adversarial, variation, fusion or inpainting.
        factors: The value of each factor that went into the text.
    """

    text: str
    label: str
    technique: str
    factors: Mapping[str, str]


@dataclass(frozen=True)
class PlannedSample:
    """A sample before it has an image: the prompt and the request that will be paid for."""

    key: str
    prompt: Prompt
    model: str
    size: str
    parameters: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class Score:
    """What CLIP says of a sample; see `ls_backend.zero_shot` for how each number is made.

    Attributes:
        model_version: Version of the model and prompt texts that gave the numbers.
        label_probability: Confidence in the prompt's label, in [0, 1].
        similarity: Cosine of the image to the whole prompt, in [-1, 1].
        margin: label_probability less the largest other probability, in [-1, 1].
        predicted_label: The label that CLIP would give.
        predicted_probability: Confidence in that label, in [0, 1].
    """

    model_version: str
    label_probability: float
    similarity: float
    margin: float
    predicted_label: str
    predicted_probability: float


@dataclass(frozen=True)
class Verdict:
    """What a person decided about a sample.

    Attributes:
        kind: approved, relabelled, rejected or skipped.
        label: The label that the person gave; None where there is none.
        annotation_id: Label Studio's id of the annotation.
        decided_at: When it was last changed.
        reviewer: Label Studio's id of the person.
    """

    kind: str
    label: str | None
    annotation_id: int
    decided_at: datetime
    reviewer: int | None


@dataclass(frozen=True)
class Sample:
    """A sample as the ledger knows it; what has not happened yet is None."""

    planned: PlannedSample
    sha256: str | None
    stored_at: datetime | None
    cost_usd: Decimal | None
    request_id: str | None
    refused: str | None
    score: Score | None
    audit: bool | None
    audit_probability: float | None
    upload: str | None
    task_id: int | None
    pushed_version: str | None
    verdict: Verdict | None

    @property
    def key(self) -> str:
        return self.planned.key

    @property
    def prompt(self) -> Prompt:
        return self.planned.prompt


def sample_key(
    prompt: Prompt, model: str, size: str, parameters: Mapping[str, Any], seed: int
) -> str:
    """Name a sample by the content of its request, so that a rerun finds it again.

    Returns:
        32 hexadecimal digits.
    """
    content = {
        "prompt": prompt.text,
        "label": prompt.label,
        "technique": prompt.technique,
        "model": model,
        "size": size,
        "parameters": dict(parameters),
        "seed": seed,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
