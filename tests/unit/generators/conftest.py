"""Packages with generators, registered as an installer would: a dist-info folder on the path."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from importers.generators import GROUP

PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"
Register = Callable[[str, dict[str, str]], Path]


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Register:
    """Registers a package of that name with these generator kinds; gives the folder it lies in."""

    def write(package: str, kinds: dict[str, str]) -> Path:
        site = tmp_path / f"site-{package}"
        info = site / f"{package}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{name} = {target}\n" for name, target in kinds.items()]
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n" + "".join(lines))
        monkeypatch.syspath_prepend(site)
        return site

    return write


@pytest.fixture
def registered(register: Register) -> dict[str, str]:
    """Our own kinds, as pyproject.toml names them, whatever is installed."""
    project = tomllib.loads(PYPROJECT.read_text())["project"]
    kinds: dict[str, str] = project["entry-points"][GROUP]
    register("label_studio_clip", kinds)
    return kinds
