"""Why one task shows no prediction, or no score: each reason in a sentence, with the next step.

The task is read from the list of tasks: opening it would have Label Studio ask the ML backend.
"""

from __future__ import annotations

from dataclasses import dataclass

from importers.label_studio.predictions import find_task
from importers.label_studio.project import read_project
from importers.reasons import Case, Reason, reasons_of
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio

_PAGE = 100


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
    task = find_task(ls, project_id, task_id)
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
            p["model_version"]: p["score"]
            for p in sorted(task["predictions"], key=lambda p: int(p["id"]))
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
    page = 1
    while True:
        answer = ls.json(
            "GET",
            "/api/projects",
            what="look for the task's project",
            params={"page": page, "page_size": _PAGE, "include": "id", "ordering": "-id"},
        )
        for project in answer["results"]:
            if find_task(ls, int(project["id"]), task_id) is not None:
                return int(project["id"])
        if not answer["next"]:
            raise _no_such_task(ls, task_id, None)
        page += 1


def _no_such_task(ls: LabelStudio, task_id: int, project_id: int | None) -> LabelStudioError:
    where = f"in project {project_id} " if project_id is not None else ""
    return LabelStudioError(
        f"There is no task {task_id} {where}at {ls.url}, or it is not shown to you.",
        hint="Take the number from the ID column of the Data Manager, or from ?task=… in its "
        "address.",
        code="label_studio_no_task",
    )
