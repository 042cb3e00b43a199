"""The scripted reviewer: answers tasks as a careful person would, in the order they are served.

Works off the audit tab first, then the queue. It looks at the picture that Label Studio serves:
what was truly drawn stands in a text chunk of that file, which scoring never reads.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from importers.config.campaign import NONE_OF_THESE, UNUSABLE
from importers.label_studio.project import read_project
from importers.label_studio.queries import ProjectTasks
from importers.label_studio.tabs import AUDIT_TAB
from importers.progress import Progress, silent
from ls_backend.errors import LabelStudioError

if TYPE_CHECKING:
    from importers.sketch.draw import Truth
    from ls_backend.label_studio import LabelStudio

NOT_FOUND = "label_studio_not_found"


@dataclass(frozen=True)
class AnsweredTask:
    """One task as the reviewer met it, and what was answered.

    Attributes:
        task_id: Label Studio's number of the task.
        score: Score of the prediction that was shown, 0 to 1.
        audit: Whether the audit tab served it; otherwise the queue did.
        label: Label that the prompt claims.
        choice: Choice of the reviewer: that label, another one, none of these, or unusable.
        label_holds: Whether the picture really shows what the prompt claims.
    """

    task_id: int
    score: float
    audit: bool
    label: str
    choice: str
    label_holds: bool


def review(
    ls: LabelStudio, project_id: int, labels: Sequence[str], progress: Progress = silent
) -> list[AnsweredTask]:
    """Answer every task of a project; returns the answers in the order in which it was served.

    Raises:
        LabelStudioError: Label Studio refuses something, or serves a task twice.
    """
    total = read_project(ls, project_id)["task_number"]
    answers: list[AnsweredTask] = []
    progress(0, total)
    for task, audit in _served(ls, project_id):
        if any(task["id"] == answer.task_id for answer in answers):
            raise LabelStudioError(
                f"Label Studio serves task {task['id']} a second time after it was answered.",
                hint="Look at the task in Label Studio: is its annotation there?",
            )
        answers.append(_answer(ls, task, labels, audit=audit))
        progress(len(answers), total)
    return answers


def queue_order(ls: LabelStudio, project_id: int) -> list[int]:
    """Task ids in the order in which Label Studio sorts the queue, lowest score first."""
    total = read_project(ls, project_id)["task_number"]
    tasks = ProjectTasks(ls, project_id).first(total, "tasks:predictions_score")
    return [task["id"] for task in tasks]


def choose(label: str, truth: Truth, labels: Sequence[str]) -> str:
    """What a person would choose, seeing the picture.

    The label where it holds; another label where that one thing, and nothing else, is to be seen.
    A garbled picture is of no use, nor is one of two things: no single label is right for it.
    """
    if truth.label_holds:
        return label
    if len(truth.objects) == 1 and truth.objects[0] in labels and truth.objects[0] != label:
        return truth.objects[0]
    if truth.failure == "garbled" or len(truth.objects) > 1:
        return UNUSABLE
    return NONE_OF_THESE


def _served(ls: LabelStudio, project_id: int) -> Iterator[tuple[dict[str, Any], bool]]:
    """Each task as it is served, and whether the audit tab served it."""
    tab = _audit_tab(ls, project_id)
    shown = {"ordering": tab.get("ordering") or [], "filters": tab.get("filters")}
    in_tab = {
        "params": {"id": "next_task", "project": project_id},
        "json": {"project": str(project_id), **shown},
    }
    # What "Label Tasks As Displayed" asks for in a tab, then what "Label All Tasks" asks for.
    while task := _task_or_none(ls, "POST", "/api/dm/actions", **in_tab):
        yield task, True
    while task := _task_or_none(ls, "GET", f"/api/projects/{project_id}/next"):
        yield task, False


def _audit_tab(ls: LabelStudio, project_id: int) -> dict[str, Any]:
    tabs = ls.json("GET", "/api/dm/views/", params={"project": project_id})
    for tab in tabs:
        if tab["data"].get("title") == AUDIT_TAB:
            return dict(tab["data"])
    raise LabelStudioError(
        f"Project {project_id} has no audit tab.", hint="Push the campaign again to restore it."
    )


def _task_or_none(ls: LabelStudio, method: str, path: str, **options: Any) -> dict[str, Any] | None:
    try:
        return dict(ls.json(method, path, what="ask for the next task", **options))
    except LabelStudioError as error:
        if error.code == NOT_FOUND:
            return None
        raise


def _answer(
    ls: LabelStudio, task: Mapping[str, Any], labels: Sequence[str], *, audit: bool
) -> AnsweredTask:
    from importers.sketch.draw import read_truth

    started = time.monotonic()
    data, shown = task["data"], task["predictions"][0]
    truth = read_truth(ls.request("GET", data["image"], what="show the picture").content)
    choice = choose(data["label"], truth, labels)
    region = {key: shown["result"][0][key] for key in ("from_name", "to_name", "type")}
    ls.request(
        "POST",
        f"/api/tasks/{task['id']}/annotations/",
        what=f"submit the annotation of task {task['id']}",
        json={
            "result": [{**region, "value": {"choices": [choice]}}],
            "parent_prediction": shown["id"],
            "lead_time": time.monotonic() - started,
        },
    )
    return AnsweredTask(
        task_id=int(task["id"]),
        score=float(shown["score"]),
        audit=audit,
        label=data["label"],
        choice=choice,
        label_holds=truth.label_holds,
    )
