"""An ML backend registered with a real Label Studio, and what happens to the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from plain_projects import CONFIG
from review_world import NEWER_VERSION, VERSION, World, add_samples, make_campaign
from stub_backend import StubBackend, stub_backend

from importers.demo.services import BackendServer, LabelStudioServer
from importers.label_studio.backend import backend_version
from importers.label_studio.connect import connect
from importers.label_studio.webhook import WAKING_ACTIONS
from importers.ledger import Ledger
from ls_backend.errors import ConfigError, LabelStudioError, LsClipError
from ls_backend.label_studio import LabelStudio

UNFIT = '<View><Text name="text" value="$text"/></View>'
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def stub() -> Iterator[StubBackend]:
    with stub_backend(VERSION) as backend:
        yield backend


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
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    stub.version = NEWER_VERSION
    report = connect(ls, empty_project, stub.url, NEWER_VERSION)
    assert report.live
    assert registered(ls, empty_project) == [(NEWER_VERSION, stub.url)]
    assert project_version(ls, empty_project) == NEWER_VERSION


def test_a_backend_that_moved_is_found_by_its_title(
    ls: LabelStudio, empty_project: int, stub: StubBackend, backend: BackendServer
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    version = backend_version(backend.url, CONFIG, empty_project)
    assert not connect(ls, empty_project, backend.url, version).created
    assert registered(ls, empty_project) == [(version, backend.url)]


def test_a_backend_of_another_kind_is_left_alone(
    ls: LabelStudio, empty_project: int, stub: StubBackend, backend: BackendServer
) -> None:
    other = {"project": empty_project, "url": backend.url, "title": "segmentation"}
    ls.request("POST", "/api/ml", json=other)
    assert connect(ls, empty_project, stub.url, VERSION).created
    assert len(registered(ls, empty_project)) == 2
    assert project_version(ls, empty_project) == VERSION


def test_a_campaign_keeps_its_order_until_a_push_brings_the_new_scores(
    pushed: World, stub: StubBackend
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
    ls: LabelStudio, empty_project: int, stub: StubBackend
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


def test_a_backend_with_a_password(ls: LabelStudio, empty_project: int, stub: StubBackend) -> None:
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


def test_a_backend_that_is_too_slow(ls: LabelStudio, empty_project: int, stub: StubBackend) -> None:
    stub.setup_takes_s = 3.5
    with pytest.raises(LabelStudioError, match="within 3 seconds"):
        connect(ls, empty_project, stub.url, VERSION)


def test_a_config_that_the_backend_cannot_answer(ls: LabelStudio, backend: BackendServer) -> None:
    project_id = new_project(ls, UNFIT)
    with pytest.raises(ConfigError, match="CLIP can fill Choices") as asked:
        backend_version(backend.url, UNFIT, project_id)
    assert asked.value.code == "backend_refuses_config"
    with pytest.raises(LabelStudioError, match="CLIP can fill Choices"):
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


def test_a_project_that_is_not_there(ls: LabelStudio, stub: StubBackend) -> None:
    with pytest.raises(LabelStudioError) as error:
        connect(ls, 999_999, stub.url, VERSION)
    assert error.value.code == "label_studio_not_found"


def test_a_model_that_still_loads_is_waited_for(
    ls: LabelStudio, empty_project: int, stub: StubBackend, caplog: pytest.LogCaptureFixture
) -> None:
    stub.loading = 2
    with caplog.at_level("INFO"):
        assert backend_version(stub.url, CONFIG, empty_project) == VERSION
    assert "still loads its model: waiting" in caplog.text
    stub.loading = 1
    assert connect(ls, empty_project, stub.url, VERSION).live
    assert stub.loading == 0


def test_a_model_that_never_loads(empty_project: int, stub: StubBackend) -> None:
    stub.loading = 1_000_000
    with pytest.raises(ConfigError, match="still loads") as error:
        backend_version(stub.url, CONFIG, empty_project, patience_s=1.0)
    assert error.value.code == "backend_loading"
    assert "/ready" in error.value.hint


def hooks(ls: LabelStudio, project_id: int) -> list[dict[str, Any]]:
    found = ls.json("GET", "/api/webhooks/", params={"project": project_id})
    return [
        {name: hook[name] for name in ("url", "headers", "send_payload", "is_active")}
        | {"actions": set(hook["actions"]), "all": hook["send_for_all_actions"], "id": hook["id"]}
        for hook in found
    ]


def test_the_webhook_is_one_with_the_secret(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    report = connect(ls, empty_project, stub.url, VERSION, webhook_secret="open sesame")
    assert report.mended == ()
    (hook,) = hooks(ls, empty_project)
    assert hook.pop("id")
    assert hook == {
        "url": f"{stub.url}/webhook",
        "headers": {"X-Clip-Secret": "open sesame"},
        "send_payload": True,
        "is_active": True,
        "actions": set(WAKING_ACTIONS),
        "all": False,
    }


def test_events_arrive_with_the_secret_and_only_those_that_wake(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION, webhook_secret="open sesame")
    ls.request("POST", f"/api/projects/{empty_project}/import", json=[{"data": {"image": "x"}}])
    assert stub.events == [("TASKS_CREATED", "open sesame")]


def test_connecting_again_changes_nothing_where_nothing_drifted(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION, webhook_secret="open sesame")
    before = hooks(ls, empty_project)
    report = connect(ls, empty_project, f"{stub.url}/", VERSION, webhook_secret="open sesame")
    assert report.mended == ()
    assert hooks(ls, empty_project) == before
    # Without the secret in the environment, the one that the backend asks for stays.
    assert connect(ls, empty_project, stub.url, VERSION).mended == ()
    assert hooks(ls, empty_project) == before


def test_what_drifted_is_mended_and_told(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    first = connect(ls, empty_project, stub.url, VERSION, webhook_secret="old")
    (hook,) = hooks(ls, empty_project)
    # Without `actions` Label Studio wipes them.
    ls.request("PATCH", f"/api/webhooks/{hook['id']}/", json={"is_active": False})
    ls.request("POST", "/api/webhooks/", json={"project": empty_project, "url": hook["url"]})
    twin = {"project": empty_project, "url": f"{stub.url}/", "title": "by hand"}
    ls.request("POST", "/api/ml", json=twin)
    renamed = {"project": empty_project, "url": stub.url, "title": "renamed"}
    ls.request("PATCH", f"/api/ml/{first.backend_id}", json=renamed)
    second = connect(ls, empty_project, stub.url, VERSION, webhook_secret="new")
    told = "; ".join(second.mended)
    for part in ("'renamed'", "1 more of this", "switched off", "did not send", "another secret"):
        assert part in told
    assert registered(ls, empty_project) == [(VERSION, stub.url)]
    (mended,) = hooks(ls, empty_project)
    assert mended["id"] == hook["id"]
    assert (mended["is_active"], mended["actions"]) == (True, set(WAKING_ACTIONS))
    assert mended["headers"] == {"X-Clip-Secret": "new"}
    assert project_version(ls, empty_project) == VERSION


def test_the_webhook_follows_a_backend_that_moved_and_others_stay(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    other = {"project": empty_project, "url": "http://127.0.0.1:9/webhook"}
    ls.request("POST", "/api/webhooks/", json=other)
    with stub_backend(VERSION) as moved:
        report = connect(ls, empty_project, moved.url, VERSION)
        assert "webhook: it went to the backend's former address" in report.mended
        urls = [hook["url"] for hook in hooks(ls, empty_project)]
        assert sorted(urls) == sorted([f"{moved.url}/webhook", other["url"]])


def test_the_command_takes_the_secret_and_says_what_it_mended(
    ls: LabelStudio, empty_project: int, stub: StubBackend, command_line: CommandLine
) -> None:
    stub.loading = 2
    arguments = ("connect", "--project", empty_project, "--url", stub.url)
    first = command_line(*arguments)
    assert first.returncode == 0, first.stderr
    assert "still loads its model" in first.stderr
    assert "mended" not in first.stdout
    second = command_line(*arguments, CLIP_WEBHOOK_SECRET="open sesame")
    assert "webhook: it lacked the secret" in second.stdout
    assert "open sesame" not in second.stdout + second.stderr
    (hook,) = hooks(ls, empty_project)
    assert hook["headers"] == {"X-Clip-Secret": "open sesame"}
