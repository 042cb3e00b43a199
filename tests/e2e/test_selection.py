"""What is held back is not in Label Studio; what CLIP is sure of is marked there."""

from __future__ import annotations

from dataclasses import replace

from review_world import MakeWorld, World

from importers.label_studio.tabs import CONFIDENT_TAB


def selecting(world: World, **selection: object) -> World:
    settings = world.campaign.selection.model_copy(update=selection)
    return replace(world, campaign=world.campaign.model_copy(update={"selection": settings}))


def test_what_is_held_back_is_not_pushed_nor_audited(make_world: MakeWorld) -> None:
    world = make_world((0.9, 0.1, 0.5, 0.3), audit=1.0)
    first, second, *others = (sample.key for sample in world.ledger.samples())
    world.ledger.record_selection(
        {first: (None, f"near duplicate of {second}"), second: (None, "blank")}
    )
    report = world.push()
    assert (report.pushed, report.audit) == (2, 2)
    assert report.held == {"near duplicate": 1, "blank": 1}
    assert report.project_id is not None
    tasks = world.tasks(report.project_id)
    assert {task["data"]["sample"] for task in tasks} == set(others)
    assert world.sample(first).audit is None

    pushing_all = selecting(world, unusable="push")
    again = pushing_all.push()
    assert (again.pushed, again.held) == (1, {"near duplicate": 1})
    assert world.sample(second).task_id is not None


def test_low_scores_are_dropped_only_where_that_is_said(make_world: MakeWorld) -> None:
    world = selecting(make_world((0.9, 0.1, 0.5, 0.02)), drop_below=0.2)
    dropping = selecting(world, drop=True).push()
    assert (dropping.pushed, dropping.dropped, dropping.below) == (2, 2, 0)
    plain = world.push()
    assert (plain.pushed, plain.dropped, plain.below) == (2, 0, 2)
    last = world.push()
    assert (last.pushed, last.below) == (0, 0)


def test_confident_samples_have_a_tab_and_wait_at_the_end(make_world: MakeWorld) -> None:
    world = selecting(make_world((0.9, 0.1, 0.95, 0.3)), accept_above=0.9)
    project_id = world.push().project_id
    assert project_id is not None
    tab = world.tasks(project_id, world.tabs(project_id)[CONFIDENT_TAB])
    assert [task["data"]["clip_score"] for task in tab] == [0.9, 0.95]
    assert {task["data"]["confident"] for task in tab} == {True}
    queue = sorted(world.tasks(project_id), key=lambda task: task["predictions_score"])
    assert [task["data"]["confident"] for task in queue] == [False, False, True, True]
