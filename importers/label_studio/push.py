"""Scored samples → tasks in Label Studio, lowest score first, none of them twice.

Owns the stages of a push, in order; which samples are audited; and the two imports, of tasks and of
newer predictions, each of which may outlive the process that asked for it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from importers.config.campaign import Campaign
from importers.config.review_config import review_config
from importers.image_store import ImageStore
from importers.label_studio.imports import (
    IMPORT_TIMEOUT_S,
    PREDICTIONS_LOST,
    LedgerNote,
    NotedImports,
)
from importers.label_studio.predictions import import_predictions
from importers.label_studio.project import (
    ensure_project,
    project_url,
    stored_versions,
    use_model_version,
)
from importers.label_studio.queries import ProjectTasks
from importers.label_studio.queue import OrderReport, check_order
from importers.label_studio.tabs import TabCount, count_tabs, ensure_tabs
from importers.label_studio.tasks import TaskBuilder, queue_position
from importers.label_studio.uploads import upload
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.progress import Progress, silent
from importers.sample import Sample
from importers.scoring.select import held, is_below, to_push
from ls_backend.errors import LabelStudioError, LedgerError
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import NewTask, TaskPrediction

BATCH = 100
NO_VERSION = ""
"""Version of a task that is to be rescored."""


@dataclass(frozen=True)
class PushReport:
    """What a push did.

    Attributes:
        project_id: Number of the project; None when there was nothing to push.
        project_url: Address at which people open it.
        pushed: Number of samples that became tasks now.
        found: Number of samples whose tasks were already there, left by a run that was killed.
        rescored: Number of tasks that got the prediction of a newer model version.
        audit: Number of `pushed` and `found` that are in the audit sample.
        below: Number of samples that are pushed although their label_probability is below
            `drop_below`.
        dropped: Number of samples that are not, since `drop` says so.
        held: Reason for which samples with an image are kept from people → how many.
        order: Order in which Label Studio serves them; None when there is no project.
        tabs: Tabs of the Data Manager, with how many tasks each shows.
    """

    project_id: int | None = None
    project_url: str | None = None
    pushed: int = 0
    found: int = 0
    rescored: int = 0
    audit: int = 0
    below: int = 0
    dropped: int = 0
    held: dict[str, int] = field(default_factory=dict)
    order: OrderReport | None = None
    tabs: tuple[TabCount, ...] = ()


def push(
    ls: LabelStudio,
    campaign: Campaign,
    ledger: Ledger,
    model_version: str,
    progress: Progress = silent,
) -> PushReport:
    """Push the chosen samples that this model version has scored; resumes where a killed run was.

    Args:
        progress: Called with (done, total) samples after each batch.

    Raises:
        LabelStudioError: Label Studio refuses something.
        LedgerError: an image is not in the campaign's folder any more.
    """
    chosen = to_push(campaign, ledger, model_version)
    below = {sample.key for sample in chosen if is_below(sample, campaign)}
    left_out = below if campaign.selection.drop else set[str]()
    waiting = {sample.key for sample in chosen} - left_out
    report = PushReport(
        below=len(below - left_out),
        dropped=len(left_out),
        held=held(ledger.samples(), campaign),
    )
    if not waiting and not ledger.pushed():
        return report
    draw_audit(campaign, ledger, [sample for sample in chosen if sample.key in waiting])
    project_id = ensure_project(ls, campaign, ledger, model_version)
    pusher = Pusher(ls, campaign, ledger, project_id, model_version)
    audited = [s for s in to_push(campaign, ledger, model_version) if s.key in waiting]
    audited.sort(key=lambda sample: queue_position(sample, campaign.review.order))
    pushed = sum(pusher.push(batch) for batch in _batches(audited, progress))
    rescored = _rescore(pusher, ledger, progress)
    if model_version in stored_versions(ls, project_id):
        use_model_version(ls, project_id, model_version)
    ensure_tabs(ls, project_id, campaign)
    return replace(
        report,
        project_id=project_id,
        project_url=project_url(ls, project_id),
        pushed=pushed,
        found=len(audited) - pushed,
        rescored=rescored,
        audit=sum(bool(sample.audit) for sample in ledger.pushed() if sample.key in waiting),
        order=check_order(ls, project_id, campaign),
        tabs=count_tabs(ls, project_id, campaign, [pusher.builder.data(s) for s in audited]),
    )


def draw_audit(campaign: Campaign, ledger: Ledger, waiting: Sequence[Sample]) -> None:
    """Decide for each sample that is about to be pushed, and not decided yet, if it is audited."""
    keys = [sample.key for sample in waiting if sample.audit is None]
    if keys:
        drawn = draw(keys, campaign.review.audit, campaign.seed)
        ledger.record_audit({key: key in drawn for key in keys}, len(drawn) / len(keys))


def draw(keys: Collection[str], share: float, seed: int) -> set[str]:
    """A simple random sample of the keys; the same at every call, whatever their order.

    Its size is rounded up, so that every sample has a chance. (0.1 * 30 is a little more than 3 in
    binary: that surplus does not count.)
    """
    size = math.ceil(round(len(keys) * share, 9))
    return set(random.Random(f"audit {seed}").sample(sorted(keys), size))


class Pusher:
    """Batches of samples into one project."""

    def __init__(
        self,
        ls: LabelStudio,
        campaign: Campaign,
        ledger: Ledger,
        project_id: int,
        model_version: str,
    ) -> None:
        self.model_version = model_version
        self._ls = ls
        self._ledger = ledger
        self._project_id = project_id
        self._tasks = ProjectTasks(ls, project_id)
        self._task_imports = NotedImports[str](LedgerNote(ledger, Note.TASKS_IMPORT), self._is_task)
        self._prediction_imports = NotedImports[str](
            LedgerNote(ledger, Note.PREDICTIONS_IMPORT), self._is_predicted
        )
        self._images = ImageStore(campaign.images_path)
        self.builder = TaskBuilder(campaign, review_config(campaign))

    def push(self, batch: Sequence[Sample]) -> int:
        """Make tasks of those samples that are none yet; returns how many that were."""
        self._task_imports.wait()
        missing = self._without_known(batch)
        if missing:
            tasks = [self.builder.task(sample) for sample in self._uploaded(missing)]
            keys = [sample.key for sample in missing]
            with self._task_imports.noted(keys[0]):
                task_ids, version = self._import(tasks)
                self._ledger.record_tasks(dict(zip(keys, task_ids, strict=True)), version)
        return len(missing)

    def rescore(self, batch: Sequence[Sample]) -> None:
        """Give tasks the prediction of this model version, and what CLIP now says of them."""
        self._prediction_imports.wait()
        keys = [sample.key for sample in batch]
        there = self._tasks.find_samples(keys)
        done = self._tasks.find_samples(keys, model_version=self.model_version)
        missing = [s for s in batch if s.key in there and s.key not in done]
        if missing:
            with self._prediction_imports.noted(missing[0].key):
                self._import_predictions(
                    [{"task": there[s.key], **self.builder.prediction(s)} for s in missing]
                )
        open_tasks = self._tasks.find_samples(keys, unlabelled=True)
        for sample in batch:
            if sample.key in open_tasks:
                self._replace_data(open_tasks[sample.key], self.builder.data(sample))
        self._ledger.record_tasks(
            {sample.key: sample.task_id for sample in batch if sample.task_id is not None},
            self.model_version,
        )

    def _without_known(self, batch: Sequence[Sample]) -> list[Sample]:
        known = self._tasks.find_samples([sample.key for sample in batch])
        scored = self._tasks.find_samples(known, model_version=self.model_version)
        self._ledger.record_tasks(scored, self.model_version)
        # The others carry an older version's prediction, or none.
        others = {key: known[key] for key in known.keys() - scored.keys()}
        self._ledger.record_tasks(others, NO_VERSION)
        return [sample for sample in batch if sample.key not in known]

    def _uploaded(self, samples: Sequence[Sample]) -> list[Sample]:
        paths = {sample.key: self._image(sample) for sample in samples if sample.upload is None}
        uploads: dict[str, str] = {}
        for part in upload(self._ls, self._project_id, paths):
            self._ledger.record_uploads(part)
            uploads.update(part)
        return [
            replace(sample, upload=uploads.get(sample.key, sample.upload)) for sample in samples
        ]

    def _image(self, sample: Sample) -> Path:
        try:
            return self._images.path(sample.sha256 or "")
        except FileNotFoundError:
            raise LedgerError(
                f"The image of sample {sample.key} is not in {self._images.folder} any more.",
                hint="Restore that folder from a backup: the ledger says that it was paid for.",
            ) from None

    def _import(self, tasks: list[NewTask]) -> tuple[list[int], str]:
        """Import tasks; returns their numbers, and the version of the predictions they now have."""
        what = f"import {len(tasks)} tasks into project {self._project_id}"
        answer = self._ls.json(
            "POST",
            f"/api/projects/{self._project_id}/import",
            what=what,
            params={"return_task_ids": "true"},
            json=tasks,
            timeout=IMPORT_TIMEOUT_S,
        )
        task_ids: list[int] = answer.get("task_ids") or []
        if len(task_ids) != len(tasks):
            raise LabelStudioError(
                f"Could not {what}: {self._ls.url} does not say which tasks they became.",
                hint="It may still be importing them. Run this again in a minute: what is there is "
                "found, and not imported twice.",
                code="label_studio_import_unknown",
            )
        complete = answer.get("prediction_count") == len(tasks)
        return task_ids, self.model_version if complete else NO_VERSION

    def _import_predictions(self, predictions: list[TaskPrediction]) -> None:
        created = import_predictions(self._ls, self._project_id, predictions)
        if created != len(predictions):
            raise LabelStudioError(
                f"Could not add {len(predictions)} predictions to project {self._project_id}: "
                f"{self._ls.url} took {created} of them.",
                hint="Its log has the reason. Run this again when it is mended.",
                code=PREDICTIONS_LOST,
            )

    def _replace_data(self, task_id: int, data: dict[str, Any]) -> None:
        self._ls.request(
            "PATCH", f"/api/tasks/{task_id}", what=f"update task {task_id}", json={"data": data}
        )

    def _is_task(self, key: str) -> bool:
        return bool(self._tasks.find_samples([key]))

    def _is_predicted(self, key: str) -> bool:
        return bool(self._tasks.find_samples([key], model_version=self.model_version))


def _rescore(pusher: Pusher, ledger: Ledger, progress: Progress) -> int:
    stale = [
        sample
        for sample in ledger.pushed()
        if sample.pushed_version != pusher.model_version
        and sample.score is not None
        and sample.model_version == pusher.model_version
    ]
    for batch in _batches(stale, progress):
        pusher.rescore(batch)
    return len(stale)


def _batches(samples: Sequence[Sample], progress: Progress) -> Iterator[Sequence[Sample]]:
    """Some samples at a time; those that were taken before are done."""
    if samples:
        progress(0, len(samples))
    for start in range(0, len(samples), BATCH):
        batch = samples[start : start + BATCH]
        yield batch
        progress(start + len(batch), len(samples))
