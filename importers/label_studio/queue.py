"""The queue that people work off: whether Label Studio serves it as promised."""

from __future__ import annotations

import math
from dataclasses import dataclass

from importers.config.campaign import Campaign
from importers.label_studio.diagnosis import Fault, unordered, vanished_scores
from importers.label_studio.project import read_project, stored_versions
from importers.label_studio.queries import UNLABELLED, ProjectTasks, condition
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import Project

_NOT_SKIPPED = condition("cancelled_annotations", "equal", "Number", 0)
_FIRST_TASKS = 25
_SHOWN_SCORES = 3


@dataclass(frozen=True)
class ServedTask:
    """A task that waits for review.

    Attributes:
        task_id: Number of the task.
        sample: Key of its sample; "" where somebody else added it.
        score: Score by which Label Studio orders, in [0, 1]; None where it sees no prediction.
        promised: Score by which the campaign orders, in [-1, 1].
    """

    task_id: int
    sample: str
    score: float | None
    promised: float


@dataclass(frozen=True)
class OrderReport:
    """Whether the queue is served as promised.

    Attributes:
        as_promised: Whether the doubtful ones come first.
        explanation: Sentence for people, with the reason and the remedy where they do not.
        first: First tasks, as Label Studio orders them.
    """

    as_promised: bool
    explanation: str
    first: tuple[ServedTask, ...]


def check_order(ls: LabelStudio, project_id: int, campaign: Campaign) -> OrderReport:
    """Read back what Label Studio serves first and compare it with the campaign's order."""
    project = read_project(ls, project_id)
    served = first_served(ls, project_id, campaign)
    wrong = (
        _explained(next(unordered(project), None))
        or _no_scores(ls, project, served)
        or wrong_order(served, first_served(ls, project_id, campaign, by="promised"))
    )
    if wrong:
        return OrderReport(False, wrong, tuple(served))
    return OrderReport(True, _praise(served), tuple(served))


def first_served(
    ls: LabelStudio,
    project_id: int,
    campaign: Campaign,
    by: str = "score",
    count: int = _FIRST_TASKS,
) -> list[ServedTask]:
    """The first tasks without an answer, by Label Studio's score or by what is promised."""
    field = promised_field(campaign)
    ordering = "tasks:predictions_score" if by == "score" else f"tasks:{field}"
    tasks = ProjectTasks(ls, project_id).first(count, ordering, UNLABELLED, _NOT_SKIPPED)
    name = field.removeprefix("data.")
    return [
        ServedTask(
            task_id=task["id"],
            sample=str(task["data"].get("sample", "")),
            score=task["predictions_score"],
            promised=float(task["data"].get(name, math.nan)),
        )
        for task in tasks
    ]


def promised_field(campaign: Campaign) -> str:
    """The Data Manager column of what the campaign orders by."""
    return "data.clip_similarity" if campaign.review.order == "similarity" else "data.clip_score"


def _explained(fault: Fault | None) -> str | None:
    return f"{fault.message} {fault.next_step}" if fault else None


def _no_scores(ls: LabelStudio, project: Project, served: list[ServedTask]) -> str | None:
    unscored = sum(task.score is None for task in served)
    if not unscored:
        return None
    vanished = vanished_scores(project, stored_versions(ls, project["id"]))
    if vanished is not None:
        return _explained(vanished)
    return (
        f"{unscored} of the next {len(served)} tasks have no prediction of model version "
        f"{project['model_version']!r}. Score and push the campaign again."
    )


def wrong_order(served: list[ServedTask], promised: list[ServedTask]) -> str | None:
    """What stands where another task should, and what to do; None where all stand right.

    Args:
        served: Tasks in the order of Label Studio's scores.
        promised: The same number of tasks in the order that was promised.
    """
    for got, wanted in zip(served, promised, strict=True):
        expected = min(max(wanted.promised, 0.0), 1.0)
        if got.score is None or not math.isclose(got.score, expected, abs_tol=1e-6):
            return (
                f"Label Studio serves task {got.task_id} (score {got.score}) where task "
                f"{wanted.task_id} (score {wanted.promised:.4f}) should stand. Run `ls-clip push` "
                "again; if it stays so, work from the tab and choose 'Label Tasks As Displayed'."
            )
    return None


def _praise(served: list[ServedTask]) -> str:
    if not served:
        return "No task waits for review."
    scores = ", ".join(f"{task.score:.3f}" for task in served[:_SHOWN_SCORES])
    more = ", …" if len(served) > _SHOWN_SCORES else ""
    return f"Label Studio serves the lowest score first: {scores}{more}"
