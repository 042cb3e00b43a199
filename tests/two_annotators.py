"""Two people who review a campaign's tasks in a real Label Studio, and its own export of them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from importers.demo.services import LabelStudioServer


@dataclass
class Annotator:
    """Somebody with a browser session."""

    url: str
    session: requests.Session
    made: dict[int, int] = field(default_factory=dict)
    """Task → annotation."""

    def answer(self, task: int, *labels: str, control: str = "label", **more: Any) -> int:
        result = chosen(control, *labels)
        body = {"result": result, "lead_time": 1.5, **more}
        answer = self._send("POST", f"/api/tasks/{task}/annotations", json=body)
        self.made[task] = int(answer["id"])
        return self.made[task]

    def skip(self, task: int, prefilled: str) -> None:
        """Skip as the labeling page does: what was prefilled is sent along."""
        self.answer(task, prefilled, was_cancelled=True)

    def change(self, task: int, *labels: str) -> None:
        body = {"result": chosen("label", *labels)}
        self._send("PATCH", f"/api/annotations/{self.made[task]}", json=body)

    def take_back(self, task: int) -> None:
        self._send("DELETE", f"/api/annotations/{self.made.pop(task)}")

    def tick(self, project: int, tasks: Iterable[int], version: str) -> None:
        """Tick tasks on a contact sheet, and make annotations of their predictions."""
        self._act("predictions_to_annotations", project, tasks, model_version=version)

    def delete(self, project: int, tasks: Iterable[int]) -> None:
        """Tick tasks in the Data Manager, and delete them."""
        self._act("delete_tasks", project, tasks)

    def _act(self, action: str, project: int, tasks: Iterable[int], **more: Any) -> None:
        ticked = {"all": False, "included": list(tasks)}
        body = {"project": str(project), "selectedItems": ticked, **more}
        self._send("POST", f"/api/dm/actions?id={action}&project={project}", body)

    def _send(self, method: str, path: str, json: Any = None) -> Any:
        answer = self.session.request(method, f"{self.url}{path}", json=json, timeout=60)
        answer.raise_for_status()
        return answer.json() if answer.content else None


def annotators(server: LabelStudioServer) -> tuple[Annotator, Annotator]:
    """The owner of the server, and a second person who signs up on it."""
    second = requests.Session()
    second.trust_env = False
    page = f"{server.url}/user/signup/"
    second.get(page, timeout=30)
    form = {
        "email": f"{secrets.token_hex(6)}@example.org",
        "password": secrets.token_hex(12),
        "csrfmiddlewaretoken": second.cookies["csrftoken"],
    }
    second.post(page, data=form, headers={"Referer": server.url}, timeout=30).raise_for_status()
    second.headers.update({"X-CSRFToken": second.cookies["csrftoken"], "Referer": server.url})
    return Annotator(server.url, server.session()), Annotator(server.url, second)


def chosen(control: str, *labels: str) -> list[dict[str, Any]]:
    if not labels:
        return []
    value = {"choices": list(labels)}
    return [{"from_name": control, "to_name": "image", "type": "choices", "value": value}]


def export(server: LabelStudioServer, project: int) -> list[dict[str, Any]]:
    """All tasks with all annotations, as Label Studio exports them."""
    answer: list[dict[str, Any]] = server.client().json(
        "GET",
        f"/api/projects/{project}/export",
        params={"exportType": "JSON", "download_all_tasks": "true"},
    )
    return answer


def reckoned(tasks: Iterable[Mapping[str, Any]], known: Iterable[str]) -> dict[str, str]:
    """Sample key → label, by hand: of each task the answer that was changed last.

    Args:
        known: The labels of the campaign.
    """
    labels = set(known)
    found = {}
    for task in tasks:
        answers = [a for a in task["annotations"] if not a["was_cancelled"]]
        if not answers:
            continue
        newest = max(answers, key=lambda a: (a["updated_at"], a["id"]))
        picked = [c for r in newest["result"] for c in r["value"]["choices"]]
        if len(picked) == 1 and picked[0] in labels:
            found[task["data"]["sample"]] = picked[0]
    return found
