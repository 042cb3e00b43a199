"""What a push says of the order in which a real Label Studio serves its tasks."""

from __future__ import annotations

import pytest
from review_world import (
    SCORES,
    MakeWorld,
    project_of,
)

from importers.label_studio.queue import check_order


def test_the_queue_is_reported_as_promised(make_world: MakeWorld) -> None:
    order = make_world().push().order
    assert order is not None
    assert order.as_promised
    assert order.explanation == "Label Studio serves the lowest score first: 0.000, 0.100, 0.200, …"
    assert [task.promised for task in order.first] == sorted(SCORES)


@pytest.mark.parametrize(
    ("settings", "explanation"),
    [
        ({"sampling": "Sequential sampling"}, "Sequential sampling"),
        ({"maximum_annotations": 2}, "2 annotations per task"),
    ],
)
def test_a_queue_that_is_not_as_promised_is_explained(
    make_world: MakeWorld, settings: dict[str, object], explanation: str
) -> None:
    world = make_world()
    project_id = project_of(world)
    world.set_project(project_id, **settings)
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert explanation in order.explanation


def test_a_model_version_that_hides_the_scores_is_explained_and_mended(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    project_id = project_of(world)
    task = world.tasks(project_id)[0]["id"]
    foreign = {"task": task, "score": 0.5, "model_version": "foreign", "result": []}
    world.ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[foreign])
    world.set_project(project_id, model_version="foreign")
    order = check_order(world.ls, project_id, world.campaign)
    assert "8 of the next 9 tasks" in order.explanation
    for prediction in world.tasks(project_id)[0]["predictions"]:
        if prediction["model_version"] == "foreign":
            world.ls.request("DELETE", f"/api/predictions/{prediction['id']}/")
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert "at random" in order.explanation
    mended = world.push().order
    assert mended is not None
    assert mended.as_promised


def test_scores_that_somebody_changed_are_noticed(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    prediction = world.tasks(project_id)[0]["predictions"][0]["id"]
    world.ls.request("PATCH", f"/api/predictions/{prediction}/", json={"score": 0.99})
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert "should stand" in order.explanation


def test_tasks_that_others_added_have_no_score_and_are_counted(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    world.ls.request("POST", f"/api/projects/{project_id}/import", json=[{"data": {"image": "x"}}])
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert "1 of the next 10 tasks" in order.explanation


def test_nothing_to_review_is_as_promised(make_world: MakeWorld) -> None:
    world = make_world(SCORES[:2])
    project_id = project_of(world)
    for task in world.tasks(project_id):
        world.annotate(task["id"], "dog")
    order = check_order(world.ls, project_id, world.campaign)
    assert (order.as_promised, order.explanation) == (True, "No task waits for review.")
