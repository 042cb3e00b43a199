"""What the dataset card says and records do not hold: the release, the campaign, the review."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from importers.config.storage_sections import ApprovalSettings
from importers.record import Record
from importers.review import (
    APPROVED,
    CONTACT_SHEET,
    NONE_FITS,
    ONE_BY_ONE,
    REJECTED,
    RELABELLED,
    SKIPPED,
    STORED,
    UNDECIDED,
    UNUSABLE,
    VERDICTS,
    WAITING,
    ReviewKind,
)

DataFiles = Mapping[str, Mapping[str, Sequence[str]]]
"""Layout → split → files, or a pattern that finds them, below the storage's root."""

_OUTCOMES = {
    APPROVED: "approved as is",
    RELABELLED: "approved with another label",
    REJECTED: "rejected",
    UNUSABLE: "unusable",
    NONE_FITS: "none of the labels fits",
    SKIPPED: "skipped",
    UNDECIDED: "undecided",
    WAITING: "waiting for an answer",
}


@dataclass(frozen=True)
class CardRelease:
    """The release that a card is for, whose layouts are written.

    Attributes:
        name, folder: Name of the release, and its folder below the storage's root.
        created_at: Time at which it was begun.
        files: Sorted paths below the storage's root, by layout.
        image: Function that gives the bytes of a record's picture.
        earlier: Function that gives the bytes of a file of the last release's card by its name;
            None where it had none.
        removed: Number of samples that were in an earlier release and are not in this one.
    """

    name: str
    folder: str
    created_at: datetime
    files: Mapping[str, Sequence[str]]
    image: Callable[[Record], bytes]
    earlier: Callable[[str], bytes | None]
    removed: int


@dataclass(frozen=True)
class ReviewFacts:
    """How the tasks of a project were reviewed.

    Attributes:
        outcomes: Number of tasks by outcome of `importers.review`.
        people: Number of people who gave an answer that decided a task.
        one_by_one, contact_sheet: Number of tasks that were decided in that way.
        compared: Number of decided tasks to which two or more people gave an answer.
        agreement: Mean share of these people who gave the label that counts, in (0, 1]; None
            where nothing is compared.
    """

    outcomes: Mapping[str, int]
    people: int
    one_by_one: int
    contact_sheet: int
    compared: int
    agreement: float | None

    @property
    def decided(self) -> int:
        """Number of tasks with a decision."""
        return sum(self.outcomes.get(outcome, 0) for outcome in VERDICTS)

    @property
    def approved(self) -> int:
        """Number of tasks whose picture is to be stored."""
        return sum(self.outcomes.get(outcome, 0) for outcome in STORED)

    @property
    def rows(self) -> list[tuple[str, int, bool]]:
        """Every outcome in words, its number of tasks, and whether it is a decision."""
        return [
            (words, self.outcomes.get(outcome, 0), outcome in VERDICTS)
            for outcome, words in _OUTCOMES.items()
        ]


@dataclass(frozen=True)
class CardFacts:
    """What a card needs beside the contents of its release.

    Attributes:
        name, campaign_id: Name and id of the campaign.
        campaign_file, campaign_text: Name and whole text of the campaign file.
        release, date: Name and day of the release.
        project: Number of the Label Studio project.
        labels: Labels of the campaign, in the order of its labeling config.
        approval: Settings that say which answers count.
        review: Outcomes of the review.
        removed: Number of samples that were in an earlier release and are not in this one.
        order: Score that the review queue was sorted by, `label_probability` or `similarity`; None
            where it was not sorted by CLIP.
        held_back: Number of pictures that people were not shown, by reason.
        data_files: Files of the layouts that `datasets` loads by them: parquet, webdataset,
            imagefolder.
        license: SPDX identifier, or "other"; None where no licence is stated.
    """

    name: str
    campaign_id: str
    campaign_file: str
    campaign_text: str
    release: str
    date: date
    project: int
    labels: Sequence[str]
    approval: ApprovalSettings
    review: ReviewFacts
    removed: int = 0
    order: str | None = None
    held_back: Mapping[str, int] = field(default_factory=dict)
    data_files: DataFiles = field(default_factory=dict)
    license: str | None = None


def review_facts(kinds: Iterable[ReviewKind]) -> ReviewFacts:
    """What the reviews of all tasks of a project come to."""
    outcomes: Counter[str] = Counter()
    ways: Counter[str | None] = Counter()
    people: set[int] = set()
    compared, agreed = 0, 0.0
    for kind in kinds:
        outcomes[kind.outcome] += kind.tasks
        if kind.outcome not in VERDICTS:
            continue
        ways[kind.reviewed] += kind.tasks
        people.update(kind.reviewers)
        if kind.agreement is not None:
            compared += kind.tasks
            agreed += kind.agreement * kind.tasks
    mean = agreed / compared if compared else None
    return ReviewFacts(
        dict(outcomes), len(people), ways[ONE_BY_ONE], ways[CONTACT_SHEET], compared, mean
    )
