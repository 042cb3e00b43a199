"""Reviewed tasks → records: all that is known of each picture that people approved.

Owns what a record says, before it has a class, a split and a family. Costs what is asked about: of
the ledger only the samples of these tasks are read, and those that they were made from.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from importers.config.job import Job
from importers.generation.budget import noted_terms
from importers.ledger import Ledger
from importers.ledger.reviews import Picture
from importers.progress import Progress, silent
from importers.prompts.folder import MODEL as FOLDER
from importers.prompts.folder import is_synthetic
from importers.record import Record
from importers.review import ONE_BY_ONE, STORED, ReviewedTask, Shown
from importers.sample import Ancestors, Sample, all_ancestors
from importers.training_storage.originals import drawn_pictures, read_pictures
from ls_backend.label_studio import LabelStudio

_UPLOADED = re.compile(r".*/data/upload/\d+/(?:[0-9a-f]{8}-)?(?P<name>[^/]+)")
"""Label Studio puts eight digits and a dash before the name."""
_LOCAL_FILES = "/data/local-files"
_NOBODYS = Ancestors(frozenset(), frozenset())


def describe(
    tasks: Sequence[ReviewedTask],
    job: Job,
    ledger: Ledger,
    ls: LabelStudio,
    project: int,
    progress: Progress = silent,
) -> tuple[dict[str, Record], dict[str, str]]:
    """The records of tasks whose outcome is in `STORED`.

    Of a project of somebody else, tasks with the picture of one of these are described with them:
    of several with one label only the lowest task is stored, of several with different labels none.

    Args:
        project: Number of the project.
        progress: Called with (done, total) pictures that have to be read.

    Returns:
        Sample key → record, with class_id -1 and no split or family; and sample key → why it cannot
        be stored, for people. Both may have keys that were not asked about.

    Raises:
        LabelStudioError: people's e-mail addresses are wanted, and Label Studio does not tell.
    """
    samples: dict[str, Sample] = {}
    if job.campaign is not None:
        samples = {sample.key: sample for sample in ledger.samples_of([t.key for t in tasks])}
        found = drawn_pictures(samples, job, ledger)
    else:
        found = read_pictures(tasks, job, ledger, ls, progress)
    pictures = {key: picture for key, picture in found.items() if isinstance(picture, Picture)}
    problems = {key: reason for key, reason in found.items() if isinstance(reason, str)}
    described = {task.key: task for task in tasks}
    if job.campaign is None:
        doubles = ledger.reviews.with_pictures({picture.sha256 for picture in pictures.values()})
        stored = [(task, picture) for task, picture in doubles if task.review.outcome in STORED]
        described |= {task.key: task for task, _ in stored}
        pictures |= {task.key: picture for task, picture in stored}
        problems |= doubles_among(stored)
    writer = _RecordWriter(job, ledger, project, _people(ls, job, described.values()))
    ancestors = all_ancestors([*samples.values(), *_makers(samples.values(), ledger)])
    records = {
        key: writer.record(task, pictures[key], samples.get(key), ancestors.get(key, _NOBODYS))
        for key, task in described.items()
        if key not in problems
    }
    return records, problems


def doubles_among(tasks: Iterable[tuple[ReviewedTask, Picture]]) -> dict[str, str]:
    """Sample key → why a task cannot be stored beside others of the same picture, for people.

    Args:
        tasks: Approved tasks by their numbers, with their pictures.
    """
    same: dict[str, list[ReviewedTask]] = defaultdict(list)
    for task, picture in tasks:
        same[picture.sha256].append(task)
    problems: dict[str, str] = {}
    for first, *others in same.values():
        labels = {task.review.label for task in (first, *others)}
        for task in others:
            problems[task.key] = f"It is the picture of task {first.task_id} once more."
        if len(labels) > 1:
            given = ", ".join(f"task {t.task_id}: {t.review.label}" for t in (first, *others))
            why = f"The same picture has different labels ({given}). Correct one of them."
            problems |= {task.key: why for task in (first, *others)}
    return problems


def _makers(samples: Iterable[Sample], ledger: Ledger) -> list[Sample]:
    """The samples that these were made from, through all generations."""
    makers: list[Sample] = []
    seen: set[str] = set()
    ahead = {image for sample in samples for image in sample.planned.parents}
    while ahead:
        seen |= ahead
        found = ledger.samples_with_image(ahead)
        makers += found
        ahead = {image for sample in found for image in sample.planned.parents} - seen
    return makers


def _people(ls: LabelStudio, job: Job, tasks: Collection[ReviewedTask]) -> Mapping[int, str]:
    """User → e-mail address, where those are wanted."""
    if job.storage.reviewers == "ids" or not any(task.review.reviewers for task in tasks):
        return {}
    users = ls.json("GET", "/api/users", what="read people's e-mail addresses")
    return {user["id"]: user["email"] for user in users if user.get("email")}


class _RecordWriter:
    """Writes the records of one job."""

    def __init__(self, job: Job, ledger: Ledger, project: int, people: Mapping[int, str]) -> None:
        self._job = job
        self._project = project
        self._people = people
        self._campaign_id = ledger.campaign_id
        self._terms = cache(lambda model: noted_terms(ledger, model))

    def record(
        self, task: ReviewedTask, picture: Picture, sample: Sample | None, ancestors: Ancestors
    ) -> Record:
        review, shown = task.review, task.review.shown or Shown(None, None, None)
        assert review.label is not None, "only tasks with a label are stored"
        assert review.annotation_id is not None, "an annotation gave it"
        provenance = _unknown(task) if sample is None else self._provenance(sample, ancestors)
        return Record(
            sample=task.key,
            sha256=picture.sha256,
            format=picture.format,
            width=picture.width,
            height=picture.height,
            bytes=picture.bytes,
            label=review.label,
            class_id=-1,
            split="",
            verdict=review.outcome,
            reviewed=review.reviewed or ONE_BY_ONE,
            reviewers=tuple(self._people.get(person, person) for person in review.reviewers),
            annotation_id=review.annotation_id,
            annotated_at=_utc(review.annotated_at),
            decided_at=_utc(review.decided_at),
            annotators=review.annotators,
            agreement=review.agreement,
            shown_label=shown.label,
            shown_score=shown.score,
            shown_model_version=shown.model_version,
            **provenance,
            family="",
            boxes=review.boxes,
            task_id=task.task_id,
            project=self._project,
            campaign=self._job.name,
            campaign_id=self._campaign_id,
        )

    def _provenance(self, sample: Sample, ancestors: Ancestors) -> dict[str, Any]:
        """What the ledger knows of a sample; never {}, which Parquet cannot hold."""
        planned, score = sample.planned, sample.score
        file = planned.parameters.get("file") if planned.model == FOLDER else None
        return {
            "prompt": sample.prompt.text,
            "prompt_label": sample.prompt.label,
            "technique": sample.prompt.technique,
            "factors": dict(sample.prompt.factors) or None,
            "generator": planned.model,
            "size": planned.size,
            "parameters": dict(planned.parameters) or None,
            "seed": planned.seed,
            "request_id": sample.request_id,
            "generated_at": None if sample.stored_at is None else _utc(sample.stored_at),
            "cost_usd": None if sample.cost_usd is None else float(sample.cost_usd),
            "parents": planned.parents,
            "ancestors": tuple(sorted(ancestors.images)),
            "synthetic": is_synthetic(planned),
            "terms": self._terms(planned.model),
            "label_probability": score and score.label_probability,
            "similarity": score and score.similarity,
            "predicted_label": score and score.predicted_label,
            "model_version": sample.model_version,
            "original_name": name_in_folder(file),
        }


_OF_THE_LEDGER = (
    "prompt", "prompt_label", "technique", "factors", "generator", "size", "parameters", "seed",
    "request_id", "generated_at", "cost_usd", "synthetic", "terms", "label_probability",
    "similarity", "predicted_label", "model_version",
)  # fmt: skip


def _unknown(task: ReviewedTask) -> dict[str, Any]:
    """What is known of a picture that this tool did not draw."""
    name = name_of_source(task.source)
    return dict.fromkeys(_OF_THE_LEDGER) | {"parents": (), "ancestors": (), "original_name": name}


def _utc(time: datetime | None) -> str:
    assert time is not None, "what happened has a time"
    return time.astimezone(UTC).isoformat()


def name_of_source(source: str) -> str | None:
    """The name in a task's value for an image: an upload, a local file, a URL, a cloud file.

    Returns:
        The file's name, unquoted; None where the value has none, as a data URI.
    """
    if source[:5].lower() == "data:":
        return None
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    if uploaded := _UPLOADED.fullmatch(parts.path):
        return unquote(uploaded["name"])
    if parts.path.rstrip("/").endswith(_LOCAL_FILES):
        return name_in_folder(next(iter(parse_qs(parts.query).get("d", ())), None))
    return name_in_folder(unquote(parts.path))


def name_in_folder(file: object) -> str | None:
    """The last part of a path with "/"; None where there is none."""
    return PurePosixPath(file).name or None if isinstance(file, str) else None
