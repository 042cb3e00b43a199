"""`ls-clip doctor` on a real Label Studio: each thing that can be wrong, found and named."""

from __future__ import annotations

import base64
import hmac
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from command_line import CommandLine
from plain_projects import CONFIG, OLDER, act_on_all_tasks, answer, drawings, new_project
from stub_backend import StubBackend, stub_backend

from importers.demo.services import LabelStudioServer
from importers.label_studio.connect import connect
from importers.label_studio.doctor import CHECKS, DoctorReport, Finding, examine
from importers.label_studio.project import UNCERTAINTY_SAMPLING
from ls_backend.label_studio import LabelStudio

VERSION = "clip:test@00000000000a"
ROOT = Path(__file__).parents[2]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def ls(label_studio: LabelStudioServer, monkeypatch: pytest.MonkeyPatch) -> LabelStudio:
    use(label_studio, monkeypatch)
    return label_studio.client()


def use(server: LabelStudioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", server.login.legacy_token)
    for name in ("CLIP_WEBHOOK_SECRET", "BASIC_AUTH_USER", "BASIC_AUTH_PASS"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def stub() -> Iterator[StubBackend]:
    with stub_backend(VERSION) as backend:
        backend.results = [answer("cat", 0.25)]
        yield backend


@pytest.fixture
def healthy(ls: LabelStudio, stub: StubBackend) -> int:
    """A project with two tasks and a connected backend, where nothing is wrong."""
    project_id = new_project(ls, drawings(2), sampling=UNCERTAINTY_SAMPLING)
    connect(ls, project_id, stub.url, VERSION)
    return project_id


def finding(report: DoctorReport, name: str) -> Finding:
    return next(found for found in report.findings if found.name == name)


def check_first_failure(report: DoctorReport, name: str, says: str, fix: str) -> None:
    found = finding(report, name)
    assert found.state == "failed", found
    assert says in found.message
    assert fix in found.fix
    assert report.exit_code == 10 + found.number


def snapshot(ls: LabelStudio, project_id: int) -> str:
    paths = ("/api/predictions", "/api/tasks", "/api/webhooks/", "/api/ml")
    found: list[Any] = [ls.json("GET", p, params={"project": project_id}) for p in paths]
    for backend in found[-1]:
        del backend["updated_at"]  # Label Studio notes when it last asked
    found.append(ls.json("GET", f"/api/projects/{project_id}"))
    for prediction in found[0]:
        del prediction["created_ago"]
    return json.dumps(found)


def test_all_is_well_and_nothing_is_changed(
    ls: LabelStudio, healthy: int, stub: StubBackend
) -> None:
    before = snapshot(ls, healthy)
    report = examine(healthy)
    assert {found.name: found.state for found in report.findings} == {
        check.name: "ok" for check in CHECKS
    }
    assert report.exit_code == 0
    assert stub.url in finding(report, "backend").message
    assert "8×8" in finding(report, "image").message
    assert "0.250" in finding(report, "prediction").message
    assert snapshot(ls, healthy) == before


def test_without_a_project_the_servers_alone(ls: LabelStudio, stub: StubBackend) -> None:
    report = examine(url=stub.url)
    ok = {found.name for found in report.findings if found.state == "ok"}
    assert ok == {"Label Studio", "token", "backend"}
    assert report.exit_code == 0
    assert ls.url in finding(report, "Label Studio").message


def test_label_studio_is_not_there(stub: StubBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", NOWHERE)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a" * 40)
    report = examine(1, stub.url)
    check_first_failure(report, "Label Studio", "does not answer", "Start it")
    assert report.exit_code == 11
    assert finding(report, "queue").state == "skipped"
    assert finding(report, "backend").state == "ok"
    unnamed = finding(examine(1), "backend")
    assert (unnamed.state, "--url names it" in unnamed.message) == ("skipped", True)
    monkeypatch.delenv("LABEL_STUDIO_URL")
    check_first_failure(examine(1), "Label Studio", "LABEL_STUDIO_URL", "export")


def test_tokens(
    label_studio: LabelStudioServer, ls: LabelStudio, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "legacy" in finding(examine(), "token").message
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.personal_access_token())
    assert "personal access" in finding(examine(), "token").message
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", expired_token(label_studio))
    check_first_failure(examine(), "token", "has expired or was revoked", "Create New Token")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a" * 40)
    report = examine()
    check_first_failure(report, "token", "does not know the token", "Personal Access Token")
    assert "aaaa" not in str(report)
    assert ls.url in str(report)


def expired_token(server: LabelStudioServer) -> str:
    """A personal access token that Label Studio itself signed, long ago."""
    settings = (server.data_dir / ".env").read_text().splitlines()
    key = next(line.partition("=")[2] for line in settings if line.startswith("SECRET_KEY"))
    claims = {"token_type": "refresh", "iat": 1, "exp": 2, "jti": "0" * 32, "user_id": 1}
    parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    signed = b".".join(map(unpadded, parts))
    secret = key.strip("'\"").encode()
    return b".".join([signed, unpadded(hmac.digest(secret, signed, "sha256"))]).decode()


def unpadded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


@pytest.mark.usefixtures("ls")
def test_a_project_that_is_not_there(stub: StubBackend) -> None:
    report = examine(999_999, stub.url)
    check_first_failure(report, "project", "does not have it", "project's number")


def test_a_config_that_clip_cannot_fill(ls: LabelStudio, healthy: int) -> None:
    config = '<View><Text name="t" value="$t"/></View>'
    empty = int(
        ls.json("POST", "/api/projects", json={"title": "text", "label_config": config})["id"]
    )
    check_first_failure(examine(empty), "labeling config", "none", "")
    wording = finding(examine(healthy), "label wording")
    assert "know English words best" in wording.message
    opaque = CONFIG.replace("cat", "cls_07")
    ls.request("PATCH", f"/api/projects/{healthy}", json={"label_config": opaque})
    found = finding(examine(healthy), "label wording")
    assert found.state == "warning"
    assert "cls_07" in found.message
    told = opaque.replace('"cls_07"', '"cls_07" clip_prompt="cat"')
    ls.request("PATCH", f"/api/projects/{healthy}", json={"label_config": told})
    assert finding(examine(healthy), "label wording").state == "ok"


def test_a_backend_that_is_not_registered(ls: LabelStudio, stub: StubBackend) -> None:
    project_id = new_project(ls, ["x"], sampling=UNCERTAINTY_SAMPLING)
    report = examine(project_id, stub.url)
    check_first_failure(report, "registered", "no ML backend", f"--url {stub.url}")
    assert finding(report, "webhook").state == "skipped"


def test_a_backend_that_is_gone(ls: LabelStudio) -> None:
    project_id = new_project(ls, drawings(1), sampling=UNCERTAINTY_SAMPLING)
    with stub_backend(VERSION) as gone:
        connect(ls, project_id, gone.url, VERSION)
    report = examine(project_id)
    check_first_failure(report, "registered", "Disconnected", "ls-clip serve")
    assert finding(report, "backend").state == "failed"
    assert finding(report, "image").state == "ok"
    assert finding(report, "prediction").state == "skipped"


def test_a_backend_that_only_label_studio_reaches(
    healthy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = requests.request

    def walled_off(method: str, url: str, **options: Any) -> requests.Response:
        if url.endswith("/ready"):
            raise requests.ConnectionError
        return request(method, url, **options)

    monkeypatch.setattr(requests, "request", walled_off)
    report = examine(healthy)
    assert finding(report, "backend").state == "warning"
    # Label Studio asks for a task of its own choice, and stores nothing.
    assert "0.250" in finding(report, "prediction").message
    assert report.exit_code == 0


def test_an_image_that_cannot_be_read(ls: LabelStudio, stub: StubBackend) -> None:
    project_id = new_project(ls, ["data:image/png;base64,bm9uZQ=="], sampling=UNCERTAINTY_SAMPLING)
    connect(ls, project_id, stub.url, VERSION)
    stub.results = [[]]
    report = examine(project_id)
    check_first_failure(report, "image", "no image", "Readable are")
    assert "gives no prediction" in finding(report, "prediction").message


def test_predictions_that_are_switched_off(ls: LabelStudio, healthy: int) -> None:
    ls.request("PATCH", f"/api/projects/{healthy}", json={"show_collab_predictions": False})
    report = examine(healthy)
    check_first_failure(report, "queue", "does not show predictions", "Settings > Annotation")


def test_settings_of_somebody_elses_project_are_notices(ls: LabelStudio, healthy: int) -> None:
    settings = {"sampling": "Sequential sampling", "maximum_annotations": 2}
    ls.request("PATCH", f"/api/projects/{healthy}", json=settings)
    report = examine(healthy)
    assert report.exit_code == 0
    sampling, several = [found for found in report.findings if found.name == "queue"]
    assert (sampling.state, several.state) == ("warning", "warning")
    assert "'Sequential sampling'" in sampling.message
    assert "2 annotations per task" in several.message
    for found in (sampling, several):
        assert "Order by > Prediction score, then Label Tasks As Displayed" in found.fix


def test_after_a_model_change_every_complaint_is_listed(ls: LabelStudio, stub: StubBackend) -> None:
    project_id = new_project(ls, drawings(3))
    connect(ls, project_id, stub.url, VERSION)
    act_on_all_tasks(ls, project_id, "retrieve_tasks_predictions")
    stub.version = "clip:test@00000000000b"
    stub.results = [answer("cat", 0.25, stub.version)]
    connect(ls, project_id, stub.url, stub.version)
    assert ls.json("GET", f"/api/projects/{project_id}/next")["predictions"]  # that one is stored
    report = examine(project_id)
    lost, sampling = [found for found in report.findings if found.name == "queue"]
    assert "2 of 3 tasks have no prediction of this version" in lost.message
    assert lost.fix.startswith(f"ls-clip prelabel --project {project_id}")
    assert (lost.state, sampling.state, report.exit_code) == ("failed", "warning", 21)
    again = connect(ls, project_id, stub.url, stub.version)
    assert [fault.code for fault in again.faults] == ["missing_scores", "sampling"]


def test_only_a_vendors_backend_is_registered(ls: LabelStudio, stub: StubBackend) -> None:
    project_id = new_project(ls, drawings(1))
    with stub_backend("segmentation-1") as vendor:
        other = {"project": project_id, "url": vendor.url, "title": "segmentation"}
        ls.request("POST", "/api/ml", json=other)
        report = examine(project_id)
        check_first_failure(report, "registered", "no ML backend of ls-clip", "ls-clip connect")
        assert f"'segmentation' at {vendor.url}" in finding(report, "registered").message
        assert "Settings > Model" in finding(report, "registered").fix
        assert not connect(ls, project_id, stub.url, VERSION).live


def test_a_control_that_stays_hidden(ls: LabelStudio, healthy: int) -> None:
    hidden = CONFIG.replace("<Choices ", '<Choices visibleWhen="choice-selected" ')
    ls.request("PATCH", f"/api/projects/{healthy}", json={"label_config": hidden})
    found = finding(examine(healthy), "labeling config")
    assert (found.state, "stays hidden" in found.message) == ("warning", True)


def test_an_address_with_a_path_too_many(ls: LabelStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", f"{ls.url}/labels")
    report = examine()
    check_first_failure(report, "Label Studio", "/labels", f"LABEL_STUDIO_URL={ls.url}")


def test_an_image_that_the_backend_reads_and_this_machine_does_not(
    ls: LabelStudio, stub: StubBackend
) -> None:
    project_id = new_project(ls, ["http://127.0.0.1:9/cat.png"], sampling=UNCERTAINTY_SAMPLING)
    connect(ls, project_id, stub.url, VERSION)
    report = examine(project_id)
    assert finding(report, "image").state == "warning"
    assert finding(report, "prediction").state == "ok"
    assert report.exit_code == 0


def test_a_renamed_version_and_one_of_which_there_is_nothing(
    ls: LabelStudio, healthy: int, stub: StubBackend
) -> None:
    stub.version = "clip:test@00000000000b"
    check_first_failure(examine(healthy), "queue", "answers with", "ls-clip connect")
    stub.version = VERSION
    (task, _) = ls.json("GET", "/api/tasks", params={"project": healthy})["tasks"]
    earlier = {"task": task["id"], **answer(version=OLDER)}
    ls.request("POST", f"/api/projects/{healthy}/import/predictions", json=[earlier])
    check_first_failure(examine(healthy), "queue", "2 of 2 tasks", "ls-clip prelabel")
    ls.request("PATCH", f"/api/projects/{healthy}", json={"model_version": OLDER})
    found = finding(examine(healthy), "queue")
    assert (found.state, "no live predictions" in found.message) == ("warning", True)


def test_a_webhook_that_does_not_work(
    ls: LabelStudio, healthy: int, stub: StubBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hook,) = ls.json("GET", "/api/webhooks/", params={"project": healthy})
    stub.secret = "open sesame"
    check_first_failure(examine(healthy), "webhook", "does not accept", "CLIP_WEBHOOK_SECRET")
    stub.secret = None
    monkeypatch.setenv("CLIP_WEBHOOK_SECRET", "open sesame")
    check_first_failure(examine(healthy), "webhook", "lacked the secret", "ls-clip connect")
    ls.request("PATCH", f"/api/webhooks/{hook['id']}/", json={"is_active": False})
    check_first_failure(examine(healthy), "webhook", "switched off", "ls-clip connect")
    ls.request("DELETE", f"/api/webhooks/{hook['id']}/")
    check_first_failure(examine(healthy), "webhook", "missing", "ls-clip connect")


def test_a_host_name_that_label_studio_takes_for_no_webhook(healthy: int) -> None:
    found = finding(examine(healthy, "http://backend:9090"), "webhook address")
    assert found.state == "failed"
    assert "a host name with a dot" in found.message


class Cautious(LabelStudioServer):
    """A Label Studio as it is when nobody has set the two address switches."""

    def environment(self) -> Mapping[str, str]:
        switches = ("ML_BLOCK_LOCAL_IP", "SSRF_PROTECTION_ENABLED")
        return {k: v for k, v in super().environment().items() if k not in switches}


def test_the_two_address_switches(
    migrated_data_dir: Path, tmp_path: Path, stub: StubBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(migrated_data_dir, tmp_path / "cautious")
    with Cautious(tmp_path / "cautious") as server:
        use(server, monkeypatch)
        project_id = new_project(server.client(), ["x"])
        report = examine(project_id, stub.url)
    check_first_failure(report, "ML address", "local or private", "ML_BLOCK_LOCAL_IP=false")
    hooks = finding(report, "webhook address")
    assert "SSRF_PROTECTION_ENABLED=false" in hooks.fix


def test_the_command_says_it_in_lines_json_and_exit_code(
    command_line: CommandLine, ls: LabelStudio, stub: StubBackend
) -> None:
    assert ls.url
    well = command_line("doctor", "--url", stub.url)
    assert well.returncode == 0
    assert "ok" in well.stdout
    ill = command_line("doctor", "--project", 999_999, "--url", stub.url, "--json")
    assert ill.returncode == 13
    report = json.loads(ill.stdout)
    assert report["exit_code"] == 13
    assert report["findings"][2]["fix"]


def test_the_help_lists_every_check_with_its_exit_code(command_line: CommandLine) -> None:
    shown = command_line("doctor", "--help").stdout
    documented = " ".join((ROOT / "docs/commands.md").read_text(encoding="utf-8").split())
    for number, check in enumerate(CHECKS, 11):
        assert f"{number} {check.name}" in shown
        assert f"{number} {check.name}" in documented
