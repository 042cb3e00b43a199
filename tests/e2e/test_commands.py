"""The commands on a real Label Studio, as a person runs them after `ls-clip new`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from importers.cli import app
from importers.demo.services import BackendServer, LabelStudioServer, SketchServer
from importers.sketch.server import DEFAULT_PORT


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def counts(*arguments: object) -> dict[str, Any]:
    result = ls_clip(*arguments, "--json")
    assert result.exit_code == 0, result.stderr
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


@pytest.fixture(autouse=True)
def environment(label_studio: LabelStudioServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names the Label Studio of the tests."""
    monkeypatch.setenv("LABEL_STUDIO_URL", label_studio.url)
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", label_studio.credentials.token)


@pytest.fixture(scope="module")
def campaign(tmp_path_factory: pytest.TempPathFactory, sketch_server: SketchServer) -> Path:
    """The example campaign with 8 images, for all tests of this file, in their order."""
    folder = tmp_path_factory.mktemp("commands") / "pets"
    assert ls_clip("new", folder).exit_code == 0
    address = f"http://127.0.0.1:{DEFAULT_PORT}/v1"
    change(folder, address, sketch_server.base_url)
    change(folder, "samples = 60", "samples = 8")
    return folder


def change(folder: Path, old: str, new: str) -> None:
    file = folder / "campaign.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_backend_waits_for_the_first_push(campaign: Path) -> None:
    for command in ("connect", "prelabel"):
        assert "Push it first" in ls_clip(command, campaign).stderr
    assert "not pushed yet" in ls_clip("doctor", campaign).stdout


def test_a_second_run_does_nothing(campaign: Path) -> None:
    first = counts("run", campaign)
    assert first["generate"]["generated"] == 8
    assert first["score"]["scored"] == 8
    assert first["push"]["pushed"] == 8
    assert first["push"]["order"]["as_promised"]

    again = ls_clip("run", campaign)
    assert again.stdout.count("nothing to do") == 3
    assert first["push"]["project_url"] in again.stdout
    stands = counts("status", campaign)
    assert (stands["total"]["pushed"], stands["total"]["undecided"]) == (8, 8)
    assert stands["project_url"] == first["push"]["project_url"]
    assert stands["spending"]["stored"] == 8


def test_the_backend_is_connected_to_a_campaign_or_to_any_project(
    campaign: Path, backend: BackendServer
) -> None:
    connected = counts("connect", campaign, "--url", backend.url)
    assert connected["created"]
    assert connected["model_version"] == counts("status", campaign)["model_version"]
    assert connected["queue_version"] == connected["model_version"]
    project = counts("push", campaign)["project_id"]
    again = counts("connect", "--project", project, "--url", backend.url)
    assert not again["created"]
    assert again["backend_id"] == connected["backend_id"]


def test_what_takes_a_project_takes_a_campaign_and_the_folder_of_any_project(
    campaign: Path, backend: BackendServer, tmp_path: Path
) -> None:
    project = counts("push", campaign)["project_id"]
    (tmp_path / "project.toml").write_text(f'name = "theirs"\nproject = {project}\n')
    for named in ([campaign], [tmp_path], ["--project", project]):
        looked = ls_clip("doctor", *named, "--json")
        assert looked.exit_code == 0, looked.output
        states = {f["name"]: f["state"] for f in json.loads(looked.stdout)["findings"]}
        assert states["project"] == states["prediction"] == states["queue"] == "ok"
        connected = counts("connect", *named, "--url", backend.url)
        assert (connected["created"], connected["mended"]) == (False, [])
    predicted = counts("prelabel", campaign)
    assert (predicted["project"], predicted["already"], predicted["done"]) == (project, 8, 0)
    for command in ("doctor", "prelabel", "connect"):
        both = ls_clip(command, campaign, "--project", project)
        assert both.exit_code == 2
        assert "or another project with --project" in both.stderr


def test_a_backend_that_nobody_reaches_is_named(campaign: Path) -> None:
    project = counts("push", campaign)["project_id"]
    for target in (["--project", project], [campaign]):
        result = ls_clip("connect", *target, "--url", "http://127.0.0.1:9")
        assert result.exit_code == 1
        assert "http://127.0.0.1:9" in result.stderr
        assert "Hint: " in result.stderr


def test_more_samples_and_another_model_version_reach_the_queue(campaign: Path) -> None:
    change(campaign, "samples = 8", "samples = 10")
    more = counts("run", campaign)
    assert (more["generate"]["generated"], more["push"]["pushed"]) == (2, 2)
    change(campaign, "[score]", '[score]\nbackground = ["tree"]')
    assert "changed since" in ls_clip("push", campaign).stderr
    new = counts("run", campaign)
    assert (new["score"]["scored"], new["push"]["rescored"]) == (10, 10)


def test_sync_of_a_queue_that_nobody_has_touched(campaign: Path) -> None:
    synced = counts("sync", campaign)
    assert (synced["waiting"], synced["approved"], synced["added"]) == (10, 0, 0)
    assert "10 waiting" in ls_clip("sync", campaign).stdout


@pytest.mark.parametrize("command", ["run", "push", "sync"])
def test_a_wrong_token_or_another_server_is_said(
    command: str, campaign: Path, sketch_server: SketchServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a" * 40)
    result = ls_clip(command, campaign)
    assert result.exit_code == 1
    assert "does not know the token" in result.stderr
    monkeypatch.setenv("LABEL_STUDIO_URL", sketch_server.url)
    result = ls_clip(command, campaign)
    assert result.exit_code == 1
    assert sketch_server.url in result.stderr
    assert "Traceback" not in result.stderr


def test_a_model_that_is_none_is_said_before_anything_is_paid_for(campaign: Path) -> None:
    change(campaign, 'model = "sketch"', 'model = "skech/tiny"')
    change(campaign, "samples = 10", "samples = 12")
    paid = counts("status", campaign)["spending"]["stored"]
    result = ls_clip("run", campaign)
    assert result.exit_code == 1
    assert "'skech/tiny'" in result.stderr
    assert "Hint: Nearest known" in result.stderr
    assert counts("status", campaign)["spending"]["stored"] == paid
