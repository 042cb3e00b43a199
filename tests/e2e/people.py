"""A second person in a real Label Studio, and what people do there."""

from __future__ import annotations

import re
from typing import Any

import requests

from importers.demo.services import LabelStudioServer
from ls_backend.label_studio import Credentials, LabelStudio

PASSWORD = "a-second-pair-of-eyes"
_CSRF = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


def colleague(label_studio: LabelStudioServer, name: str) -> LabelStudio:
    """Somebody who joins the owner's organization through its invitation link."""
    owner = label_studio.client()
    invitation = owner.json("GET", "/api/invite", what="invite")["invite_url"]
    owner.close()
    page = f"{label_studio.url}{invitation}"
    with requests.Session() as browser:
        form = _CSRF.search(browser.get(page, timeout=30).text)
        assert form
        person = {"email": f"{name}@example.org", "password": PASSWORD}
        browser.post(
            page, data={**person, "csrfmiddlewaretoken": form[1]}, timeout=30
        ).raise_for_status()
        token = browser.get(f"{label_studio.url}/api/current-user/token", timeout=30).json()
    return LabelStudio(Credentials(label_studio.url, token["token"]))


def who(person: LabelStudio) -> int:
    """Label Studio's id of somebody."""
    return int(person.json("GET", "/api/current-user/whoami")["id"])


def region(*labels: str, control: str = "label") -> dict[str, Any]:
    value = {"choices": list(labels)}
    return {"from_name": control, "to_name": "image", "type": "choices", "value": value}


def answer(person: LabelStudio, task: int, *labels: str, **changes: Any) -> int:
    """Annotate a task; returns the annotation."""
    body = {"result": [region(*labels)] if labels else [], "lead_time": 1.5, **changes}
    made = person.json("POST", f"/api/tasks/{task}/annotations", json=body)
    return int(made["id"])


def tick_on_contact_sheet(
    person: LabelStudio, project: int, tasks: list[int], version: str
) -> None:
    """Create annotations from the predictions of these tasks, as the Data Manager does."""
    person.request(
        "POST",
        "/api/dm/actions",
        params={"id": "predictions_to_annotations", "project": project},
        json={
            "project": str(project),
            "selectedItems": {"all": False, "included": tasks},
            "model_version": version,
        },
    )
