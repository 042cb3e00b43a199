"""Folders of campaigns and projects that were kept in `tests/fixtures`, as they lay on disk."""

from __future__ import annotations

import shutil
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

FIXTURES = Path(__file__).parents[1] / "fixtures"


def unpacked(name: str, folder: Path) -> Path:
    """The folder of a campaign or project, as it was."""
    there = folder / name
    shutil.copytree(FIXTURES / name, there)
    with closing(sqlite3.connect(there / "ledger.sqlite")) as database:
        database.executescript((there / "ledger.sql").read_text(encoding="utf-8"))
    if (there / "files.tar.gz").exists():
        with tarfile.open(there / "files.tar.gz") as files:
            files.extractall(there, filter="data")
    return there
