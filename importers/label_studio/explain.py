"""Why one task shows no prediction, or no score: each reason in a sentence, with the next step.

The task is read from the list of tasks: opening it would have Label Studio ask the ML backend, and
store what comes. The ML backend is asked from here instead, and nothing of its answer is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from importers.label_studio.backend import answer_for
from importers.label_studio.connect import basic_auth, our_backend, registered_backends
from importers.label_studio.diagnosis import (
    Fault,
    hidden_control,
    hidden_predictions,
    not_asked,
    not_first,
    unreached,
)
from importers.label_studio.predictions import PredictionChecker
from importers.label_studio.project import all_projects, read_project
from importers.label_studio.queries import ProjectTasks
from ls_backend.errors import (
    ConfigError,
    ImageError,
    LabelConfigError,
    LabelStudioError,
    LsClipError,
)
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import MlBackend, NewPrediction, Prediction, Project, Task
from ls_backend.labels.config import read_label_config
from ls_backend.labels.regions import OUR_VERSIONS, regions_of
from ls_backend.labels.target import LabelTarget
from ls_backend.unanswered import NoRegion


@dataclass(frozen=True)
class Explanation:
    """What a task shows, and why not more.

    Attributes:
        task: Number of the task.
        project: Number of its project.
        shown: Whether the prediction that people see is there, with its score.
        model_version: Version whose predictions the project shows.
        predictions: Model version → score of the task's newest prediction of it, in [0, 1].
        reasons: Faults that were found; none where all is right.
    """

    task: int
    project: int
    shown: bool
    model_version: str
    predictions: dict[str, float | None]
    reasons: tuple[Fault, ...]


def explain_task(ls: LabelStudio, task_id: int, project_id: int | None = None) -> Explanation:
    """Find what keeps the task's prediction or score from being seen.

    Args:
        project_id: Of its project; None: look through all that we are shown.

    Raises:
        LabelStudioError: there is no such task, or Label Studio refuses.
    """
    project_id = project_id if project_id is not None else _project_of(ls, task_id)
    task = ProjectTasks(ls, project_id).find(task_id)
    if task is None:
        raise _no_such_task(ls, task_id, project_id)
    case = _Case(ls, read_project(ls, project_id), task)
    reasons = tuple(_reasons(case))
    return Explanation(
        task=task_id,
        project=project_id,
        shown=case.shown is not None and not reasons,
        model_version=case.version,
        predictions={
            p["model_version"] or "": p["score"]
            for p in sorted(task["predictions"], key=lambda p: p["id"])
        },
        reasons=reasons,
    )


@dataclass(frozen=True)
class _Case:
    """A task, its project, and the Label Studio that has both."""

    ls: LabelStudio
    project: Project
    task: Task

    @property
    def number(self) -> int:
        return self.project["id"]

    @property
    def version(self) -> str:
        return str(self.project["model_version"] or "")

    @cached_property
    def backends(self) -> list[MlBackend]:
        return registered_backends(self.ls, self.number)

    @property
    def backend(self) -> MlBackend | None:
        """The registration of this ML backend."""
        return our_backend(self.backends)

    @cached_property
    def answer(self) -> NewPrediction | LsClipError | None:
        """What the ML backend answers now, or why it gives nothing.

        A ConfigError where it cannot be asked from here; None where Label Studio cannot ask it.
        """
        if self.backend is None or unreached(self.project, self.backend):
            return None
        try:
            return answer_for(self.backend["url"], self.project, self.task, basic_auth())
        except ConfigError as error:
            return error

    @property
    def shown(self) -> Prediction | None:
        """The newest prediction of the project's version."""
        of_version = [p for p in self.task["predictions"] if p["model_version"] == self.version]
        return max(of_version, key=lambda p: p["id"], default=None)


def _reasons(case: _Case) -> Iterator[Fault]:
    """All that hold; none where the task shows its prediction with a score."""
    hidden = hidden_predictions(case.project)
    if hidden is not None:
        yield hidden
    yield from hidden_control(case.project["label_config"])
    if not case.task["predictions"]:
        yield from _none_at_all(case)
    elif case.shown is None:
        yield from list(_config(case)) or _unanswered(case)
        yield _other_version(case)
    else:
        yield from _misfit(case, case.shown)
        yield from _empty(case, case.shown)
        yield from _no_score(case, case.shown)


def _none_at_all(case: _Case) -> Iterator[Fault]:
    reasons = list(_config(case)) or [*_unanswered(case), *_backend(case)]
    yield from reasons or [_not_yet(case)]


def _unanswered(case: _Case) -> list[Fault]:
    """Why the task gets no prediction if one is asked for now.

    The ML backend says so by its own settings. Where it cannot be asked, the image is read from
    here.
    """
    answer = case.answer
    if answer is None or isinstance(answer, ConfigError):
        return [*_image(case), *_regions(case)]
    if not isinstance(answer, LsClipError):
        return []
    if answer.code == NoRegion.default_code:
        return list(_regions(case))
    message = f"Asked now, the ML backend gives no prediction: {answer.message}"
    return [Fault(f"image_{answer.code}", message, answer.hint)]


