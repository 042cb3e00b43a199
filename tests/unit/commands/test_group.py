"""How commands are found, and how what goes wrong is told: on stderr, as JSON, by exit status."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from paid_api import PaidApi, paid_api, write_paid_campaign
from typer.testing import CliRunner

from importers import cli, status
from importers.commands import group

WriteCampaign = Callable[..., Path]


@pytest.fixture
def api() -> Iterator[PaidApi]:
    with paid_api(PaidApi()) as api:
        yield api


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command that is no group, and what is typed to get it."""
    for name, child in getattr(command, "commands", {}).items():
        yield from below((*words, name), child)
    if not hasattr(command, "commands"):
        yield words, command


COMMANDS = dict(below((), typer.main.get_command(cli.app)))
WITH_JSON = [w for w, c in COMMANDS.items() if any("--json" in p.opts for p in c.params)]


def error_of(result: Any) -> dict[str, str]:
    """The one object on stdout, whose words are on stderr too."""
    told = json.loads(result.stdout)
    assert list(told) == ["error"]
    error: dict[str, str] = told["error"]
    assert list(error) == ["code", "message", "hint"]
    assert f"Error: {error['message']}\nHint: {error['hint']}\n" in result.stderr
    return error


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_paragraphs_of_help_fill_the_terminal(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = [line.rstrip() for line in ls_clip(*words, "--help").stdout.splitlines()]
    assert max(map(len, lines)) <= 80
    prose = lines[3 : next(n for n, line in enumerate(lines) if line.startswith("╭"))]
    for line, following in itertools.pairwise(prose):
        first = following.split(" ", 2)[1:2]
        is_table = line[1:3].isdigit() or following.startswith("   ")
        assert not line or not following or is_table or len(line) + len(first[0]) >= 79, line


def test_nearly_every_command_has_json() -> None:
    without = {" ".join(words) for words in COMMANDS} - {" ".join(words) for words in WITH_JSON}
    assert without == {"new", "serve", "sketch", "weights golden"}


@pytest.mark.parametrize("words", WITH_JSON, ids=" ".join)
def test_wrong_arguments_are_json_where_json_was_asked_for(words: tuple[str, ...]) -> None:
    result = ls_clip(*words, "--json", "--no-such-option")
    assert result.exit_code == 2
    error = error_of(result)
    assert error["code"] == "usage"
    assert "--no-such-option" in error["message"]
    assert f"{' '.join(words)} --help" in error["hint"]
    plain = ls_clip(*words, "--no-such-option")
    assert (plain.exit_code, plain.stdout) == (2, "")
    assert plain.stderr == result.stderr


@pytest.mark.parametrize("words", WITH_JSON, ids=" ".join)
def test_an_error_is_json_where_json_was_asked_for(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is called with a campaign that is not there, or something else that cannot be."""
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    nothing = str(tmp_path / "nothing")
    others = {"demo": ["--images", "0"], "classes map": [nothing, "a", "b"]}
    others |= {"classes drop": [nothing, "a"], "doctor": [nothing]}
    others |= {f"weights {name}": ["no/such"] for name in ("fetch", "verify")}
    result = ls_clip(*words, *others.get(" ".join(words), [nothing]), "--json")
    assert result.exit_code == 1, result.output
    error = error_of(result)
    assert error["code"] not in {"", "usage", "bug"}
    assert error["hint"]


def test_an_error_of_the_disk_is_json(write_campaign: WriteCampaign, images_api: Any) -> None:
    folder = write_campaign(images_api.base_url)
    (folder / "images").write_text("a file where the folder of images should be")
    result = ls_clip("generate", folder, "--json")
    assert result.exit_code == 1
    assert str(folder / "images") in error_of(result)["message"]


def test_a_bug_is_json(
    write_campaign: WriteCampaign,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    def broken(_campaign: object) -> None:
        raise KeyError("upside down")

    monkeypatch.setattr(status, "campaign_status", broken)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "argv", ["ls-clip", "status", str(write_campaign()), "--json"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 1
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "bug"
    assert "KeyError: 'upside down'" in error["message"]
    assert str(tmp_path) in error["hint"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("init", ["new"]),
        ("list", ["status", "classes list", "releases list"]),
        ("export", ["sync", "prompts export"]),
        ("gc", ["prune"]),
        ("golden", ["weights golden"]),
        ("rum", ["run"]),
        ("stauts", ["status"]),
        ("releases lst", ["releases list"]),
        ("releases gc", ["releases prune"]),
        ("releases verify", ["verify", "weights verify"]),
        ("weights fech", ["weights fetch"]),
        ("prompts exprot", ["prompts export"]),
        ("classes golde", ["weights golden"]),
    ],
)
def test_a_word_that_is_no_command_brings_those_that_are_meant(
    typed: str, meant: list[str]
) -> None:
    result = ls_clip(*typed.split())
    assert (result.exit_code, result.stdout) == (2, "")
    program = typer.main.get_command(cli.app).name
    asked = ", ".join(f"{program} {words}" for words in meant)
    said = f"Error: There is no command {typed.split()[-1]}; did you mean: {asked}.\n"
    assert result.stderr.startswith(said)


def test_what_nothing_is_near_to_is_named_alone() -> None:
    result = ls_clip("frobnicate")
    assert "Error: There is no command frobnicate.\n" in result.stderr
    assert "--help" in result.stderr


def test_no_command_at_all_brings_the_help() -> None:
    for words in ([], ["releases"]):
        result = ls_clip(*words)
        assert result.exit_code == 2
        assert "Usage: " in result.output
        assert "Error" not in result.output


def test_a_run_that_a_cap_stops_ends_with_3(tmp_path: Path, api: PaidApi) -> None:
    folder = tmp_path / "pets"
    write_paid_campaign(folder, api.base_url, budget="per_run_usd = 0.05")
    first = ls_clip("generate", folder, "--json")
    assert first.exit_code == group.ENDED_EARLY == 3
    assert json.loads(first.stdout)["missing"] == 4
    second = ls_clip("generate", folder, "--json")
    assert second.exit_code == 0
    assert json.loads(second.stdout)["missing"] == 0


def test_samples_that_are_given_up_end_a_run_with_3(tmp_path: Path, api: PaidApi) -> None:
    folder = tmp_path / "pets"
    write_paid_campaign(folder, api.base_url, generator="max_unanswered = 0\nparallel = 1")
    api.misbehave = lambda prompt: {"data": []} if prompt == "a w0 cat" else None
    first = ls_clip("generate", folder, "--json")
    assert len(json.loads(first.stdout)["given_up"]) == 1
    assert first.exit_code == 3
    assert "given up" in ls_clip("generate", folder).stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_completes_commands(shell: str) -> None:
    typed = "ls-clip releases "
    asked = {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    if shell == "bash":
        asked = {"COMP_WORDS": typed, "COMP_CWORD": "2"}
    script = "import sys; sys.argv[0] = 'ls-clip'; from importers.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **asked, "_LS_CLIP_COMPLETE": f"complete_{shell}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert {"list", "show", "prune"} <= set(done.stdout.replace(":", " ").replace('"', " ").split())
