"""Predictions for all tasks of a project at once: scored here, posted in bulk.

For more than a few tasks this is the way: Label Studio asks an ML backend for all of them in one
request that it waits for, and stores what comes one by one.
"""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from importers.label_studio.diagnosis import unordered
from importers.label_studio.predictions import PredictionImports
from importers.label_studio.project import (
    belongs_to_campaign,
    project_url,
    read_project,
    stored_versions,
    use_model_version,
)
from importers.label_studio.queries import ProjectTasks
from importers.ledger.database import exclusive
from importers.progress import Progress, silent
from ls_backend.errors import (
    ConfigError,
    ImageError,
    LabelStudioError,
    LedgerError,
    LsClipError,
)
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import NewPrediction, Task
from ls_backend.labels.config import read_label_config
from ls_backend.labels.regions import OUR_VERSIONS
from ls_backend.labels.target import LabelTarget
from ls_backend.settings import Settings
from ls_backend.unanswered import NoRegion

if TYPE_CHECKING:
    from ls_backend.images.image_vectors import ImageParts
    from ls_backend.model import ClipModel
    from ls_backend.zero_shot import Vectors

BATCH = 128
INVALID = "invalid"
DROPPED = "dropped"

Answer = NewPrediction | LsClipError
"""A task's prediction, or why there is none."""
Answers = Callable[[Sequence[Task]], "list[Answer]"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Unpredicted:
    """A task that got no prediction.

    Attributes:
        task: Number of the task.
        message: Reason, in a sentence.
        hint: Next step.
    """

    task: int
    message: str
    hint: str


@dataclass(frozen=True)
class PrelabelReport:
    """What came of it.

    Attributes:
        done: Tasks that got a prediction now.
        already: Tasks that had one of this version.
        failed: Reason → tasks that got none: code of an image's error; "no_region" (regions are
            to be labelled, and it has none), "invalid" (does not fit the labeling config),
            "dropped" (by Label Studio).
        examples: Reason → what was said of the first such task.
        queue_version: Version whose scores Label Studio shows and orders by.
        ordered: Label Studio serves the lowest of these scores first.
    """

    project: int
    project_url: str
    model_version: str
    tasks: int
    done: int
    already: int
    failed: dict[str, int]
    queue_version: str
    ordered: bool
    examples: dict[str, Unpredicted] = field(default_factory=dict)

    @property
    def in_vain(self) -> bool:
        """Whether no task that lacked a prediction got one.

        That some have no region to label yet is no failure where others have a prediction.
        """
        expected = {NoRegion.default_code} if self.already else set()
        return not self.done and bool(self.failed.keys() - expected)


class ClipAnswers:
    """What CLIP says of tasks, with the reason where it says nothing."""

    def __init__(
        self,
        model: ClipModel,
        target: LabelTarget,
        encode: Callable[[Sequence[ImageParts]], list[Vectors | ImageError]],
    ) -> None:
        self.version = model.version(target)
        self._model = model
        self._target = target
        self._encode = encode

    def __call__(self, tasks: Sequence[Task]) -> list[Answer]:
        """One item per task, in order: its prediction, or why there is none."""
        return self._model.answers(tasks, self._target, self._encode)


@contextmanager
def clip_answers(model: str, label_config: str, settings: Settings) -> Iterator[ClipAnswers]:
    """Load the model, as the ML backend does, for one labeling config.

    Raises:
        LabelConfigError: CLIP can fill nothing in it.
        ModelError: the model cannot be loaded.
    """
    target = read_label_config(label_config)
    from ls_backend.clip.clip import Clip
    from ls_backend.images.image_vectors import ImageVectors
    from ls_backend.images.task_images import TaskImages
    from ls_backend.model import ClipModel

    clip = Clip.load(model, device=settings.device, precision=settings.precision)
    vectors = ImageVectors(clip, TaskImages(settings), settings)
    try:
        yield ClipAnswers(ClipModel(clip), target, vectors.encode)
    finally:
        vectors.close()


def prelabel_project(
    ls: LabelStudio,
    project_id: int,
    model: str,
    settings: Settings,
    expected_version: str | None = None,
    progress: Progress = silent,
) -> PrelabelReport:
    """Give every task of the project a prediction of the model's version.

    Args:
        model: As `Clip.load` takes it.
        expected_version: Refuse to start where the model's version is another.

    Raises:
        ConfigError: the model's version is not the expected one, or another process is at it.
        LabelStudioError: Label Studio refuses; what was posted stays, and is not posted again.
    """
    config = read_project(ls, project_id)["label_config"]
    with (
        only_one(ls, project_id, settings.cache_dir / "prelabel") as note,
        clip_answers(model, config, settings) as answers,
    ):
        _check_version(answers.version, expected_version)
        return prelabel(ls, project_id, answers, answers.version, note, progress)


@contextmanager
def only_one(ls: LabelStudio, project_id: int, folder: Path) -> Iterator[Path]:
    """Keep other processes of this machine out; gives the file for the note of imports.

    Raises:
        ConfigError: another process prelabels the project.
    """
    server = hashlib.sha256(ls.url.encode()).hexdigest()[:12]
    note = folder / f"{server}-{project_id}.json"
    try:
        guard = exclusive(note)
    except LedgerError as error:
        raise ConfigError(
            f"Another ls-clip prelabels project {project_id}, or {folder} cannot be written.",
            hint="Wait for it to end, or stop it; then run this again.",
            code="prelabel_in_use",
        ) from error
    try:
        yield note
    finally:
        guard.close()


def prelabel(
    ls: LabelStudio,
    project_id: int,
    answers: Answers,
    version: str,
    note: Path,
    progress: Progress = silent,
) -> PrelabelReport:
    """Post `answers` for all tasks without a prediction of `version`, and order the queue by it.

    Args:
        note: File that tells the next run of an import under way: see `only_one`.
    """
    project = read_project(ls, project_id)
    imports = PredictionImports(ls, project_id, project["label_config"], version, note)
    imports.wait()
    total, seen, done, already = project["task_number"], 0, 0, 0
    failed: Counter[str] = Counter()
    examples: dict[str, Unpredicted] = {}
    progress(0, total)
    for tasks in ProjectTasks(ls, project_id).whole(BATCH):
        waiting = [task for task in tasks if not _has_version(task, version)]
        good, errors = _checked(waiting, answers, imports)
        stored = imports.add(good) if good else set()
        errors |= {number: _DROPPED for number in good if number not in stored}
        for number, error in errors.items():
            failed[error.code] += 1
            examples.setdefault(error.code, Unpredicted(number, error.message, error.hint))
        seen += len(tasks)
        done += len(stored)
        already += len(tasks) - len(waiting)
        progress(seen, max(seen, total))
    queue_version = _order_queue(ls, project_id, version)
    return PrelabelReport(
        project=project_id,
        project_url=project_url(ls, project_id),
        model_version=version,
        tasks=seen,
        done=done,
        already=already,
        failed=dict(failed.most_common()),
        queue_version=queue_version,
        ordered=queue_version == version and not list(unordered(project)),
        examples=examples,
    )


def _checked(
    tasks: Sequence[Task], answers: Answers, imports: PredictionImports
) -> tuple[dict[int, NewPrediction], dict[int, LsClipError]]:
    """Predictions that fit, by task; and the reason for each task that has none."""
    good: dict[int, NewPrediction] = {}
    errors: dict[int, LsClipError] = {}
    for task, answer in zip(tasks, answers(tasks) if tasks else [], strict=True):
        if isinstance(answer, LsClipError):
            errors[task["id"]] = answer
        elif fault := imports.fault(answer):
            log.warning("task %s: the prediction is not posted: %s", task["id"], fault)
            errors[task["id"]] = _misfit(fault)
        else:
            good[task["id"]] = answer
    return good, errors


def _misfit(fault: str) -> LsClipError:
    return LsClipError(
        f"CLIP's answer does not fit the labeling config: {fault}.",
        hint="If somebody has just changed the labeling config, run this again.",
        code=INVALID,
    )


_DROPPED = LsClipError(
    "Label Studio was sent the prediction, and did not keep it.",
    hint="Was the task deleted meanwhile? Label Studio's log may say more.",
    code=DROPPED,
)


def _has_version(task: Task, version: str) -> bool:
    return any(prediction["model_version"] == version for prediction in task["predictions"])


def _check_version(version: str, expected: str | None) -> None:
    if expected is not None and expected != version:
        raise ConfigError(
            f"The model gives this project predictions of version {version}, not {expected}.",
            hint="Name the model of that version with --model, or leave --model-version out.",
            code="model_version",
        )


def _order_queue(ls: LabelStudio, project_id: int, version: str) -> str:
    """Let the project go by this version where nobody else decides; returns what it goes by."""
    project = read_project(ls, project_id)
    now = str(project["model_version"] or "")
    stored = stored_versions(ls, project_id)
    foreign = now in stored and (belongs_to_campaign(project) or not now.startswith(OUR_VERSIONS))
    if now == version or version not in stored or foreign:
        return now
    try:
        use_model_version(ls, project_id, version)
    except LabelStudioError as error:
        log.warning("%s %s", error.message, error.hint)
        return now
    return version
