"""What needs a Chromium or an extra is left out where there is none; the summary says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]
WITHOUT_DIFFUSERS = """
import sys, pytest
sys.modules["diffusers"] = None
sys.exit(pytest.main(sys.argv[1:]))
"""


def test_the_summary_says_what_was_left_out_and_how_to_get_it() -> None:
    left_out = (TESTS / "e2e" / "test_browser.py", TESTS / "extra")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_DIFFUSERS, "--collect-only", "-q", *map(str, left_out)],
        env={**os.environ, "PATH": "/nowhere"},
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 browser tests left out: no Chromium on PATH" in done.stdout
    assert "apt-get install chromium" in done.stdout
    assert "2 diffusion model tests left out: no package diffusers" in done.stdout
    assert "pip install -e '.[diffusers]'" in done.stdout
