"""How the list of tasks is paged and searched, and when an answer is not believed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from flask import Flask, request
from served import serving

from importers.label_studio import queries
from importers.label_studio.queries import UNLABELLED, ProjectTasks, earlier, is_later
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import Credentials, LabelStudio


class Tasks:
    """Tasks of project 1 as Label Studio lists them; `deaf` behind a proxy that drops bodies."""

    def __init__(self, count: int) -> None:
        self.tasks = [task(number) for number in range(1, count + 1)]
        self.deaf = False
        self.asked: list[dict[str, Any]] = []

    def listed(self) -> dict[str, Any]:
        query = {} if self.deaf else request.get_json()
        self.asked.append({**request.args.to_dict(), **query})
        conditions = query.get("filters", {}).get("items", [])
        found = [one for one in self.tasks if all(meets(one, c) for c in conditions)]
        size = int(request.args["page_size"])
        return {"total": len(found), "tasks": found[:size]}


def task(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "data": {"sample": f"key {(number + 1) // 2}"},
        "updated_at": f"2026-11-30T10:00:{number:02}.000000Z",
        "predictions_model_versions": "clip:a@1" if number % 2 else "clip:b@2",
    }


def meets(task: dict[str, Any], condition: dict[str, Any]) -> bool:
    value: Any = task
    for name in condition["filter"].removeprefix("filter:tasks:").split("."):
        value = value[name]
    given = condition["value"]
    return {
        "greater": lambda: value > given,
        "less_or_equal": lambda: value <= given,
        "in_list": lambda: value in given,
        "contains": lambda: all(one in value for one in given),
    }[condition["operator"]]()


@pytest.fixture
def listed() -> Tasks:
    return Tasks(7)


@pytest.fixture
def project(listed: Tasks) -> Iterator[ProjectTasks]:
    app = Flask("tasks")
    app.add_url_rule("/api/tasks", view_func=listed.listed)
    with serving(app) as url, closing(LabelStudio(Credentials(url, "0" * 40))) as ls:
        yield ProjectTasks(ls, 1)


def numbers(pages: Iterator[list[Any]]) -> list[list[int]]:
    return [[task["id"] for task in page] for page in pages]


def test_pages_go_on_after_the_last_number(listed: Tasks, project: ProjectTasks) -> None:
    pages = project.whole(3)
    first = [task["id"] for task in next(pages)]
    del listed.tasks[0]  # nothing shifts
    assert [first, *numbers(pages)] == [[1, 2, 3], [4, 5, 6], [7]]
    assert len(listed.asked) == 3


def test_a_page_that_holds_all_that_is_left_is_the_last(
    listed: Tasks, project: ProjectTasks
) -> None:
    assert numbers(project.whole(7)) == [[1, 2, 3, 4, 5, 6, 7]]
    assert len(listed.asked) == 1
    listed.tasks.clear()
    assert numbers(project.whole(7)) == []


def test_samples_are_found_by_their_keys_the_oldest_of_twins(
    listed: Tasks, project: ProjectTasks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE", 2)
    assert project.find_samples(["key 1", "key 2", "key 9"]) == {"key 1": 1, "key 2": 3}
    assert project.find_samples(["key 1"], model_version="clip:b@2") == {"key 1": 2}
    before = len(listed.asked)
    assert project.find_samples([]) == {}
    assert len(listed.asked) == before


def test_tasks_by_number(project: ProjectTasks) -> None:
    found = project.find(3)
    assert found is not None
    assert found["id"] == 3
    assert project.find(99) is None
    assert numbers(project.of([5, 2, 99])) == [[2, 5]]
    assert project.with_prediction([1, 2, 3], "clip:a@1") == {1, 3}
    assert project.numbers() == {one["id"]: one["updated_at"] for one in map(task, range(1, 8))}


def test_what_changed_in_a_span(project: ProjectTasks) -> None:
    since, until = task(2)["updated_at"], task(5)["updated_at"]
    changed = list(project.changed(since, until))
    assert [([t["id"] for t in page], left) for page, left in changed] == [([3, 4, 5], 3)]
    assert project.count_changed(since, until) == 3
    assert numbers(page for page, _ in project.changed(after=5)) == [[6, 7]]


def test_addresses_are_resolved_for_looking_and_kept_for_reading(
    listed: Tasks, project: ProjectTasks
) -> None:
    list(project.whole(9))
    list(project.changed())
    assert ["resolve_uri" in asked for asked in listed.asked] == [False, True]


def test_the_first_in_an_order(listed: Tasks, project: ProjectTasks) -> None:
    for one in listed.tasks:
        one["total_annotations"] = 0
    conditions = {**UNLABELLED, "operator": "less_or_equal"}
    assert len(project.first(2, "tasks:predictions_score", conditions)) == 2  # type: ignore[arg-type]
    assert listed.asked[-1]["ordering"] == ["tasks:predictions_score"]


@pytest.mark.parametrize("search", [
    lambda project: project.find(3),
    lambda project: project.find_samples(["key 2"]),
    lambda project: project.with_prediction([1, 2], "clip:b@2"),
    lambda project: list(project.of([3])),
    lambda project: list(project.changed(task(5)["updated_at"])),
    lambda project: list(project.changed(after=4)),
    lambda project: list(project.whole(3)),
])  # fmt: skip
def test_tasks_that_were_not_asked_for_are_not_believed(
    listed: Tasks, project: ProjectTasks, search: Any
) -> None:
    listed.deaf = True
    with pytest.raises(LabelStudioError, match="proxy") as error:
        search(project)
    assert error.value.code == "label_studio_proxy"


def test_times() -> None:
    assert earlier("2026-11-30T10:00:05Z", 10) == "2026-11-30T09:59:55.000000Z"
    assert is_later("2026-11-30T11:00:00+01:00", "2026-11-30T09:59:59Z")
