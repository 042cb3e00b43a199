"""What people said of one task: the outcome that the approval policy makes of its annotations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import NamedTuple

from pydantic import TypeAdapter

APPROVED = "approved"
RELABELLED = "relabelled"
REJECTED = "rejected"
UNUSABLE = "unusable"
NONE_FITS = "none of these"
SKIPPED = "skipped"
UNDECIDED = "undecided"
WAITING = "waiting"

VERDICTS = (APPROVED, RELABELLED, REJECTED, UNUSABLE, NONE_FITS, SKIPPED)
"""Outcomes that a person decided. Of the others, `undecided` has an answer that cannot count."""
STORED = frozenset({APPROVED, RELABELLED})
"""Outcomes that bring a picture into training storage."""

ONE_BY_ONE = "one by one"
CONTACT_SHEET = "contact sheet"


@dataclass(frozen=True)
class Shown:
    """The prediction that people had before them.

    Attributes:
        label: Label of the prediction; None where it has none.
        score: Score of the prediction, in [0, 1].
        model_version: Model version of the prediction.
    """

    label: str | None
    score: float | None
    model_version: str | None


@dataclass(frozen=True)
class Box:
    """A rectangle that people drew: per cent of the picture's width and height, as in Label Studio.

    Attributes:
        label: Label of the rectangle.
        x, y: Place of its upper left corner, in per cent.
        width, height: Size of it, in per cent.
        rotation: Angle in degrees, clockwise around that corner.
    """

    label: str
    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0


@dataclass(frozen=True)
class Review:
    """What is known of one task.

    Attributes:
        outcome: One of `VERDICTS`, `undecided` or `waiting`.
        reason: Reason why it is undecided, for people; None otherwise.
        label: Label of the picture, where the outcome is in `STORED`.
        annotation_id: Label Studio's id of the annotation that decided.
        annotated_at, decided_at: Times at which that was made, and last changed.
        reviewers: Label Studio's ids of the people whose annotations agree with it, that one's
            first; an annotation without a person has none.
        changed_by: Label Studio's id of the person who changed the task's annotations last, where
            it is known.
        reviewed: `ONE_BY_ONE` or `CONTACT_SHEET`; None where nobody has, or it is not known.
        lead_time_s: Seconds that the annotation took.
        annotators: Number of people with an answer that counts.
        agreement: Share of those who gave this label, in (0, 1]; None with fewer than two.
        shown: Prediction that was shown; None where there was none.
        boxes: Rectangles drawn in the deciding annotation.
    """

    outcome: str
    reason: str | None = None
    label: str | None = None
    annotation_id: int | None = None
    annotated_at: datetime | None = None
    decided_at: datetime | None = None
    reviewers: tuple[int, ...] = ()
    changed_by: int | None = None
    reviewed: str | None = None
    lead_time_s: float | None = None
    annotators: int = 0
    agreement: float | None = None
    shown: Shown | None = None
    boxes: tuple[Box, ...] = ()


class ReviewKind(NamedTuple):
    """What many reviews have in common, and how many they are; see `Review`."""

    outcome: str
    reviewed: str | None
    reviewers: tuple[int, ...]
    agreement: float | None
    tasks: int


@dataclass(frozen=True)
class ReviewedTask:
    """A task of Label Studio as it was read last.

    Attributes:
        task_id: Number of the task; negative for a sample whose task's number another one has.
        key: Key of the sample.
        updated_at: Time of the task's last change, as Label Studio writes it; "" of one that is
            gone.
        source: The task's value for the image: an address or path.
        review: Review of the task.
    """

    task_id: int
    key: str
    updated_at: str
    source: str
    review: Review


def review_json(review: Review) -> str:
    """A review as text, the same for the same review."""
    return _adapter().dump_json(review).decode()


def review_from(text: str) -> Review:
    """What `review_json` wrote."""
    return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[Review]:
    return TypeAdapter(Review)
