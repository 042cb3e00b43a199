"""Predictions into a project in bulk: checked before, counted after, none of them twice.

Label Studio drops a bad prediction without a word, stores one that is sent twice twice, and goes on
importing when the process that asked is gone. So a note is left before each import, and whoever
comes next waits until that import has come to light, or cannot any more.
"""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from importers.label_studio.queries import all_of, item, query_ignored
from importers.ledger.database import exclusive
from ls_backend.errors import ConfigError, LedgerError
from ls_backend.label_studio import LabelStudio

IMPORT_MAY_TAKE_S = 30.0
_POLL_S = 0.5
_LONG_AGO = -1

Prediction = dict[str, Any]


def project_tasks(ls: LabelStudio, project_id: int, size: int) -> Iterator[list[dict[str, Any]]]:
    """All tasks of a project, with annotations and predictions, `size` at a time, oldest first.

    Goes on after the last task that was seen, so tasks that come or go meanwhile shift nothing.
    """
    last = _LONG_AGO
    while True:
        query = {**all_of(item("id", "greater", "Number", last)), "ordering": ["tasks:id"]}
        tasks = _tasks(ls, project_id, query, size, fields="all")
        if not tasks:
            return
        if int(tasks[0]["id"]) <= last:
            raise query_ignored(ls)
        yield tasks
        last = int(tasks[-1]["id"])


def find_task(ls: LabelStudio, project_id: int, task_id: int) -> dict[str, Any] | None:
    """One task with its predictions; unlike opening it, this asks no ML backend for any."""
    query = all_of(item("id", "in_list", "List", [task_id]))
    found = _tasks(ls, project_id, query, 1, fields="all")
    return next((task for task in found if int(task["id"]) == task_id), None)


def has_version(task: Mapping[str, Any], version: str) -> bool:
    """Whether a task, as `project_tasks` gives it, has a prediction of this model version."""
    return any(prediction["model_version"] == version for prediction in task["predictions"])


class PredictionPost:
    """Posts the predictions of one model version into one project."""

    def __init__(
        self, ls: LabelStudio, project_id: int, label_config: str, version: str, note: Path
    ) -> None:
        from label_studio_sdk.label_interface.interface import LabelInterface

        self._ls = ls
        self._project_id = project_id
        self._version = version
        self._interface = LabelInterface(label_config)
        self._note = note

    def wait_for_import(self) -> None:
        """Wait until an import that a killed process had begun is there, or is lost."""
        if not self._note.exists():
            return
        try:
            started, task_id = json.loads(self._note.read_text())
        except ValueError:  # killed while it was written, so before its import
            started, task_id = 0.0, _LONG_AGO
        # A batch becomes visible as a whole: one of its tasks stands for all.
        while abs(time.time() - started) < IMPORT_MAY_TAKE_S and not self.among([task_id]):
            time.sleep(_POLL_S)
        self._note.unlink()

    def fault(self, prediction: Prediction) -> str | None:
        """What is wrong with a prediction, or None."""
        score = prediction.get("score")
        if not isinstance(score, float | int) or not math.isfinite(score) or not 0 <= score <= 1:
            return f"its score is {score}"
        if prediction.get("model_version") != self._version:
            return f"its model version is {prediction.get('model_version')!r}"
        errors = self._interface.validate_prediction(dict(prediction), return_errors=True)
        return "; ".join(map(str, errors)) if errors else None

    def post(self, predictions: Mapping[int, Prediction]) -> set[int]:
        """Add these predictions, by task; returns the tasks that have one afterwards.

        A task that got one meanwhile, from the ML backend perhaps, gets no second.
        """
        new = predictions.keys() - self.among(list(predictions))
        if new:
            self._note.write_text(json.dumps([time.time(), min(new)]))
            self._import([{"task": task_id, **predictions[task_id]} for task_id in sorted(new)])
        there = self.among(list(predictions))
        self._note.unlink(missing_ok=True)
        return there

    def among(self, task_ids: Sequence[int]) -> set[int]:
        """Those of these tasks that have a prediction of the version."""
        query = all_of(
            item("id", "in_list", "List", list(task_ids)),
            item("predictions_model_versions", "contains", "List", [self._version]),
        )
        size = max(1, len(task_ids))
        found = _tasks(self._ls, self._project_id, query, size, fields="task_only")
        if any(self._version not in (task["predictions_model_versions"] or "") for task in found):
            raise query_ignored(self._ls)
        return {int(task["id"]) for task in found}

    def _import(self, predictions: list[Prediction]) -> None:
        what = f"add {len(predictions)} predictions to project {self._project_id}"
        with self._ls.translated(what):
            self._ls.sdk.projects.import_predictions(
                self._project_id,
                request=predictions,  # type: ignore[arg-type]
            )


@contextmanager
def only_one(ls: LabelStudio, project_id: int, folder: Path) -> Iterator[Path]:
    """Keep other processes of this machine out; gives the file for `PredictionPost`'s note.

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


def _tasks(
    ls: LabelStudio, project_id: int, query: dict[str, Any], size: int, *, fields: str
) -> list[dict[str, Any]]:
    # The query goes into the body: a long list of numbers is refused as part of the address.
    answer = ls.json(
        "GET",
        "/api/tasks",
        what=f"read the tasks of project {project_id}",
        params={"project": project_id, "fields": fields, "page_size": size},
        json=query,
    )
    tasks: list[dict[str, Any]] = answer["tasks"]
    return tasks
