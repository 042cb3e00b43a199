"""The demo on a machine on which it cannot go on: said before anything is made or started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from importers.cli import app

ON_WINDOWS = """
import sys
sys.modules["fcntl"] = None  # importing it fails, as there
from importers.demo.run import DemoOptions, run_demo
from ls_backend.errors import ConfigError
sys.platform = "win32"
try:
    run_demo(DemoOptions())
except ConfigError as error:
    print(error.message, error.hint)
"""


def test_without_label_studio_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_EXECUTABLE", str(tmp_path / "nowhere"))
    done = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path / "demo"), "--json"])
    assert done.exit_code == 1
    assert "LABEL_STUDIO_EXECUTABLE names" in done.output
    assert list(tmp_path.iterdir()) == []


def test_windows_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_WINDOWS], cwd=tmp_path, capture_output=True, text=True
    )
    assert "does not run on Windows" in done.stdout, done.stderr
    assert "WSL" in done.stdout
    assert list(tmp_path.iterdir()) == []
