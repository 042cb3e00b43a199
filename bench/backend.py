"""The ML backend: images a second, waiting times and memory, beside two yardsticks.

64 tasks a request, a ViT-B-32 with random weights, pictures that a server in a process of its own
hands out under the paths of Label Studio's uploads. `bench.yardsticks` says what "plain" and
"ceiling" are.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import requests
from rich.console import Console
from rich.table import Table

from bench.load import Run, run
from bench.pictures import KINDS, draw, random_model, served, tasks

CALLERS = (1, 8, 32)
COLD_SECONDS = 10.0
WARM_SECONDS = 5.0


@dataclass
class Report:
    """The table, line by line, and what it comes to."""

    table: Table = field(default_factory=lambda: Table(title="ML backend, 64 tasks a request"))
    notes: list[str] = field(default_factory=list)
    predictions: int = 0
    memory: list[tuple[int, float]] = field(default_factory=list)
    """Predictions made so far, and the MiB that the backend then held."""
    health: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table.add_column("images")
        self.table.add_column("run")
        for name in (
            "callers", "images/s", "x plain", "x ceiling", "x cold", "p50 s", "p95 s", "p99 s",
            "/health p99 ms", "MiB",
        ):  # fmt: skip
            self.table.add_column(name, justify="right")


def main() -> None:
    """Run everything and print one table."""
    pictures = {kind: draw(kind) for kind in KINDS}
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        model = random_model(Path(folder) / "vit-b-32")
        with served(pictures) as images, backend(Path(folder), model, images) as (url, pid):
            for kind in KINDS:
                _measure(report, kind, model, images, url, pid)
    Console(width=None if sys.stdout.isatty() else 120).print(
        report.table, *_notes(report), sep="\n"
    )


def _measure(report: Report, kind: str, model: Path, images: str, url: str, pid: int) -> None:
    ceiling = _ceiling(model, kind)
    report.table.add_row(kind, "ceiling", "", f"{ceiling:.1f}")
    with _plain(model, images) as plain_url:
        plain = run(plain_url, lambda _number: tasks(kind, 0)[:16], 1, watch=False).rate
    report.table.add_row("", "plain", "1", f"{plain:.1f}", "1.00", f"{plain / ceiling:.2f}")
    series = count()
    run(url, lambda _number: tasks(kind, next(series)), 1)  # as the yardsticks warm up
    cold = {}
    for callers in CALLERS:
        once = run(url, lambda _number: tasks(kind, next(series)), callers, COLD_SECONDS)
        cold[callers] = once.rate
        _add(report, "cold", callers, once, plain, ceiling, None, pid)
    for callers in CALLERS:
        again = run(url, lambda number: tasks(kind, number % 8), callers, WARM_SECONDS)
        _add(report, "warm", callers, again, plain, ceiling, cold[callers], pid)
    report.notes.append(
        f"{kind}: cold {cold[1] / plain:.2f} x plain, {cold[1] / ceiling:.2f} x ceiling"
    )


def _add(
    report: Report, name: str, callers: int, seen: Run, plain: float, ceiling: float,
    cold: float | None, pid: int,
) -> None:  # fmt: skip
    report.predictions += seen.images
    report.health += seen.health
    held = memory_of(pid)
    report.memory.append((report.predictions, held))
    report.table.add_row(
        "", name, str(callers), f"{seen.rate:.1f}", f"{seen.rate / plain:.2f}",
        f"{seen.rate / ceiling:.2f}", f"{seen.rate / cold:.0f}" if cold else "",
        *(f"{seen.wait(percentile):.2f}" for percentile in (50, 95, 99)),
        f"{1000 * seen.health_p99:.0f}", f"{held:.0f}",
    )  # fmt: skip
    if seen.left_over:
        report.notes.append(f"{name}, {callers} callers: {seen.left_over} tasks were left over")


def _notes(report: Report) -> list[str]:
    worst = max(report.health)
    (_, first), (last, held) = report.memory[0], report.memory[-1]
    return [
        *report.notes,
        f"/health: {len(report.health)} times under load, {1000 * worst:.0f} ms at worst",
        f"memory of the backend: {first:.0f} MiB after the first run, {held:.0f} MiB after "
        f"{last} predictions",
    ]


@contextmanager
def backend(base: Path, model: Path, images: str) -> Iterator[tuple[str, int]]:
    """Address and process of a backend, its model loaded."""
    environment = {
        **os.environ,
        "CLIP_CACHE_DIR": str(base / "vectors"),
        "LABEL_STUDIO_URL": images,
        "LABEL_STUDIO_API_KEY": "0" * 40,
        "HF_HUB_OFFLINE": "1",
    }
    command = [str(Path(sys.executable).with_name("ls-clip")), "serve", "--model", str(model)]
    with _started([*command, "--port", "0"], base / "log", environment) as (url, process):
        _wait_for_model(url)
        yield url, process.pid


@contextmanager
def _plain(model: Path, images: str) -> Iterator[str]:
    command = [sys.executable, "-m", "bench.yardsticks", "plain", str(model), images]
    with _started(command, model.parent / "plain.log", dict(os.environ)) as (url, _):
        yield url


@contextmanager
def _started(
    command: list[str], log: Path, environment: dict[str, str]
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server that prints its address."""
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=file, text=True, env=environment
        ) as process,
    ):
        try:
            assert process.stdout is not None
            found = (re.search(r"http://\S+", line) for line in process.stdout)
            url = next((match[0] for match in found if match), None)
            if url is None:
                raise SystemExit(f"{' '.join(command)} ended:\n{log.read_text()}")
            yield url, process
        finally:
            process.terminate()


def _wait_for_model(url: str) -> None:
    for _ in range(240):
        if requests.get(f"{url}/ready", timeout=5).status_code == 200:
            return
        time.sleep(0.5)
    raise SystemExit(f"{url}/ready does not become 200")


def _ceiling(model: Path, kind: str) -> float:
    command = [sys.executable, "-m", "bench.yardsticks", "ceiling", str(model), kind]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def memory_of(pid: int) -> float:
    """MiB that the process and its children hold, shared pages counted once (Linux)."""
    found = (
        re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{one}/smaps_rollup").read_text(), re.M)
        for one in processes_of(pid)
    )
    return sum(int(match[1]) for match in found if match) / 1024


def processes_of(pid: int) -> list[int]:
    """The process and its children (Linux)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


if __name__ == "__main__":
    main()
