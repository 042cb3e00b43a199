"""Where Label Studio is found, and what its environment is kept clear of."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import pytest

from importers.demo.service import ServiceError
from importers.demo.services import (
    BackendServer,
    LabelStudioServer,
    find_label_studio,
)
from ls_backend.label_studio import Credentials

ROOT = Path(__file__).parents[3]


@pytest.fixture
def executable(tmp_path: Path) -> Path:
    file = tmp_path / "bin" / "label-studio"
    file.parent.mkdir()
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_the_named_executable_goes_first(executable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_EXECUTABLE", str(executable))
    assert find_label_studio() == executable


def test_one_that_cannot_be_run_is_named(executable: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executable.chmod(0o644)
    monkeypatch.setenv("LABEL_STUDIO_EXECUTABLE", str(executable))
    with pytest.raises(ServiceError, match="cannot be run"):
        find_label_studio()


def test_the_environment_here_and_then_path(
    executable: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [tested] = re.findall(r"LABEL_STUDIO_VERSION := (\S+)", (ROOT / "Makefile").read_text())
    monkeypatch.delenv("LABEL_STUDIO_EXECUTABLE", raising=False)
    monkeypatch.setattr("importers.__file__", str(tmp_path / "elsewhere" / "importers" / "x.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ServiceError, match="not installed") as caught:
        find_label_studio()
    assert "make setup" in caught.value.hint
    assert "python3 -m venv .venv-label-studio\n" in caught.value.hint
    assert f".venv-label-studio/bin/pip install label-studio=={tested}\n" in caught.value.hint
    monkeypatch.setenv("PATH", str(executable.parent))
    assert find_label_studio() == executable
    ours = tmp_path / ".venv-label-studio" / "bin" / "label-studio"
    ours.parent.mkdir(parents=True)
    ours.touch()
    assert find_label_studio() == ours


def test_a_data_folder_keeps_its_login_to_its_owner(tmp_path: Path) -> None:
    first, again = LabelStudioServer(tmp_path / "data"), LabelStudioServer(tmp_path / "data")
    assert first.login == again.login
    assert first.login.password != LabelStudioServer(tmp_path / "other").login.password
    assert stat.S_IMODE((tmp_path / "data" / "login.json").stat().st_mode) == 0o600


def test_settings_of_other_servers_stay_outside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LABEL_STUDIO_PORT", "DJANGO_SETTINGS_MODULE", "PYTHONPATH", "POSTGRE_HOST"):
        monkeypatch.setenv(name, "theirs")
    monkeypatch.setenv("BASIC_AUTH_USER", "theirs")
    label_studio = LabelStudioServer(tmp_path / "data")
    assert "theirs" not in {
        value for name, value in label_studio.environment().items() if name != "BASIC_AUTH_USER"
    }
    backend = BackendServer(
        tmp_path / "log", model="sketch", credentials=Credentials("http://ours", "token")
    )
    environment = backend.environment()
    assert environment["LABEL_STUDIO_URL"] == "http://ours"
    assert "BASIC_AUTH_USER" not in environment
