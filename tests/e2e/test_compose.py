"""docker/ without Docker: its commands and exactly its variables, on SQLite and loopback addresses.

The database and the two addresses are all that differs from what compose starts.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import requests
from command_line import CommandLine
from docker_files import ROOT, environment_of, example, image_environment, steps
from own_backend import OwnBackend, metric
from plain_projects import add_tasks, new_project, task_ids, uploaded

from importers.demo.service import HOST, Service
from importers.demo.services import (
    OTHER_BACKEND,
    OTHER_LABEL_STUDIO,
    BackendServer,
    LabelStudioServer,
    Login,
    ls_clip,
    without,
)
from ls_backend.label_studio import Credentials, LabelStudio

PORT = "9090"
IMAGE_CLASSIFICATION = """
<View>
  <Image name="image" value="$image"/>
  <Choices name="choice" toName="image">
    <Choice value="cat"/>
    <Choice value="dog" />
  </Choices>
</View>
"""
"""Label Studio's template of that name, with labels of one's own."""
FILLED = {
    **example(),
    "POSTGRES_PASSWORD": "unused",
    "LABEL_STUDIO_PASSWORD": "correct horse",
    "LABEL_STUDIO_API_KEY": "0123456789abcdef0123456789abcdef01234567",
    "BASIC_AUTH_USER": "label-studio",
    "BASIC_AUTH_PASS": "open sesame",
    "CLIP_WEBHOOK_SECRET": "wake up",
    "CLIP_MODEL": "sketch",
}


class ComposedLabelStudio(LabelStudioServer):
    """Started for the first time with the variables of compose.yaml."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        self.variables = environment_of("label-studio", FILLED)
        self.login = Login(
            self.variables["LABEL_STUDIO_USERNAME"],
            self.variables["LABEL_STUDIO_PASSWORD"],
            self.variables["LABEL_STUDIO_USER_TOKEN"],
        )

    def environment(self) -> Mapping[str, str]:
        return {
            **without(OTHER_LABEL_STUDIO, Service.environment(self)),
            **self.variables,
            "DJANGO_DB": "sqlite",
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.data_dir.resolve()),
        }


class ComposedBackend(BackendServer):
    """Started with the image's CMD, healthy when its HEALTHCHECK says so."""

    def __init__(self, folder: Path, label_studio: str) -> None:
        self.variables = {
            **image_environment(),
            **environment_of("backend", FILLED),
            "LABEL_STUDIO_URL": label_studio,
            "CLIP_CACHE_DIR": str(folder / "cache"),
            "HF_HOME": str(folder / "weights"),
        }
        token = self.variables["LABEL_STUDIO_API_KEY"]
        credentials = Credentials(label_studio, token)
        super().__init__(folder / "backend.log", model="sketch", credentials=credentials)

    def command(self) -> list[str]:
        name, *arguments = json.loads(dict(steps())["CMD"])
        assert name == "ls-clip"
        here = {"0.0.0.0": HOST, PORT: str(self.port)}
        return ls_clip(*(here.get(word, word) for word in arguments))

    def environment(self) -> Mapping[str, str]:
        return {**without(OTHER_BACKEND, Service.environment(self)), **self.variables}

    def healthy(self) -> bool:
        check = json.loads(dict(steps())["HEALTHCHECK"].partition("CMD ")[2])
        script = check[-1].replace(f":{PORT}/", f":{self.port}/")
        return subprocess.run([sys.executable, "-c", script], capture_output=True).returncode == 0


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposedLabelStudio]:
    with ComposedLabelStudio(tmp_path_factory.mktemp("compose") / "data") as server:
        yield server


@pytest.fixture(scope="module")
def backend(
    composed: ComposedLabelStudio, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ComposedBackend]:
    with ComposedBackend(tmp_path_factory.mktemp("backend"), composed.url) as server:
        yield server


@pytest.fixture
def ls(composed: ComposedLabelStudio) -> LabelStudio:
    return composed.client()


