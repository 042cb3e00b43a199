"""Predictions into a project in bulk: checked before, counted after, none of them twice.

Label Studio drops a bad prediction of a bulk import without a word, and stores a bad one elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from importers.label_studio.imports import IMPORT_TIMEOUT_S, FileNote, NotedImports
from importers.label_studio.queries import ProjectTasks
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import NewPrediction, ResultItem, TaskPrediction


class PredictionChecker:
    """Finds what is wrong with predictions for one labeling config.

    The SDK's label interface knows labels, tags and types. It lets pass a missing score or model
    version, two choices where one is asked for, and an empty result.
    """

    def __init__(self, label_config: str) -> None:
        from label_studio_sdk.label_interface.interface import LabelInterface

        self._interface = LabelInterface(label_config)

    def faults(self, prediction: Mapping[str, Any]) -> list[str]:
        """What is wrong with a prediction, in words."""
        found = []
        score = prediction.get("score")
        if not isinstance(score, float | int) or not math.isfinite(score) or not 0 <= score <= 1:
            found.append(f"its score is {score}")
        if not prediction.get("model_version"):
            found.append("it has no model version")
        return found or self.misfits(prediction["result"])

    def misfits(self, result: Sequence[ResultItem] | None) -> list[str]:
        """What of a result does not fit the labeling config, in words."""
        prediction = {"result": result, "score": 0.0, "model_version": "any"}
        errors = self._interface.validate_prediction(prediction, return_errors=True)
        return [str(error) for error in errors or ()]


class PredictionImports:
    """Imports predictions of one model version for the tasks of one project.

    Args:
        note: File that tells the next process of an import under way.
    """

    def __init__(
        self, ls: LabelStudio, project_id: int, label_config: str, version: str, note: Path
    ) -> None:
        self._ls = ls
        self._tasks = ProjectTasks(ls, project_id)
        self._version = version
        self._checker = PredictionChecker(label_config)
        self._imports = NotedImports[int](FileNote(note), lambda task: bool(self._among([task])))

    def wait(self) -> None:
        """Wait until an import that a killed process had begun is there, or is lost."""
        self._imports.wait()

    def fault(self, prediction: NewPrediction) -> str | None:
        """What is wrong with a prediction, or None."""
        if prediction["model_version"] != self._version:
            return f"its model version is {prediction['model_version']!r}"
        return "; ".join(self._checker.faults(prediction)) or None

    def add(self, predictions: Mapping[int, NewPrediction]) -> set[int]:
        """Add these predictions, by task; returns the tasks that have one afterwards.

        A task that got one meanwhile, from the ML backend perhaps, gets no second.
        """
        numbers = sorted(predictions)
        there = self._among(numbers)
        new = [number for number in numbers if number not in there]
        if not new:
            return there
        with self._imports.noted(new[0]):
            bodies: list[TaskPrediction] = [{"task": n, **predictions[n]} for n in new]
            import_predictions(self._ls, self._tasks.project, bodies)
            return self._among(numbers)

    def _among(self, numbers: Sequence[int]) -> set[int]:
        return self._tasks.with_prediction(numbers, self._version)


def import_predictions(
    ls: LabelStudio, project_id: int, predictions: Sequence[TaskPrediction]
) -> int:
    """Import predictions at once; returns how many of them Label Studio took."""
    answer = ls.json(
        "POST",
        f"/api/projects/{project_id}/import/predictions",
        what=f"add {len(predictions)} predictions to project {project_id}",
        json=predictions,
        timeout=IMPORT_TIMEOUT_S,
    )
    return int(answer["created"])
