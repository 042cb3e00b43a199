"""The demo from outside: what it prints and leaves, and that nothing of it stays behind."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from storage_reader import read_records

from importers.demo.services import ls_clip

IMAGES = 12
PATIENCE_S = 240.0
KEYS = (
    *("samples", "pushed", "audit", "wrong", "wrong_found_first_quarter", "order_as_promised"),
    *("predictions_live", "approved", "relabelled", "rejected", "synced", "cost_usd"),
    *("storage", "release", "project_url"),
)


@pytest.fixture
def folder(tmp_path: Path, migrated_data_dir: Path) -> Path:
    """A demo folder in which Label Studio has been started before."""
    shutil.copytree(migrated_data_dir, tmp_path / "demo" / "label-studio")
    return tmp_path / "demo"


def demo(folder: Path, *options: str) -> list[str]:
    return ls_clip("demo", "--folder", str(folder), "--images", str(IMAGES), *options)


def test_the_report_agrees_with_what_stands_in_the_folder(folder: Path) -> None:
    done = subprocess.run(
        demo(folder, "--json"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert tuple(report) == KEYS
    assert report["samples"] == report["pushed"] == IMAGES
    assert report["audit"] == 2
    assert report["predictions_live"] == 24
    assert report["order_as_promised"] is True
    assert report["cost_usd"] == 0
    assert report["approved"] + report["relabelled"] + report["rejected"] == IMAGES
    assert report["approved"] == IMAGES - report["wrong"]
    assert 0 <= report["wrong_found_first_quarter"] <= report["wrong"]
    assert report["synced"] == report["approved"] + report["relabelled"]
    assert len(read_records(report["storage"])) == report["synced"]
    assert "The whole loop" in done.stderr


def test_in_a_terminal_it_stays_open_until_ctrl_c(folder: Path) -> None:
    terminal, theirs = pty.openpty()
    process = subprocess.Popen(
        demo(folder),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "200"},
        start_new_session=True,
    )
    os.close(theirs)
    shown = read_until(terminal, "Ctrl-C stops everything")
    started = descendants(process.pid)
    assert len(started) >= 3
    for part in ("Label Studio is open at", "demo@example.org", "nobody has reviewed these"):
        assert part in shown
    assert alive(started)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_S) == 0
    os.close(terminal)
    assert not alive(started)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_ended_in_the_middle_it_leaves_no_process(folder: Path, ending: signal.Signals) -> None:
    process = subprocess.Popen(
        demo(folder, "--once"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    read_until(process.stdout.fileno(), "Starting Label Studio")
    started = descendants(process.pid)
    assert len(started) >= 3
    process.send_signal(ending)
    process.stdout.close()
    status = process.wait(PATIENCE_S)
    assert status == {signal.SIGINT: 130, signal.SIGTERM: 143}.get(ending, -ending)
    deadline = time.monotonic() + 20
    while alive(started) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not alive(started)


def test_one_demo_at_a_time_in_a_folder(folder: Path) -> None:
    first = subprocess.Popen(
        demo(folder, "--once"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert first.stdout is not None
    read_until(first.stdout.fileno(), "Starting")
    second = subprocess.run(demo(folder, "--once"), capture_output=True, text=True, check=False)
    first.kill()
    first.stdout.close()
    first.wait()
    assert second.returncode == 1
    assert "Another demo is running" in second.stderr


def read_until(source: int, text: str) -> str:
    """What comes from a file descriptor, up to and with the text."""
    seen = b""
    deadline = time.monotonic() + PATIENCE_S
    while text.encode() not in seen:
        assert time.monotonic() < deadline, seen.decode(errors="replace")
        if select.select([source], [], [], 1.0)[0]:
            part = os.read(source, 65536)
            assert part, seen.decode(errors="replace")
            seen += part
    return seen.decode(errors="replace")


def processes() -> Iterator[tuple[int, int]]:
    """Process id and parent of everything that runs."""
    table = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    )
    for line in table.stdout.splitlines():
        pid, parent, state = line.split(maxsplit=2)
        if not state.startswith("Z"):
            yield int(pid), int(parent)


def descendants(pid: int) -> set[int]:
    running = list(processes())
    found: set[int] = set()
    wanted = {pid}
    while wanted:
        wanted = {child for child, parent in running if parent in wanted} - found
        found |= wanted
    return found


def alive(pids: set[int]) -> set[int]:
    return pids & {pid for pid, _ in processes()}
