from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from importers import cli, status
from importers.config.campaign import load_campaign
from importers.ledger import Ledger
from importers.sketch.account import Limits

WriteCampaign = Callable[..., Path]

COMMANDS = sorted(typer.main.get_command(cli.app).commands)  # type: ignore[attr-defined]
HEAVY = ("torch", "open_clip", "label_studio_sdk", "openai", "flask", "PIL", "numpy", "pydantic")


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "importers.cli", *map(str, arguments)]


def check_error(result: Any, *, says: str, hint: str = "", code: int = 1) -> None:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert says in result.stderr
    assert f"\nHint: {hint}" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_with_an_example(name: str) -> None:
    result = ls_clip(name, "--help")
    assert result.exit_code == 0
    assert f"Example: ls-clip {name}" in result.stdout


def test_help_lists_every_command_and_imports_nothing_heavy() -> None:
    script = (
        "import sys; from typer.testing import CliRunner; from importers.cli import app; "
        "print(CliRunner().invoke(app, ['--help']).stdout); "
        f"sys.exit(', '.join(m for m in {HEAVY} if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr.strip() == ""
    assert all(f" {name} " in done.stdout for name in COMMANDS)


def test_version() -> None:
    assert ls_clip("--version").stdout.startswith("ls-clip 0.")


def test_a_new_campaign_can_be_run_next(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "pets [1]"
    result = ls_clip("new", folder)
    assert result.exit_code == 0
    assert f"ls-clip run {folder}" in result.stdout
    campaign = load_campaign(folder)
    assert campaign.name == "pets [1]"
    check_error(ls_clip("new", folder), says="is there already")
    assert load_campaign(folder) == campaign


@pytest.mark.parametrize("name", ["generate", "score", "push", "run", "sync", "status", "connect"])
def test_a_campaign_that_is_not_there(name: str, tmp_path: Path) -> None:
    check_error(ls_clip(name, tmp_path / "pets"), says="no campaign", hint="Write one with")
    assert not (tmp_path / "pets").exists()


def test_an_unknown_key_names_the_nearest(write_campaign: WriteCampaign) -> None:
    folder = write_campaign(generator="paralel = 2")
    check_error(ls_clip("generate", folder), says="generator.paralel", hint="Did you mean")


def test_broken_toml_names_the_line(write_campaign: WriteCampaign) -> None:
    folder = write_campaign(samples="[")
    check_error(ls_clip("status", folder), says="line", hint="Mend that line")


def test_nobody_draws(write_campaign: WriteCampaign) -> None:
    check_error(ls_clip("generate", write_campaign()), says="does not answer")


def test_a_wrong_key_is_not_shown(
    write_campaign: WriteCampaign, start_images_api: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETS_KEY", "sk-secret-and-wrong")
    address = start_images_api(api_key="sk-right").base_url
    folder = write_campaign(address, generator='api_key_env = "PETS_KEY"')
    result = ls_clip("generate", folder)
    check_error(result, says="PETS_KEY")
    assert "secret" not in result.stderr


def test_a_model_that_does_not_exist(write_campaign: WriteCampaign, images_api: Any) -> None:
    folder = write_campaign(images_api.base_url, score='model = "ViT-B-33/laion"')
    assert ls_clip("generate", folder).exit_code == 0
    check_error(ls_clip("score", folder), says="ViT-B-33")


@pytest.mark.parametrize("name", ["push", "run", "sync"])
def test_label_studio_is_not_named_has_no_token_or_is_down(
    name: str, write_campaign: WriteCampaign, monkeypatch: pytest.MonkeyPatch, images_api: Any
) -> None:
    folder = write_campaign(images_api.base_url)
    monkeypatch.delenv("LABEL_STUDIO_URL", raising=False)
    monkeypatch.delenv("LABEL_STUDIO_API_KEY", raising=False)
    check_error(ls_clip(name, folder), says="LABEL_STUDIO_URL", hint="Name it")
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    check_error(ls_clip(name, folder), says="LABEL_STUDIO_API_KEY")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a" * 40)
    assert ls_clip("generate", folder).exit_code == 0
    assert ls_clip("score", folder).exit_code == 0
    result = ls_clip(name, folder)
    if name == "sync":
        return
    check_error(result, says="http://127.0.0.1:9")
    assert "aaaa" not in result.stderr


def test_nothing_is_paid_for_before_label_studio_answers(
    write_campaign: WriteCampaign, monkeypatch: pytest.MonkeyPatch, images_api: Any
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "a" * 40)
    check_error(ls_clip("run", write_campaign(images_api.base_url)), says="http://127.0.0.1:9")
    assert images_api.drawn() == []


def test_json_is_the_only_thing_on_stdout(write_campaign: WriteCampaign, images_api: Any) -> None:
    folder = write_campaign(images_api.base_url)
    generated = json.loads(ls_clip("generate", folder, "--json").stdout)
    assert generated == {
        "planned": 6,
        "generated": 6,
        "refused": 0,
        "unanswered": 0,
        "given_up": [],
        "caps_reached": [],
        "missing": 0,
        "in_batch": 0,
        "cost_usd": 0.0,
        "unpriced": 0,
        "write": {
            "writer": None,
            "requests": 0,
            "written": 0,
            "duplicates": 0,
            "refused": 0,
            "short": [],
            "cost_usd": 0,
            "unpriced": 0,
        },
    }
    scored = json.loads(ls_clip("score", folder, "--json").stdout)
    assert scored["scored"] == 6
    stands = json.loads(ls_clip("status", folder, "--json").stdout)
    assert stands["total"]["scored"] == 6
    assert stands["labels"]["cat"]["generated"] == 3
    assert stands["model_version"] == scored["model_version"]
    assert stands["spending"]["cost_usd"] == 0.0


def test_reports_for_people_end_with_the_next_step(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    folder = write_campaign(images_api.base_url, color='["red", "blue", "gore"]')
    first = ls_clip("generate", folder)
    assert "4 images" in first.stdout
    assert "2 prompts refused" in first.stdout
    assert f"Next: ls-clip score {folder}" in first.stdout
    assert "Generating: 6 of 6" in first.stderr
    assert "nothing to do" in ls_clip("generate", folder).stdout
    assert "4 images" in ls_clip("score", folder).stdout
    assert "nothing to do" in ls_clip("score", folder).stdout
    table = ls_clip("status", folder).stdout
    assert "refused" in table
    assert "approved" not in table


def test_status_is_told_while_another_command_works(write_campaign: WriteCampaign) -> None:
    folder = write_campaign()
    with Ledger(load_campaign(folder).ledger_path):
        assert json.loads(ls_clip("status", folder, "--json").stdout)["total"]["planned"] == 6
        check_error(ls_clip("generate", folder), says="in use", hint="Wait")


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_paid(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    folder = write_campaign(images_api.base_url)
    (folder / "images").write_text("a file where the folder of images should be")
    check_error(ls_clip("generate", folder), says=str(folder / "images"))
    assert images_api.drawn() == []


def test_a_bug_is_written_to_a_file_and_named(
    write_campaign: WriteCampaign,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def broken(_campaign: object) -> None:
        raise KeyError("upside down")

    monkeypatch.setattr(status, "campaign_status", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["ls-clip", "status", str(write_campaign())])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    shown = capsys.readouterr().err
    assert "KeyError: 'upside down'" in shown
    assert "Traceback" not in shown
    (report,) = tmp_path.glob("ls-clip-*.txt")
    assert str(report) in shown
    assert "Traceback" in report.read_text()


def slow_campaign(write_campaign: WriteCampaign, start_images_api: Any) -> tuple[Path, Any]:
    api = start_images_api(limits=Limits(latency_s=0.3))
    colors = json.dumps(["red", "orange", "yellow", "green", "blue", "purple", "pink", "brown"])
    return write_campaign(api.base_url, samples="16", color=colors), api


def start_generating(folder: Path, arguments: Sequence[str], api: Any) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command("generate", folder, *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while len(api.drawn()) < 4:
        assert process.poll() is None
        time.sleep(0.02)
    return process


def test_ctrl_c_finishes_what_is_in_the_air_and_says_what_stands(
    write_campaign: WriteCampaign, start_images_api: Any
) -> None:
    folder, api = slow_campaign(write_campaign, start_images_api)
    process = start_generating(folder, ["--json"], api)
    process.send_signal(signal.SIGINT)
    shown, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert shown == ""
    assert "Stopped: " in said
    assert "Traceback" not in said
    with Ledger(load_campaign(folder).ledger_path) as ledger:
        spent = ledger.requests.spending()
    assert 4 <= spent.stored < 16
    assert (spent.failed, spent.unknown) == (0, 0)
    assert f"{spent.stored} of 16 samples" in said
    assert json.loads(ls_clip("generate", folder, "--json").stdout)["missing"] == 0
    assert len(api.drawn()) == 16


def test_a_second_ctrl_c_leaves_at_once(
    write_campaign: WriteCampaign, start_images_api: Any
) -> None:
    api = start_images_api(limits=Limits(latency_s=30.0))
    folder = write_campaign(api.base_url)
    process = subprocess.Popen(command("generate", folder), stderr=subprocess.PIPE, text=True)
    path = load_campaign(folder).ledger_path
    while not path.exists() or in_the_air(path) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert "Ctrl-C again" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    with Ledger(path) as ledger:
        assert ledger.requests.spending().unknown == 2


def in_the_air(path: Path) -> int:
    with Ledger(path, writing=False) as ledger:
        rows = ledger._db.read("SELECT count(*) AS n FROM requests WHERE outcome = 'in_flight'")
    return int(rows[0]["n"])


def test_killed_anywhere_the_next_run_asks_only_for_what_is_missing(
    write_campaign: WriteCampaign, start_images_api: Any
) -> None:
    folder, api = slow_campaign(write_campaign, start_images_api)
    process = start_generating(folder, [], api)
    process.kill()
    process.communicate()
    assert json.loads(ls_clip("generate", folder, "--json").stdout)["missing"] == 0
    with Ledger(load_campaign(folder).ledger_path) as ledger:
        spent = ledger.requests.spending()
    assert spent.stored == 16
    assert spent.unknown <= 2
    assert len(api.drawn()) <= 16 + spent.unknown
