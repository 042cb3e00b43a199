"""An ML backend registered with a real Label Studio, and what happens to the queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask, request
from review_world import NEWER_VERSION, VERSION, World, add_samples, make_campaign
from werkzeug.serving import make_server

from importers.demo.services import BackendServer, LabelStudioServer
from importers.label_studio.connect import backend_version, connect
from importers.ledger import Ledger
from ls_backend.errors import ConfigError, LabelStudioError, LsClipError
from ls_backend.label_studio import LabelStudio

CONFIG = """
<View>
  <Image name="image" value="$image"/>
  <Choices name="label" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>
</View>
"""
UNFIT = '<View><Text name="text" value="$text"/></View>'
NOWHERE = "http://127.0.0.1:9"


@dataclass
class Backend:
    """Speaks the protocol and says any version."""

    url: str = ""
    version: str = VERSION
    setup_takes_s: float = 0.0
    login: tuple[str, str] | None = None


@pytest.fixture
def stub() -> Iterator[Backend]:
    backend = Backend()
    app = Flask(__name__)

    @app.before_request
    def ask_who() -> tuple[str, int] | None:
        who = request.authorization
        if backend.login and (not who or (who.username, who.password) != backend.login):
            return "who are you?", 401
        return None

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "UP"}

    @app.post("/setup")
    def setup() -> dict[str, str]:
        time.sleep(backend.setup_takes_s)
        return {"model_version": backend.version}

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    backend.url = f"http://127.0.0.1:{server.server_port}"
    yield backend
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def ls(label_studio: LabelStudioServer) -> LabelStudio:
    return label_studio.client()


@pytest.fixture
def empty_project(ls: LabelStudio) -> int:
    return new_project(ls, CONFIG)


@pytest.fixture
def pushed(ls: LabelStudio, tmp_path: Path) -> Iterator[World]:
    """A campaign of three samples, pushed with VERSION."""
    campaign = make_campaign(tmp_path / "pets", 3)
    with Ledger(campaign.ledger_path) as ledger:
        add_samples(campaign, ledger, [0.3, 0.1, 0.2])
        world = World(ls, campaign, ledger)
        world.push()
        yield world


def new_project(ls: LabelStudio, config: str) -> int:
    project = ls.json("POST", "/api/projects", json={"title": "connect", "label_config": config})
    return int(project["id"])


def project_version(ls: LabelStudio, project_id: int) -> str:
    return str(ls.json("GET", f"/api/projects/{project_id}")["model_version"])


def registered(ls: LabelStudio, project_id: int) -> list[tuple[str, str]]:
    backends = ls.json("GET", "/api/ml", params={"project": project_id})
    return [(backend["title"], backend["url"]) for backend in backends]


def test_the_backend_is_registered_once_under_its_version(
    ls: LabelStudio, empty_project: int, backend: BackendServer
) -> None:
    version = backend_version(backend.url, CONFIG, empty_project)
    first = connect(ls, empty_project, backend.url, version)
    second = connect(ls, empty_project, f"{backend.url}/", version)
    assert (first.created, second.created) == (True, False)
    assert first.live
    assert second.backend_id == first.backend_id
    assert [title for title, _ in registered(ls, empty_project)] == [version]
    assert project_version(ls, empty_project) == version


def test_a_new_version_renames_the_backend_and_moves_the_project(
    ls: LabelStudio, empty_project: int, stub: Backend
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    stub.version = NEWER_VERSION
    report = connect(ls, empty_project, stub.url, NEWER_VERSION)
    assert report.live
    assert registered(ls, empty_project) == [(NEWER_VERSION, stub.url)]
    assert project_version(ls, empty_project) == NEWER_VERSION


def test_a_backend_that_moved_is_found_by_its_title(
    ls: LabelStudio, empty_project: int, stub: Backend, backend: BackendServer
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    version = backend_version(backend.url, CONFIG, empty_project)
    assert not connect(ls, empty_project, backend.url, version).created
    assert registered(ls, empty_project) == [(version, backend.url)]


def test_a_backend_of_another_kind_is_left_alone(
    ls: LabelStudio, empty_project: int, stub: Backend, backend: BackendServer
) -> None:
    other = {"project": empty_project, "url": backend.url, "title": "segmentation"}
    ls.request("POST", "/api/ml", json=other)
    assert connect(ls, empty_project, stub.url, VERSION).created
    assert len(registered(ls, empty_project)) == 2
    assert project_version(ls, empty_project) == VERSION


def test_a_campaign_keeps_its_order_until_a_push_brings_the_new_scores(
    pushed: World, stub: Backend
) -> None:
    project_id = int(pushed.ledger.note("project_id") or 0)
    assert connect(pushed.ls, project_id, stub.url, VERSION).live
    stub.version = NEWER_VERSION
    report = connect(pushed.ls, project_id, stub.url, NEWER_VERSION)
    assert (report.live, report.queue_version) == (False, VERSION)
    assert pushed.next_task(project_id)["data"]["clip_score"] == 0.1
    pushed.rescore([0.3, 0.1, 0.2], NEWER_VERSION)
    pushed.push(NEWER_VERSION)
    assert connect(pushed.ls, project_id, stub.url, NEWER_VERSION).live


def test_imported_predictions_of_others_keep_ordering_their_project(
    ls: LabelStudio, empty_project: int, stub: Backend
) -> None:
    region = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["cat"]},
    }
    prediction = {"model_version": "theirs", "score": 0.5, "result": [region]}
    task = {"data": {"image": "x"}, "predictions": [prediction]}
    ls.request("POST", f"/api/projects/{empty_project}/import", json=[task])
    report = connect(ls, empty_project, stub.url, VERSION)
    assert (report.live, report.queue_version) == (False, "theirs")


def test_a_backend_with_a_password(ls: LabelStudio, empty_project: int, stub: Backend) -> None:
    stub.login = ("label-studio", "open sesame")
    with pytest.raises(ConfigError) as unknown:
        backend_version(stub.url, CONFIG, empty_project)
    assert unknown.value.code == "backend_unauthorized"
    with pytest.raises(LabelStudioError) as refused:
        connect(ls, empty_project, stub.url, VERSION)
    assert refused.value.code == "backend_unauthorized"
    assert backend_version(stub.url, CONFIG, empty_project, stub.login) == VERSION
    assert connect(ls, empty_project, stub.url, VERSION, stub.login).live


def test_a_backend_that_is_down(ls: LabelStudio, empty_project: int) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(ls, empty_project, NOWHERE, VERSION)
    assert error.value.code == "backend_unreachable"
    assert "ls-clip serve" in error.value.hint


def test_a_backend_that_is_none(ls: LabelStudio, empty_project: int) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(ls, empty_project, ls.url, VERSION)
    assert error.value.code == "backend_refuses_setup"
    assert "Not Found" in error.value.message


def test_a_backend_that_is_too_slow(ls: LabelStudio, empty_project: int, stub: Backend) -> None:
    stub.setup_takes_s = 3.5
    with pytest.raises(LabelStudioError, match="within 3 seconds"):
        connect(ls, empty_project, stub.url, VERSION)


def test_a_config_that_the_backend_cannot_answer(ls: LabelStudio, backend: BackendServer) -> None:
    project_id = new_project(ls, UNFIT)
    with pytest.raises(ConfigError, match="single-choice Choices") as asked:
        backend_version(backend.url, UNFIT, project_id)
    assert asked.value.code == "backend_refuses_config"
    with pytest.raises(LabelStudioError, match="single-choice Choices"):
        connect(ls, project_id, backend.url, VERSION)


@pytest.mark.parametrize("address", ["nonsense", "ftp://host", "http://[::1"])
def test_what_is_no_address(ls: LabelStudio, address: str) -> None:
    with pytest.raises(ConfigError, match="not the address"):
        backend_version(address, CONFIG, 1)
    with pytest.raises(ConfigError, match="not the address"):
        connect(ls, 1, address, VERSION)


@pytest.mark.parametrize(
    ("address", "code"), [(NOWHERE, "backend_unreachable"), (None, "backend_wrong_url")]
)
def test_asking_an_address_without_backend(ls: LabelStudio, address: str | None, code: str) -> None:
    with pytest.raises(LsClipError) as error:
        backend_version(address or ls.url, CONFIG, 1)
    assert error.value.code == code


def test_a_project_that_is_not_there(ls: LabelStudio, stub: Backend) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(ls, 999_999, stub.url, VERSION)
    assert error.value.code == "label_studio_not_found"
