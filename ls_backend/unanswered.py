"""Tasks that get no prediction: the reason of each, and how the log says it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ls_backend.errors import LsClipError
from ls_backend.images.image_vectors import OUT_OF_TIME
from ls_backend.labels.target import LabelTarget
from ls_backend.words import listed

TASKS_NAMED = 5
"""In one line of the log."""
LONGEST_REASON = 400

Outcome = tuple[Mapping[str, Any], LsClipError | None]
"""A task, and why it gets no prediction; None where it gets one."""

log = logging.getLogger(__name__)


class NoRegion(LsClipError):
    """The regions of a task's image are to be labelled, and it has none."""

    default_code = "no_region"


def no_region(target: LabelTarget) -> NoRegion:
    """Why a task without regions gets no prediction."""
    return NoRegion(
        f"It has no region to label: {target.from_name!r} answers for regions, and none is drawn.",
        hint="Draw some and submit them, or switch on Auto-Annotation while drawing.",
    )


def log_unanswered(outcomes: Sequence[Outcome]) -> None:
    """A line for each image that failed; one for all tasks that were left over, or lack regions.

    That there is no region yet is normal, and no warning.
    """
    unanswered = [(task.get("id"), error) for task, error in outcomes if error is not None]
    for number, error in unanswered:
        if error.code not in {OUT_OF_TIME, NoRegion.default_code}:
            log.warning(
                "task %s: no prediction [%s] %s %s",
                number, error.code, error.message, error.hint,
                extra={"task": number, "code": error.code, "hint": error.hint},
            )  # fmt: skip
    without = [number for number, error in unanswered if isinstance(error, NoRegion)]
    if without:
        why = next(error for _, error in unanswered if isinstance(error, NoRegion))
        log.info(
            "%s: no prediction [%s] %s",
            _named(without), why.code, why.message,
            extra={"tasks": without, "code": why.code, "hint": why.hint},
        )  # fmt: skip
    left_over = [number for number, error in unanswered if error.code == OUT_OF_TIME]
    if left_over:
        hint = "For more than a few tasks use: ls-clip prelabel --project N"
        log.warning(
            "%d of %d tasks were left over when the time was up (CLIP_PREDICT_SECONDS): %s. %s",
            len(left_over), len(outcomes), _named(left_over), hint,
            extra={"tasks": left_over, "code": OUT_OF_TIME, "hint": hint},
        )  # fmt: skip


def last_reason(outcomes: Sequence[Outcome]) -> str:
    """The last task without a prediction and why, in a sentence; "" where all have one."""
    return next(
        (
            f"task {task.get('id')}: {error.message}"[:LONGEST_REASON]
            for task, error in reversed(outcomes)
            if error is not None
        ),
        "",
    )


def _named(tasks: Sequence[Any]) -> str:
    """ "task 3", "tasks 3, 4 and 5", "tasks 3, 4, 5, 6, 7 and 20 more"."""
    names = [str(task) for task in tasks[:TASKS_NAMED]]
    if len(tasks) > TASKS_NAMED:
        names.append(f"{len(tasks) - TASKS_NAMED:,} more")
    return f"task{'s' if len(tasks) > 1 else ''} {listed(names)}"
