"""The projects that ask, and what came of their tasks."""

from __future__ import annotations

import time

from ls_backend.projects import PROJECTS_KEPT, Project, Projects


def test_what_came_of_the_tasks_is_added_up() -> None:
    projects = Projects()
    began = time.time()

    assert projects.asked("3", "clip:a")
    projects.answered("3", 2, {"http_404": 1}, "task 5: gone")
    assert not projects.asked("3", "clip:a")
    projects.answered("3", 1, {"http_404": 1, "no_region": 2}, "")
    assert projects.asked("3", "clip:b")

    [project] = projects.latest_first()
    assert project == Project(
        "3", "clip:b", project.asked, 3, {"http_404": 2, "no_region": 2}, "task 5: gone"
    )
    assert began <= project.asked <= time.time()


def test_a_project_whose_config_is_refused_keeps_what_came_before() -> None:
    projects = Projects()
    projects.asked("3", "clip:a")
    projects.answered("3", 2, {}, "")
    projects.refused("3", "nothing to fill")
    projects.refused("4", "nothing to fill")

    fourth, third = projects.latest_first()

    assert (third.version, third.answered, third.last) == ("clip:a", 2, "nothing to fill")
    assert (fourth.version, fourth.answered, fourth.last) == ("", 0, "nothing to fill")
    assert fourth.asked > 0


def test_those_that_asked_last_are_remembered_and_no_more() -> None:
    projects = Projects()
    for number in range(PROJECTS_KEPT + 2):
        projects.asked(str(number), "clip:a")
    projects.asked("7", "clip:a")
    projects.answered("0", 1, {}, "")

    numbers = [project.number for project in projects.latest_first()]

    assert len(numbers) == PROJECTS_KEPT
    assert numbers[:2] == ["7", str(PROJECTS_KEPT + 1)]
    assert not {"0", "1"} & set(numbers)
