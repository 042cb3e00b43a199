"""Label Studio → the decision about each pushed sample.

Tasks are asked for by their numbers, so that none is missed while people delete others. A task that
is not there any more has lost its approval. Before anything is believed, the project and its tasks
must prove to be the campaign's: another Label Studio would look as if everything was withdrawn.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from importers.campaign import NONE_OF_THESE, Campaign
from importers.label_studio.lookup import all_of, item
from importers.label_studio.project import campaign_project
from importers.ledger import Ledger
from importers.progress import Progress, silent
from importers.sample import Sample
from importers.training_storage.verdicts import TASK_GONE, Choices, Decision, decide
from ls_backend.errors import LabelStudioError
from ls_backend.label_config import read_label_config
from ls_backend.label_studio import LabelStudio

BATCH = 250  # task numbers fit into a URL of 3 kB; the answer is about 0.5 MB


def read_decisions(
    ls: LabelStudio, campaign: Campaign, ledger: Ledger, progress: Progress = silent
) -> dict[str, Decision]:
    """The decision about each pushed sample, by its key.

    Args:
        progress: Called with (done, total) samples after each batch.

    Raises:
        LabelStudioError: Label Studio refuses, or has another campaign's tasks.
        LabelConfigError: the labeling config was changed so that no control can be told.
    """
    pushed = ledger.pushed()
    decisions: dict[str, Decision] = {}
    progress(0, len(pushed))
    if not pushed:
        return decisions
    project = campaign_project(ls, ledger)
    choices = _choices(project, campaign)
    for batch in _batches(pushed):
        tasks = _tasks(ls, project["id"], [sample.task_id or 0 for sample in batch])
        decisions.update({sample.key: _decision(sample, tasks, choices) for sample in batch})
        progress(len(decisions), len(pushed))
    return decisions


def _choices(project: Mapping[str, Any], campaign: Campaign) -> Choices:
    target = read_label_config(project["label_config"])
    return Choices(target.from_name, campaign.labels, target.none_label or NONE_OF_THESE)


def _batches(samples: Sequence[Sample]) -> Iterator[Sequence[Sample]]:
    for start in range(0, len(samples), BATCH):
        yield samples[start : start + BATCH]


def _tasks(ls: LabelStudio, project_id: int, numbers: Sequence[int]) -> dict[int, dict[str, Any]]:
    query = all_of(item("id", "in_list", "List", numbers))
    answer = ls.json(
        "GET",
        "/api/tasks",
        what=f"read the annotations of project {project_id}",
        params={
            "project": project_id,
            "fields": "all",
            "resolve_uri": "false",
            "page_size": len(numbers),
            "query": json.dumps(query, separators=(",", ":")),
        },
    )
    if answer["total"] > len(answer["tasks"]) and len(numbers) > 1:
        # This server gives shorter pages. Asking for fewer cannot miss any, as turning pages can.
        half = len(numbers) // 2
        first, second = numbers[:half], numbers[half:]
        return _tasks(ls, project_id, first) | _tasks(ls, project_id, second)
    return {task["id"]: task for task in answer["tasks"]}


def _decision(sample: Sample, tasks: Mapping[int, dict[str, Any]], choices: Choices) -> Decision:
    task = tasks.get(sample.task_id or 0)
    if task is None:
        return Decision(undecided=TASK_GONE)
    if task["data"].get("sample") != sample.key:
        raise LabelStudioError(
            f"Task {task['id']} of project {task['project']} does not hold the sample "
            f"{sample.key} that was pushed to it.",
            hint="If LABEL_STUDIO_URL names another server than before, set it back. If somebody "
            "edited the task's data, restore its `sample`.",
            code="label_studio_other_task",
        )
    return decide(task["annotations"], sample.prompt.label, choices)
