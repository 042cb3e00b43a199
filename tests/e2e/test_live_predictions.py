"""From `ls-clip connect` to a prediction in the label stream, with each kind of token.

The images are uploads, which the backend can only read with its token; Label Studio must present
user and password to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from own_backend import PASSWORD, USER, OwnBackend, metric
from plain_projects import add_tasks, new_project, registered, task_ids, uploaded, webhooks

from importers.demo.services import LabelStudioServer
from importers.label_studio.project import UNCERTAINTY_SAMPLING
from ls_backend.label_studio import Credentials, LabelStudio

AUTH = {"BASIC_AUTH_USER": USER, "BASIC_AUTH_PASS": PASSWORD}
WRONG = {**AUTH, "BASIC_AUTH_PASS": "open barley"}


@dataclass(frozen=True)
class Signed:
    """A backend and a command line that sign in with the same token."""

    backend: OwnBackend
    ls_clip: CommandLine


@pytest.fixture(scope="module", params=["legacy", "personal access"])
def signed(
    request: pytest.FixtureRequest,
    label_studio: LabelStudioServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Signed]:
    token = label_studio.login.legacy_token
    if request.param == "personal access":
        token = label_studio.personal_access_token()
    credentials = Credentials(label_studio.url, token)
    command_line = CommandLine(LABEL_STUDIO_URL=label_studio.url, LABEL_STUDIO_API_KEY=token)
    with OwnBackend(tmp_path_factory.mktemp("backend"), credentials, **AUTH) as backend:
        yield Signed(backend, command_line)


@pytest.fixture
def project_id(ls: LabelStudio, tmp_path: Path) -> int:
    """A project with two uploads."""
    number = new_project(ls, [], sampling=UNCERTAINTY_SAMPLING)
    add_tasks(ls, number, uploaded(ls, number, tmp_path, 2))
    return number


def the_one_prediction(task: dict[str, Any], version: str) -> None:
    (prediction,) = task["predictions"]
    assert prediction["model_version"] == version
    assert 0 <= prediction["score"] <= 1
    (region,) = prediction["result"]
    assert region["value"]["choices"] == ["cat"]


def test_the_label_stream_and_an_opened_task_show_predictions(
    signed: Signed, ls: LabelStudio, project_id: int
) -> None:
    connect = ("connect", "--project", project_id, "--url", signed.backend.url)
    report = signed.ls_clip.report(*connect, **AUTH)
    version = report["model_version"]
    (backend,) = ls.json("GET", "/api/ml", params={"project": project_id})
    assert (backend["title"], backend["model_version"]) == (version, version)
    assert backend["readable_state"] == "Connected"
    served = ls.json("GET", f"/api/projects/{project_id}/next")
    the_one_prediction(served, version)
    (other,) = set(task_ids(ls, project_id)) - {served["id"]}
    the_one_prediction(ls.json("GET", f"/api/tasks/{other}"), version)
    doctor = signed.ls_clip("doctor", "--project", project_id, **AUTH)
    assert doctor.returncode == 0, doctor.stdout


def test_a_wrong_password_is_told_and_nothing_is_registered(
    signed: Signed, ls: LabelStudio, project_id: int
) -> None:
    connect = ("connect", "--project", project_id, "--url", signed.backend.url)
    refused = signed.ls_clip(*connect, **WRONG)
    assert refused.returncode == 1
    said = " ".join(refused.stderr.split())
    assert "does not know this user name and password" in said
    assert "BASIC_AUTH_USER and BASIC_AUTH_PASS" in said
    assert WRONG["BASIC_AUTH_PASS"] not in refused.stdout + refused.stderr
    assert registered(ls, project_id) == []
    assert webhooks(ls, project_id) == []
    none = " ".join(signed.ls_clip(*connect).stderr.split())
    assert "asks for a user name and password" in none
    assert "BASIC_AUTH_USER and BASIC_AUTH_PASS" in none


def test_a_wrong_password_is_told_by_doctor(signed: Signed, project_id: int) -> None:
    signed.ls_clip.report("connect", "--project", project_id, "--url", signed.backend.url, **AUTH)
    doctor = signed.ls_clip("doctor", "--project", project_id, **WRONG)
    assert doctor.returncode == 20
    said = " ".join(doctor.stdout.split())
    assert "does not know this user name and password" in said
    assert "BASIC_AUTH_USER and BASIC_AUTH_PASS" in said
    assert metric(signed.backend, "clip_requests_total", route="predict", status="401") > 0


def test_a_backend_that_only_label_studio_reaches(
    signed: Signed, label_studio: LabelStudioServer, ls: LabelStudio, project_id: int
) -> None:
    nowhere = "http://127.0.0.1:9"  # between us and the backend, not between us and Label Studio
    walled_off = CommandLine(
        LABEL_STUDIO_URL=f"http://localhost:{label_studio.port}",
        LABEL_STUDIO_API_KEY=label_studio.login.legacy_token,
        **dict.fromkeys(("HTTP_PROXY", "http_proxy"), nowhere),
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "localhost"),
        **AUTH,
    )
    connect = ("connect", "--project", project_id, "--url", signed.backend.url)
    report = walled_off.report(*connect)
    assert (report["created"], report["mended"]) == (True, [])
    version = report["model_version"]
    assert version.startswith("clip:")
    assert registered(ls, project_id) == [(version, signed.backend.url)]
    the_one_prediction(ls.json("GET", f"/api/projects/{project_id}/next"), version)
    again = walled_off.report(*connect)
    assert (again["created"], again["mended"], again["model_version"]) == (False, [], version)
    gone = walled_off(*connect[:-1], nowhere)
    assert gone.returncode == 1
    assert "Label Studio cannot reach the ML backend" in " ".join(gone.stderr.split())
