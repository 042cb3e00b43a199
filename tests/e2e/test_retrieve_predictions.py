"""Data Manager > Actions > Retrieve Predictions, for two hundred tasks of which one is damaged."""

from __future__ import annotations

from collections import Counter

from command_line import CommandLine
from own_backend import log_lines, metric
from plain_projects import act_on_all_tasks, data_uri, drawings, new_project, predictions, task_ids
from review_world import picture

from importers.demo.services import BackendServer
from ls_backend.label_studio import LabelStudio

TASKS = 200
DAMAGED = 77


def test_all_but_the_damaged_one_and_the_next_time_only_that_one(
    ls: LabelStudio, command_line: CommandLine, backend: BackendServer
) -> None:
    images = drawings(TASKS)
    whole = picture(DAMAGED)
    images[DAMAGED] = data_uri(whole[:50])  # a whole header, and half its pixels
    project_id = new_project(ls, images)
    connected = command_line.report("connect", "--project", project_id, "--url", backend.url)
    before = asked(backend)
    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")
    tasks = task_ids(ls, project_id)
    damaged = tasks[DAMAGED]
    assert asked(backend) - before == Counter(requests=1, images=TASKS, damaged=1)
    stored = predictions(ls, project_id)
    assert sorted(one["task"] for one in stored) == [task for task in tasks if task != damaged]
    assert {one["model_version"] for one in stored} == {connected["model_version"]}
    assert all(0 <= one["score"] <= 1 for one in stored)
    assert len(log_lines(backend, f"task {damaged}", "damaged")) == 1
    before = asked(backend)
    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")
    assert asked(backend) - before == Counter(requests=1, images=1, damaged=1)
    assert len(log_lines(backend, f"task {damaged}", "damaged")) == 2
    assert {one["id"] for one in predictions(ls, project_id)} == {one["id"] for one in stored}


def asked(backend: BackendServer) -> Counter[str]:
    """Of this backend so far: requests for predictions, images in them, images found damaged."""
    return Counter(
        requests=metric(backend, "clip_requests_total", route="predict", status="200"),
        images=metric(backend, "clip_images_total"),
        damaged=metric(backend, "clip_images_total", outcome="damaged"),
    )
