"""The tasks of a project, as the Data Manager lists them: paged, searched and ordered.

Owns every `GET /api/tasks`, and Label Studio's times. An answer with tasks that were not asked for
is never taken for one that was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio
from ls_backend.label_studio_types import Condition, Filters, Task, TaskPage

PAGE = 250
"""Tasks with annotations: about 0.3 MB, and a third of a second."""
LIST_PAGE = 2000
"""Numbers alone: 0.1 MB, and a second."""
LONG_AGO = -1
"""Less than every number of a task."""

_RESOLVED = {
    "fields": "all",
    "include": "id,data,created_at,updated_at,updated_by,annotations,predictions,result,"
    "was_cancelled,ground_truth,completed_by,parent_prediction,lead_time,score,model_version",
}
"""Whole tasks: all that is looked at of tasks, annotations and predictions alike. Label Studio
(1.23.2) leaves out of all three what is not named, and takes twice as long for everything. Servers
that do not know `include` send more. Addresses of cloud files are such that it serves itself."""
_AS_STORED = {**_RESOLVED, "resolve_uri": "false"}
"""Whole tasks, with addresses as the task data has them."""
_DATA = {"fields": "task_only", "include": "id,data"}
_SCORES = {"fields": "all", "include": "id,data,predictions_score"}
_VERSIONS = {"fields": "task_only", "include": "id,predictions_model_versions"}
_TIMES = {"fields": "task_only", "include": "id,updated_at"}
"""Number and time alone: less than half of the time of whole tasks."""


@dataclass(frozen=True)
class Newest:
    """Where a project stands.

    Attributes:
        updated_at: Time of the task that changed last, as Label Studio writes it; None without
            tasks.
        tasks: Number of tasks.
    """

    updated_at: str | None
    tasks: int


@dataclass(frozen=True)
class ProjectTasks:
    """The tasks of one project.

    Every method raises LabelStudioError as `LabelStudio` does, with the code "label_studio_proxy"
    where a proxy keeps from Label Studio what is asked for.
    """

    ls: LabelStudio
    project: int

    def whole(self, size: int) -> Iterator[list[Task]]:
        """All tasks, `size` at a time, oldest first, with addresses that Label Studio serves.

        Goes on after the last task that was seen, so tasks that come or go meanwhile shift nothing.
        """
        return (tasks for tasks, _ in self._search((), _RESOLVED, size))

    def find(self, number: int) -> Task | None:
        """One whole task as an ML backend gets it; unlike opening it, this asks none."""
        return next((task for tasks in self.of([number]) for task in tasks), None)

    def find_samples(
        self,
        keys: Collection[str],
        *,
        model_version: str | None = None,
        unlabelled: bool = False,
    ) -> dict[str, int]:
        """Tasks of these samples that Label Studio has; key → task id, the oldest of several.

        Args:
            model_version: Only tasks with a prediction of this version.
            unlabelled: Only tasks without an annotation.
        """
        conditions = [condition("data.sample", "in_list", "List", list(keys))]
        if model_version is not None:
            conditions.append(_predicted_by(model_version))
        if unlabelled:
            conditions.append(UNLABELLED)
        found: dict[str, int] = {}
        if keys:
            for tasks, _ in self._search(conditions, _DATA, PAGE, lambda t: _sample(t) in keys):
                for task in tasks:
                    found.setdefault(_sample(task), task["id"])
        return found

    def with_prediction(self, numbers: Collection[int], model_version: str) -> set[int]:
        """Those of these tasks that have a prediction of the version."""
        conditions = [
            condition("id", "in_list", "List", list(numbers)),
            _predicted_by(model_version),
        ]
        pages = self._search(
            conditions,
            _VERSIONS,
            PAGE,
            lambda task: _has_version(task, model_version),
        )
        return {task["id"] for tasks, _ in pages for task in tasks}

    def predicted(self, model_version: str) -> int:
        """How many tasks have a prediction of the version."""
        page = self._ask({"filters": all_of(_predicted_by(model_version))}, 1, _VERSIONS)
        if not all(_has_version(task, model_version) for task in page["tasks"]):
            raise self._query_ignored()
        return int(page["total"])

    def first(self, count: int, ordering: str, *conditions: Condition) -> list[Task]:
        """The first tasks in an order such as "tasks:predictions_score", with data and score."""
        query = {"filters": all_of(*conditions), "ordering": [ordering]}
        return self._ask(query, count, _SCORES)["tasks"]

    def count(self, *conditions: Condition, view: int | None = None) -> int:
        """How many tasks meet the conditions; with the number of a tab, how many that shows."""
        query = {} if view is not None else {"filters": all_of(*conditions)}
        fields = _TIMES if view is None else {**_TIMES, "view": str(view)}
        return int(self._ask(query, 1, fields)["total"])

    def newest(self) -> Newest:
        """The newest time among all tasks, by Label Studio's clock."""
        page = self._ask({"ordering": ["-tasks:updated_at"]}, 1, _TIMES)
        tasks = page["tasks"]
        return Newest(tasks[0]["updated_at"] if tasks else None, page["total"])

    def count_changed(self, since: str | None, until: str | None) -> int:
        """How many tasks `changed` has."""
        return self.count(*_between(since, until))

    def changed(
        self, since: str | None = None, until: str | None = None, *, after: int = LONG_AGO
    ) -> Iterator[tuple[list[Task], int]]:
        """Whole tasks that were changed last in a span of time, a page at a time, by their numbers.

        Args:
            since, until: As Label Studio writes times; after the first, up to the second.
            after: Begin after this number.

        Yields:
            The tasks, and how many there are with those that are still to come.
        """
        return self._search(
            _between(since, until),
            _AS_STORED,
            PAGE,
            lambda task: since is None or is_later(task["updated_at"], since),
            after,
        )

    def of(self, numbers: Sequence[int]) -> Iterator[list[Task]]:
        """Whole tasks with these numbers, a page at a time; those that are gone are left out."""
        ordered = sorted(numbers)
        for start in range(0, len(ordered), PAGE):
            yield from self._numbered(ordered[start : start + PAGE], _AS_STORED)

    def numbers(self) -> dict[int, str]:
        """Number of each task there is → when it was changed last."""
        return {
            task["id"]: task["updated_at"]
            for tasks, _ in self._search((), _TIMES, LIST_PAGE)
            for task in tasks
        }

    def _numbered(self, numbers: Sequence[int], fields: Mapping[str, str]) -> Iterator[list[Task]]:
        only = [condition("id", "in_list", "List", list(numbers))]
        pages = self._search(only, fields, PAGE, lambda task: task["id"] in numbers)
        return (tasks for tasks, _ in pages)

    def _search(
        self,
        conditions: Sequence[Condition],
        fields: Mapping[str, str],
        size: int,
        meets: Callable[[Task], bool] = lambda _: True,
        after: int = LONG_AGO,
    ) -> Iterator[tuple[list[Task], int]]:
        """The tasks that meet the conditions, by their numbers, and how many are left with them.

        Args:
            meets: Whether a task can be an answer.
        """
        while True:
            filters = all_of(*conditions, condition("id", "greater", "Number", after))
            page = self._ask({"filters": filters, "ordering": ["tasks:id"]}, size, fields)
            tasks = page["tasks"]
            if not tasks:
                return
            if tasks[0]["id"] <= after or not all(meets(task) for task in tasks):
                raise self._query_ignored()
            yield tasks, int(page["total"])
            if len(tasks) == page["total"]:
                return
            after = tasks[-1]["id"]

    def _ask(self, query: Mapping[str, Any], size: int, fields: Mapping[str, str]) -> TaskPage:
        page: TaskPage = self.ls.json(
            "GET",
            "/api/tasks",
            what=f"read the tasks of project {self.project}",
            params={"project": self.project, **fields, "page_size": size},
            # In the body: as part of the address a few hundred keys or numbers are refused.
            json=query,
        )
        return page

    def _query_ignored(self) -> LabelStudioError:
        return LabelStudioError(
            f"{self.ls.url} ignores which tasks we ask for: a proxy before it drops the body of "
            "GET requests.",
            hint="Let the proxy pass it on, or name an address behind it in LABEL_STUDIO_URL.",
            code="label_studio_proxy",
        )