def test_the_user_of_compose_signs_in_and_nobody_else_signs_up(
    composed: ComposedLabelStudio, ls: LabelStudio
) -> None:
    by_token = ls.json("GET", "/api/current-user/whoami")
    assert by_token["email"] == "admin@localhost"
    with composed.session() as session:
        by_password = session.get(f"{composed.url}/api/current-user/whoami", timeout=30).json()
        assert by_password["id"] == by_token["id"]
    page = f"{composed.url}/user/signup/"
    with requests.Session() as stranger:
        stranger.get(page, timeout=30)
        form = {"email": "stranger@example.org", "password": "correct horse"}
        token = {"csrfmiddlewaretoken": stranger.cookies["csrftoken"]}
        signed_up = stranger.post(page, {**form, **token}, headers={"Referer": page}, timeout=30)
    assert signed_up.status_code == 403
    assert [user["email"] for user in ls.json("GET", "/api/users")] == ["admin@localhost"]


def test_the_health_check_fails_where_nothing_answers(
    composed: ComposedLabelStudio, tmp_path: Path
) -> None:
    assert not ComposedBackend(tmp_path, composed.url).healthy()


def test_the_backend_of_compose_is_connected_predicts_and_hears_of_tasks(
    ls: LabelStudio, backend: ComposedBackend, tmp_path: Path
) -> None:
    assert requests.get(f"{backend.url}/health", timeout=10).status_code == 401
    project_id = new_project(ls, [], sampling="Uncertainty sampling")
    inside = CommandLine(**backend.variables)
    connect = ("connect", "--project", project_id, "--url", backend.url)
    version = inside.report(*connect)["model_version"]
    first, second = uploaded(ls, project_id, tmp_path, 2)
    add_tasks(ls, project_id, [backend.variables["LABEL_STUDIO_HOST"] + first, second])
    assert metric(backend, "clip_requests_total", route="webhook", status="200") > 0
    for number in task_ids(ls, project_id):
        (prediction,) = ls.json("GET", f"/api/tasks/{number}")["predictions"]
        assert prediction["model_version"] == version
        assert 0 <= prediction["score"] <= 1
    doctor = inside("doctor", "--project", project_id)
    assert doctor.returncode == 0, doctor.stdout


def test_the_commands_of_the_walk_lead_to_predictions(
    ls: LabelStudio, backend: ComposedBackend, tmp_path: Path
) -> None:
    """Those of docs/ml-backend.md in their order, after a project as its pages make it."""
    page = (ROOT / "docs" / "ml-backend.md").read_text(encoding="utf-8")
    commands = re.findall(r"^docker compose exec backend ls-clip (.+)$", page, re.M)
    assert [command.split()[0] for command in commands] == ["connect", "prelabel"]
    project = {"title": "Pets", "label_config": IMAGE_CLASSIFICATION}
    project_id = int(ls.json("POST", "/api/projects", json=project)["id"])
    add_tasks(ls, project_id, uploaded(ls, project_id, tmp_path, 2))
    inside = CommandLine(**backend.variables)
    for command in commands:
        here = command.replace("--project 1", f"--project {project_id}")
        done = inside(*here.replace("http://backend.internal:9090", backend.url).split())
        assert done.returncode == 0, done.stdout + done.stderr
    for number in task_ids(ls, project_id):
        (prediction,) = ls.json("GET", f"/api/tasks/{number}")["predictions"]
        assert prediction["result"][0]["value"]["choices"][0] in {"cat", "dog"}
        assert 0 <= prediction["score"] <= 1
    login = (backend.variables["BASIC_AUTH_USER"], backend.variables["BASIC_AUTH_PASS"])
    for route in ("/", "/metrics"):
        assert requests.get(backend.url + route, timeout=10).status_code == 401
        assert requests.get(backend.url + route, auth=login, timeout=10).ok


def test_a_backend_learns_label_studios_own_name(
    composed: ComposedLabelStudio, ls: LabelStudio, tmp_path: Path
) -> None:
    name, token = composed.variables["LABEL_STUDIO_HOST"], composed.login.legacy_token
    project_id = new_project(ls, [])
    add_tasks(ls, project_id, [name + path for path in uploaded(ls, project_id, tmp_path, 1)])
    outside = CommandLine(LABEL_STUDIO_URL=composed.url, LABEL_STUDIO_API_KEY=token)
    with OwnBackend(tmp_path, Credentials(composed.url, token)) as backend:
        outside.report("connect", "--project", project_id, "--url", backend.url)
        (number,) = task_ids(ls, project_id)
        (prediction,) = ls.json("GET", f"/api/tasks/{number}")["predictions"]
        assert 0 <= prediction["score"] <= 1
        untold = outside("doctor", "--project", project_id)
    assert f"set LABEL_STUDIO_HOST={name}," in " ".join(untold.stdout.split())