def _not_yet(case: _Case) -> Fault:
    answer = case.answer
    if answer is None or isinstance(answer, LsClipError):
        why = f": {answer.message}" if answer else "."
        return Fault(
            "not_asked_from_here",
            f"The task has no prediction, and the ML backend cannot be asked from here{why}",
            f"{answer.hint if answer else ''} The backend's log says why it gave none.".strip(),
        )
    return Fault(
        "not_yet",
        "The task has no prediction yet. Asked now, the ML backend gives one, with the score "
        f"{answer['score']:.3f}.",
        f"Open it in Label Studio, or predict all tasks: ls-clip prelabel --project {case.number}",
    )


def _other_version(case: _Case) -> Fault:
    theirs = ", ".join(sorted({repr(p["model_version"]) for p in case.task["predictions"]}))
    step = "Choose the task's version in Settings > Annotation."
    if case.version.startswith(OUR_VERSIONS):
        prelabel = f"ls-clip prelabel --project {case.number} --model-version {case.version}"
        step = f"For one of the project's version: {prelabel}. Or else: {step}"
    return Fault(
        "other_version",
        f"The project shows predictions of model version {case.version or 'none'!r}; the task "
        f"has only some of {theirs}.",
        step,
    )


def _misfit(case: _Case, shown: Prediction) -> Iterator[Fault]:
    errors = PredictionChecker(case.project["label_config"]).misfits(shown["result"])
    if errors:
        yield Fault(
            "misfit",
            "The prediction does not fit the labeling config, so nothing of it is drawn: "
            f"{'; '.join(errors)}",
            "Put back the name or label that it uses; or delete the predictions of this version "
            f"in the Data Manager, then: ls-clip prelabel --project {case.number}",
        )


def _empty(case: _Case, shown: Prediction) -> Iterator[Fault]:
    if shown["result"]:
        return
    if not list(_config(case)) and _target(case).prefill == "none":
        yield Fault(
            "prefill_none",
            'The labeling config has clip_prefill="none": the score is there, and no answer '
            "is filled in.",
            'To see CLIP\'s own answer, set it to "clip"; to see the claimed label, take it '
            f"away. Then: ls-clip prelabel --project {case.number}",
        )
    else:
        yield Fault(
            "empty",
            "The prediction says nothing: the model found that none of the labels fits.",
            'To have it say so, mark a choice such as "None of these" with clip_none="true".',
        )


def _no_score(case: _Case, shown: Prediction) -> Iterator[Fault]:
    if shown["score"] is None or not math.isfinite(shown["score"]):
        yield Fault(
            "no_score",
            "The prediction was stored without a score.",
            "Predictions of this ML backend have one. Delete those of "
            f"{case.version!r} in the Data Manager, then: ls-clip prelabel --project {case.number}",
        )


def _target(case: _Case) -> LabelTarget:
    return read_label_config(case.project["label_config"])


def _config(case: _Case) -> Iterator[Fault]:
    try:
        _target(case)
    except LabelConfigError as error:
        yield Fault("label_config", error.message, error.hint)


def _image(case: _Case) -> Iterator[Fault]:
    from ls_backend.images.task_images import TaskImages
    from ls_backend.settings import settings_from_env

    try:
        TaskImages(settings_from_env()).read(case.task, _target(case).image_field)
    except LsClipError as error:
        kind = "image_" if isinstance(error, ImageError) else ""
        yield Fault(f"{kind}{error.code}", error.message, error.hint)


def _regions(case: _Case) -> Iterator[Fault]:
    target = _target(case)
    if target.per_region and not regions_of(case.task, target):
        yield Fault(
            "no_region",
            f"CLIP labels regions here ({target.from_name!r}), and none is drawn in this task.",
            f"Draw some and submit them, then: ls-clip prelabel --project {case.number}. To have "
            "each labelled while it is drawn, switch on 'Interactive preannotations' of the model "
            "in Settings > Model, and Auto-Annotation below the image.",
        )


def _backend(case: _Case) -> list[Fault]:
    """Why Label Studio does not ask the ML backend."""
    backend = case.backend
    if backend is None:
        others = " of ls-clip" if case.backends else ""
        return [
            Fault(
                "no_backend",
                f"The project has no ML backend{others} that could be asked.",
                f"ls-clip connect --project {case.number} --url …, or without one: "
                f"ls-clip prelabel --project {case.number}",
            )
        ]
    found = (
        unreached(case.project, backend),
        not_first(case.project, case.backends, backend) or not_asked(case.project, backend),
    )
    return [fault for fault in found if fault]


def _project_of(ls: LabelStudio, task_id: int) -> int:
    try:
        found = ls.json(
            "GET", "/api/predictions", what="look for the task", params={"task": task_id}
        )
    except LabelStudioError as error:
        if error.code == "label_studio_rejected":  # it knows no such task
            raise _no_such_task(ls, task_id, None) from None
        raise
    if found:
        return int(found[0]["project"])
    for project in all_projects(ls):
        if ProjectTasks(ls, project["id"]).find(task_id) is not None:
            return project["id"]
    raise _no_such_task(ls, task_id, None)


def _no_such_task(ls: LabelStudio, task_id: int, project_id: int | None) -> LabelStudioError:
    where = f"in project {project_id} " if project_id is not None else ""
    return LabelStudioError(
        f"There is no task {task_id} {where}at {ls.url}, or it is not shown to you.",
        hint="Take the number from the ID column of the Data Manager, or from ?task=… in its "
        "address.",
        code="label_studio_no_task",
    )
