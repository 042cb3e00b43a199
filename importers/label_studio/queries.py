"""Which tasks of a project belong to which samples: asked of Label Studio itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio

_PAGE = 1000


def find_tasks(
    ls: LabelStudio,
    project_id: int,
    keys: Collection[str],
    *,
    model_version: str | None = None,
    unlabelled: bool = False,
) -> dict[str, int]:
    """Tasks of these samples that Label Studio has; key → task id, the oldest of several.

    Args:
        keys: At most 1000 sample keys.
        model_version: Only tasks with a prediction of this version.
        unlabelled: Only tasks without an annotation.
    """
    if not keys:
        return {}
    items = [item("data.sample", "in_list", "List", list(keys))]
    if model_version is not None:
        items.append(item("predictions_model_versions", "contains", "List", [model_version]))
    if unlabelled:
        items.append(item("total_annotations", "equal", "Number", 0))
    # The keys go into the body: as part of the address a few hundred of them are refused.
    answer = ls.json(
        "GET",
        "/api/tasks",
        what=f"look up samples in project {project_id}",
        params={"project": project_id, "fields": "task_only", "page_size": _PAGE},
        json=all_of(*items),
    )
    found: dict[str, int] = {}
    for task in answer["tasks"]:
        key = task["data"].get("sample")
        if key not in keys:
            raise query_ignored(ls)
        found[key] = min(int(task["id"]), found.get(key, int(task["id"])))
    return found


def query_ignored(ls: LabelStudio) -> LabelStudioError:
    """The error for an answer with tasks that were not asked for."""
    return LabelStudioError(
        f"{ls.url} ignores which tasks we ask for: a proxy before it drops the body of "
        "GET requests.",
        hint="Let the proxy pass it on, or name an address behind it in LABEL_STUDIO_URL.",
        code="label_studio_proxy",
    )


def all_of(*items: dict[str, Any]) -> dict[str, Any]:
    """A Data Manager query that all of these conditions must meet."""
    return {"filters": {"conjunction": "and", "items": list(items)}}


def item(column: str, operator: str, kind: str, value: Any) -> dict[str, Any]:
    """One condition of a Data Manager query, on a column such as "data.label"."""
    return {
        "filter": f"filter:tasks:{column}",
        "operator": operator,
        "type": kind,
        "value": value,
    }


PAGE = 250
"""Tasks with annotations: about 0.3 MB, and a third of a second."""
LIST_PAGE = 2000
"""Numbers alone: 0.1 MB, and a second."""
LONG_AGO = -1

Task = dict[str, Any]
_WHOLE = {
    "fields": "all",
    "include": "id,data,created_at,updated_at,updated_by,annotations,predictions,result,"
    "was_cancelled,ground_truth,completed_by,parent_prediction,lead_time,score,model_version",
}
"""What `judge` and `Subject` look at, of tasks, annotations and predictions alike: Label Studio
(1.23.2) leaves out of all three what is not named, and takes twice as long for everything. Servers
that do not know `include` send more."""
_BARE = {"fields": "task_only", "include": "id,updated_at"}
"""Number and time alone: less than half of the time of `_WHOLE`."""


@dataclass(frozen=True)
class Newest:
    """Where a project stands.

    Attributes:
        updated_at: Of the task that changed last, as Label Studio writes it; None without tasks.
        tasks: How many there are.
    """

    updated_at: str | None
    tasks: int


@dataclass(frozen=True)
class TaskPages:
    """The tasks of one project. Every method raises LabelStudioError as `LabelStudio` does."""

    ls: LabelStudio
    project: int

    def newest(self) -> Newest:
        """The newest time among all tasks, by Label Studio's clock."""
        answer = self._ask({"ordering": ["-tasks:updated_at"]}, 1, _BARE)
        tasks = answer["tasks"]
        return Newest(tasks[0]["updated_at"] if tasks else None, answer["total"])

    def count_changed(self, since: str | None, until: str | None) -> int:
        """How many tasks `changed` has."""
        return int(self._ask(all_of(*_between(since, until)), 1, _BARE)["total"])

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
        items = _between(since, until)
        for tasks, left in self._by_number(items, after, PAGE, _WHOLE):
            if since is not None and not all(is_later(t["updated_at"], since) for t in tasks):
                raise query_ignored(self.ls)
            yield tasks, left

    def of(self, numbers: Sequence[int]) -> Iterator[list[Task]]:
        """Whole tasks with these numbers, a page at a time; those that are gone are left out."""
        for start in range(0, len(numbers), PAGE):
            wanted = sorted(numbers)[start : start + PAGE]
            only = [item("id", "in_list", "List", wanted)]
            for tasks, _ in self._by_number(only, LONG_AGO, PAGE, _WHOLE):
                if any(task["id"] not in wanted for task in tasks):
                    raise query_ignored(self.ls)
                yield tasks

    def numbers(self) -> dict[int, str]:
        """Number of each task there is → when it was changed last."""
        return {
            task["id"]: task["updated_at"]
            for tasks, _ in self._by_number([], LONG_AGO, LIST_PAGE, _BARE)
            for task in tasks
        }

    def _by_number(
        self, items: Sequence[dict[str, Any]], last: int, size: int, fields: dict[str, str]
    ) -> Iterator[tuple[list[Task], int]]:
        while True:
            query = all_of(*items, item("id", "greater", "Number", last))
            answer = self._ask({**query, "ordering": ["tasks:id"]}, size, fields)
            tasks: list[Task] = answer["tasks"]
            if not tasks:
                return
            if tasks[0]["id"] <= last:
                raise query_ignored(self.ls)
            yield tasks, int(answer["total"])
            if len(tasks) == answer["total"]:
                return
            last = tasks[-1]["id"]

    def _ask(self, query: dict[str, Any], size: int, fields: dict[str, str]) -> Any:
        # In the body: as part of the address a long list of numbers is refused.
        return self.ls.json(
            "GET",
            "/api/tasks",
            what=f"read the annotations of project {self.project}",
            params={
                "project": self.project,
                **fields,
                "resolve_uri": "false",
                "page_size": size,
            },
            json=query,
        )


def earlier(time: str, seconds: float) -> str:
    """A time of Label Studio's, so many seconds before; as it writes times."""
    return _sent((read_time(time) - timedelta(seconds=seconds)).isoformat())


def is_later(time: str, other: str) -> bool:
    """Whether one time of Label Studio's is after another."""
    return read_time(time) > read_time(other)


def _between(since: str | None, until: str | None) -> list[dict[str, Any]]:
    ends = {"greater": since, "less_or_equal": until}
    return [
        item("updated_at", operator, "Datetime", _sent(time))
        for operator, time in ends.items()
        if time is not None
    ]


def _sent(time: str) -> str:
    """As a query of the Data Manager must have it: in UTC, always with six decimals."""
    return read_time(time).astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def read_time(text: str) -> datetime:
    """The time that an ISO 8601 text says, with its offset.

    Raises:
        ValueError: it says none.
    """
    return datetime.fromisoformat(text.replace("Z", "+00:00"))  # Python 3.10 does not read the Z
