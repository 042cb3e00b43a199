"""The contact sheets can be drawn from the command line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from bench.sketch_training import sheet


@pytest.mark.parametrize(("option", "cells", "columns"), [(None, 130, 10), ("--failures", 110, 11)])
def test_a_sheet_shows_every_cell(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str | None, cells: int, columns: int
) -> None:
    out = tmp_path / "sheet.png"
    options = [option] if option else []
    monkeypatch.setattr(sys, "argv", ["sheet", str(out), "--pixels", "16", *options])
    sheet.main()
    with Image.open(out) as page:
        assert page.size == (columns * 20, cells // columns * 34)
