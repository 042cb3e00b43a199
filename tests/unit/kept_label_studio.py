"""A Label Studio that goes on saying what a real one said: the tasks of one project, recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask, request
from served import serving

from ls_backend.label_studio import Credentials, LabelStudio

MATCHES: dict[str, Callable[[Any, Any], bool]] = {
    "greater": lambda value, than: value > than,
    "less_or_equal": lambda value, than: value <= than,
    "in_list": lambda value, among: value in among,
}
"""Operators of the Data Manager's queries; times are compared as Label Studio writes them."""


@contextmanager
def kept_label_studio(file: Path) -> Iterator[LabelStudio]:
    """Serve a recording: `project`, its settings, and `tasks`, whole ones."""
    kept = json.loads(file.read_text(encoding="utf-8"))
    with serving(_app(**kept)) as url:
        yield LabelStudio(Credentials(url, "0" * 40))


def _app(project: dict[str, Any], tasks: list[dict[str, Any]]) -> Flask:
    app = Flask("kept")

    @app.get(f"/api/projects/{project['id']}")
    def settings() -> dict[str, Any]:
        return project

    @app.get("/api/tasks")
    @app.get("/api/tasks/")
    def listed() -> dict[str, Any]:
        asked = request.get_json(silent=True) or {}
        found = [task for task in tasks if _meets(task, asked.get("filters"))]
        for column in asked.get("ordering", []):
            name = column.rpartition(":")[2]
            found.sort(key=lambda task: task[name], reverse=column.startswith("-"))
        size = request.args.get("page_size", 100, type=int)
        return {"total": len(found), "tasks": found[:size]}

    return app


def _meets(task: dict[str, Any], filters: dict[str, Any] | None) -> bool:
    items = filters["items"] if filters else []
    return all(
        MATCHES[item["operator"]](task[item["filter"].rpartition(":")[2]], item["value"])
        for item in items
    )
