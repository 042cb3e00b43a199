"""What training storage holds of one sample: its picture's name, its label, and its provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from importers.review import Box

TRAIN = "train"
VALIDATION = "validation"
TEST = "test"
_TEXT = "_text"
"""Under which a record keeps its line of JSON: of thousands, a sync changes a few."""
SPLITS = (TRAIN, VALIDATION, TEST)


@dataclass(frozen=True)
class Record:
    """A picture that people approved. Times are ISO 8601 in UTC. What is not known is None.

    Attributes:
        sample: Key of the sample.
        sha256: Digest of the picture's bytes, 64 hexadecimal digits.
        format: Ending of the picture's file: png, jpg, webp, gif, …
        width, height: Size in pixels, as it is shown: turned as its EXIF data says.
        bytes: Size of the picture's file.
        label, class_id: Label of the picture, and its number in the class list.
        split: train, validation or test.
        verdict: approved or relabelled.
        reviewed: "one by one" or "contact sheet".
        reviewers: Label Studio's ids of people, or their e-mail addresses where asked for.
        annotation_id, annotated_at, decided_at: Annotation that decided, times at which it was made
            and last changed.
        annotators, agreement: Number of people who answered, and share who gave this label.
        shown_label, shown_score, shown_model_version: Prediction that people saw.
        prompt, prompt_label, technique, factors: Prompt that it was drawn from.
        generator, size, parameters, seed, request_id, generated_at, cost_usd: Model, request, time
            and price in US dollars.
        parents: sha256 of the pictures that it is made from.
        ancestors: sha256 of those, and of what they are made from, through all generations.
        synthetic: Whether a model drew it.
        terms: Terms of the provider, as people were told.
        label_probability, similarity, predicted_label, model_version: CLIP's score of it.
        original_name: Name of the file where it came from.
        family: Name of the samples that are in one split together.
        boxes: Rectangles that people drew.
    """

    sample: str
    sha256: str
    format: str
    width: int
    height: int
    bytes: int
    label: str
    class_id: int
    split: str
    verdict: str
    reviewed: str
    reviewers: tuple[int | str, ...]
    annotation_id: int
    annotated_at: str
    decided_at: str
    annotators: int
    agreement: float | None
    shown_label: str | None
    shown_score: float | None
    shown_model_version: str | None
    prompt: str | None
    prompt_label: str | None
    technique: str | None
    factors: Mapping[str, str] | None
    generator: str | None
    size: str | None
    parameters: Mapping[str, Any] | None
    seed: int | None
    request_id: str | None
    generated_at: str | None
    cost_usd: float | None
    parents: tuple[str, ...]
    ancestors: tuple[str, ...]
    synthetic: bool | None
    terms: str | None
    label_probability: float | None
    similarity: float | None
    predicted_label: str | None
    model_version: str | None
    original_name: str | None
    family: str
    boxes: tuple[Box, ...]
    task_id: int
    project: int
    campaign: str
    campaign_id: str

    @property
    def object_path(self) -> str:
        """Where the picture lies in training storage: named by its content, never changed."""
        return object_path(self.sha256, self.format)

    @property
    def file_name(self) -> str:
        """What the picture's file is called in trees of files; unlike any other sample's."""
        return f"{self.sha256[:16]}-{self.sample[:8]}.{self.format}"


def object_path(sha256: str, file_format: str) -> str:
    """Where a picture lies in training storage, by its content."""
    return f"objects/{sha256[:2]}/{sha256}.{file_format}"


def same(one: Record | None, other: Record | None) -> bool:
    """Whether they are equal; `==` compares all values even of one and itself, as most are."""
    return one is other or one == other


def record_json(record: Record) -> str:
    """A record as one line of JSON, without its end of line; the order of keys is part of it."""
    text: str | None = record.__dict__.get(_TEXT)
    if text is None:
        text = record.__dict__[_TEXT] = _adapter().dump_json(record).decode()
    return text


def record_from(text: str | bytes) -> Record:
    """What `record_json` wrote.

    Raises:
        ValueError: it is none.
    """
    record = _adapter().validate_json(text)
    record.__dict__[_TEXT] = text if isinstance(text, str) else text.decode()
    return record


@cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)