def all_of(*conditions: Condition) -> Filters:
    """The filters that all of these conditions must meet."""
    return {"conjunction": "and", "items": list(conditions)}


def condition(column: str, operator: str, kind: str, value: Any) -> Condition:
    """One condition on a column such as "data.label"."""
    return {
        "filter": f"filter:tasks:{column}",
        "operator": operator,
        "type": kind,
        "value": value,
    }


UNLABELLED = condition("total_annotations", "equal", "Number", 0)


def earlier(time: str, seconds: float) -> str:
    """A time of Label Studio's, so many seconds before; as it writes times."""
    return _sent((read_time(time) - timedelta(seconds=seconds)).isoformat())


def is_later(time: str, other: str) -> bool:
    """Whether one time of Label Studio's is after another."""
    return read_time(time) > read_time(other)


def read_time(text: str) -> datetime:
    """The time that an ISO 8601 text says, with its offset.

    Raises:
        ValueError: it says none.
    """
    return datetime.fromisoformat(text)


def _has_version(task: Task, model_version: str) -> bool:
    return model_version in (task.get("predictions_model_versions") or "")


def _sample(task: Task) -> str:
    return str(task["data"].get("sample"))


def _predicted_by(model_version: str) -> Condition:
    return condition("predictions_model_versions", "contains", "List", [model_version])


def _between(since: str | None, until: str | None) -> list[Condition]:
    ends = {"greater": since, "less_or_equal": until}
    return [
        condition("updated_at", operator, "Datetime", _sent(time))
        for operator, time in ends.items()
        if time is not None
    ]


def _sent(time: str) -> str:
    """As a query of the Data Manager must have it: in UTC, always with six decimals."""
    return read_time(time).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
