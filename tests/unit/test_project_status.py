"""`ls-clip status` of a project that no campaign made."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from kept_folders import unpacked
from typer.testing import CliRunner

from importers import cli


def status(folder: Path, *options: str) -> Any:
    done = CliRunner().invoke(cli.app, ["status", str(folder), *options])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_verdicts_samples_and_the_release_are_told_without_label_studio(tmp_path: Path) -> None:
    others = unpacked("others", tmp_path)
    told = json.loads(status(others, "--json"))
    assert sum(told["verdicts"].values()) == 3
    assert told["verdicts"]["approved"] == told["stored"] == sum(told["splits"].values()) == 1
    assert list(told["labels"].values()) == [1]
    [label] = told["labels"]
    shown = status(others)
    assert "1 approved" in shown
    assert f"1 {label}" in shown
    assert f"release    {told['release']}" in shown


def test_before_the_first_sync(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text('name = "[birds]"\nproject = 12\n')
    shown = status(tmp_path)
    assert "12, [birds]" in shown
    assert f"none yet; ls-clip sync {tmp_path} reads them" in shown
    assert "release    none yet" in shown
    assert not (tmp_path / "ledger.sqlite").exists()
