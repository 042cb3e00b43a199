"""Why one task shows no prediction, or no score: each reason in a sentence, with the next step.

The task is read from the list of tasks: opening it would have Label Studio ask the ML backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from importers.label_studio.connect import OUR_TITLES, registered_backends
from importers.label_studio.predictions import PredictionChecker
from importers.label_studio.project import all_projects, read_project
from importers.label_studio.queries import ProjectTasks
from ls_backend.errors import ImageError, LabelConfigError, LabelStudioError, LsClipError
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import MlBackend, Prediction, Project, Task
from ls_backend.labels.config import read_label_config
from ls_backend.labels.regions import regions_of
from ls_backend.labels.target import LabelTarget


@dataclass(frozen=True)
class Reason:
    """One reason; `code` is stable."""

    code: str
    message: str
    next_step: str


@dataclass(frozen=True)
class Case:
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

    @property
    def shown(self) -> Prediction | None:
        """The newest prediction of the project's version."""
        of_version = [p for p in self.task["predictions"] if p["model_version"] == self.version]
        return max(of_version, key=lambda p: p["id"], default=None)


def reasons_of(case: Case) -> Iterator[Reason]:
    """All that hold; none where the task shows its prediction with a score."""
    for look in _LOOKS:
        yield from look(case)


def _not_collected(case: Case) -> list[Reason]:
    if case.project["show_collab_predictions"]:
        return []
    return [
        Reason(
            "predictions_off",
            "The project does not show predictions to annotators.",
            "Switch on 'Use predictions to prelabel tasks' in Settings > Annotation.",
        )
    ]


def _none_at_all(case: Case) -> list[Reason]:
    if case.task["predictions"]:
        return []
    reasons = _unanswerable(case)
    if not any(reason.code == "label_config" for reason in reasons):
        reasons += _backend(case)
    if reasons:
        return reasons
    return [
        Reason(
            "not_yet",
            "The task has no prediction yet, and nothing speaks against one.",
            "Open it in Label Studio, or predict all tasks: "
            f"ls-clip prelabel --project {case.number}",
        )
    ]


def _other_version(case: Case) -> list[Reason]:
    if not case.task["predictions"] or case.shown is not None:
        return []
    theirs = ", ".join(sorted({repr(p["model_version"]) for p in case.task["predictions"]}))
    step = "Choose the task's version in Settings > Annotation."
    if case.version.startswith(OUR_TITLES):
        prelabel = f"ls-clip prelabel --project {case.number} --model-version {case.version}"
        step = f"For one of the project's version: {prelabel}. Or else: {step}"
    return [
        *_unanswerable(case),
        Reason(
            "other_version",
            f"The project shows predictions of model version {case.version or 'none'!r}; the task "
            f"has only some of {theirs}.",
            step,
        ),
    ]


def _misfit(case: Case) -> list[Reason]:
    if case.shown is None:
        return []
    errors = PredictionChecker(case.project["label_config"]).misfits(case.shown["result"])
    if not errors:
        return []
    return [
        Reason(
            "misfit",
            "The prediction does not fit the labeling config, so nothing of it is drawn: "
            f"{'; '.join(errors)}",
            "Put back the name or label that it uses; or delete the predictions of this version "
            f"in the Data Manager, then: ls-clip prelabel --project {case.number}",
        )
    ]


def _empty(case: Case) -> list[Reason]:
    if case.shown is None or case.shown["result"]:
        return []
    if not _config(case) and _target(case).prefill == "none":
        return [
            Reason(
                "prefill_none",
                'The labeling config has clip_prefill="none": the score is there, and no answer '
                "is filled in.",
                'To see CLIP\'s own answer, set it to "clip"; to see the claimed label, take it '
                f"away. Then: ls-clip prelabel --project {case.number}",
            )
        ]
    return [
        Reason(
            "empty",
            "The prediction says nothing: the model found that none of the labels fits.",
            'To have it say so, mark a choice such as "None of these" with clip_none="true".',
        )
    ]


