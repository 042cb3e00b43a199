"""Which tasks of a project belong to which samples: asked of Label Studio itself."""

from __future__ import annotations

from collections.abc import Collection
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
