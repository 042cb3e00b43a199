"""Without a Chromium the browser tests are left out, and the summary says so."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

E2E = Path(__file__).parents[2] / "e2e"


def test_the_summary_says_what_was_left_out_and_how_to_get_it() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", str(E2E / "test_browser.py")],
        env={**os.environ, "PATH": "/nowhere"},
        cwd=E2E.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "2 browser tests left out: no Chromium on PATH" in done.stdout
    assert "apt-get install chromium" in done.stdout