def _no_score(case: Case) -> list[Reason]:
    if case.shown is None or _is_number(case.shown["score"]):
        return []
    return [
        Reason(
            "no_score",
            "The prediction was stored without a score.",
            "Predictions of this ML backend have one. Delete those of "
            f"{case.version!r} in the Data Manager, then: ls-clip prelabel --project {case.number}",
        )
    ]


_LOOKS: tuple[Callable[[Case], list[Reason]], ...] = (
    _not_collected,
    _none_at_all,
    _other_version,
    _misfit,
    _empty,
    _no_score,
)


def _unanswerable(case: Case) -> list[Reason]:
    """Why CLIP would give the task no prediction if it were asked now."""
    return _config(case) or [*_image(case), *_regions(case)]


def _target(case: Case) -> LabelTarget:
    return read_label_config(case.project["label_config"])


def _config(case: Case) -> list[Reason]:
    try:
        _target(case)
    except LabelConfigError as error:
        return [Reason("label_config", error.message, error.hint)]
    return []


def _image(case: Case) -> list[Reason]:
    from ls_backend.images.task_images import TaskImages
    from ls_backend.settings import settings_from_env

    try:
        TaskImages(settings_from_env()).read(case.task, _target(case).image_field)
    except ImageError as error:
        return [Reason(f"image_{error.code}", error.message, error.hint)]
    except LsClipError as error:
        return [Reason(error.code, error.message, error.hint)]
    return []


def _regions(case: Case) -> list[Reason]:
    target = _target(case)
    if not target.per_region or regions_of(case.task, target):
        return []
    return [
        Reason(
            "no_region",
            f"CLIP labels regions here ({target.from_name!r}), and none is drawn in this task.",
            f"Draw some and submit them, then: ls-clip prelabel --project {case.number}. To have "
            "each labelled while it is drawn, switch on 'Interactive preannotations' of the model "
            "in Settings > Model, and Auto-Annotation below the image.",
        )
    ]


def _backend(case: Case) -> list[Reason]:
    backends = registered_backends(case.ls, case.number)
    ours: MlBackend | None = next(
        (b for b in backends if (b["title"] or "").startswith(OUR_TITLES)), None
    ) or next(iter(backends), None)
    if ours is None:
        return [
            Reason(
                "no_backend",
                "The project has no ML backend that could be asked.",
                f"ls-clip connect --project {case.number} --url …, or without one: "
                f"ls-clip prelabel --project {case.number}",
            )
        ]
    if ours["readable_state"] in {"Disconnected", "Error"}:
        why = " ".join(str(ours["error_message"] or "").split())[:300]
        return [
            Reason(
                "backend_down",
                f"Label Studio says of the ML backend at {ours['url']}: {ours['readable_state']}"
                + (f" ({why})." if why and ours["readable_state"] == "Error" else "."),
                f"ls-clip doctor --project {case.number}",
            )
        ]
    if case.version and case.version != ours["title"]:
        return [
            Reason(
                "backend_not_chosen",
                f"The project shows predictions of {case.version!r}; the ML backend answers as "
                f"{ours['title']!r} and is not asked.",
                f"ls-clip prelabel --project {case.number}, or choose the backend in Settings > "
                "Annotation.",
            )
        ]
    return []


def _is_number(score: object) -> bool:
    return isinstance(score, float | int) and math.isfinite(score)


@dataclass(frozen=True)
class Explanation:
    """What a task shows, and why not more.

    Attributes:
        shown: The prediction that people see is there, with its score.
        model_version: Whose predictions the project shows.
        predictions: Model version → score of the task's newest prediction of it.
        reasons: Empty where nothing is wrong.
    """

    task: int
    project: int
    shown: bool
    model_version: str
    predictions: dict[str, float | None]
    reasons: tuple[Reason, ...]


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
    case = Case(ls, read_project(ls, project_id), task)
    reasons = tuple(reasons_of(case))
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
