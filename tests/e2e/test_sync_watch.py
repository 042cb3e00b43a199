"""`ls-clip sync --watch` as a service: what wakes it, what it outlives, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from command_line import CommandLine
from gate import Gate
from plain_projects import webhooks
from review_world import LABELS, VERSION, add_samples
from storage_reader import labels
from two_annotators import Annotator, annotators, export, reckoned

from importers.config.campaign import load_campaign
from importers.demo.services import BackendServer, LabelStudioServer
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.training_storage.releases.verify import verify

SAMPLES = 12
NEVER_S = 3600
PATIENCE_S = 60
"""Long enough for whatever comes, and far from NEVER_S."""

CAMPAIGN = """\
name = "watched"
labels = {labels}
samples = {samples}
generator = {{ model = "sketch-1" }}
prompts = {{ templates = ["a {{label}}"] }}
review = {{ audit = 0.0, url = {url} }}
"""


@dataclass(frozen=True)
class World:
    """A pushed campaign whose Label Studio is behind a gate, and somebody who reviews it."""

    server: LabelStudioServer
    gate: Gate
    folder: Path
    storage: Path
    project: int
    person: Annotator
    tasks: list[int]

    def wanted(self) -> dict[str, str]:
        return reckoned(export(self.server, self.project), LABELS)

    def answer(self) -> None:
        """Somebody answers a task, directly."""
        self.person.answer(self.tasks.pop(), LABELS[0])


@dataclass(frozen=True)
class Watching:
    """A watching sync that runs."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def until(self, what: Callable[[], bool]) -> None:
        """Wait for something, while it runs."""
        deadline = time.monotonic() + PATIENCE_S
        while not what():
            assert self.process.poll() is None, self.err.read_text()
            assert time.monotonic() < deadline, self.err.read_text()
            time.sleep(0.05)

    def reports(self) -> list[dict[str, Any]]:
        """What it printed so far, one object a line."""
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def has_told(self, text: str) -> Callable[[], bool]:
        return lambda: text in self.err.read_text()

    def end(self, number: signal.Signals) -> int:
        """Send a signal; returns the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        assert "Traceback" not in self.err.read_text()
        return status


@pytest.fixture(scope="module")
def world(
    label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    gate = Gate(label_studio.url)
    gate.open()
    folder = tmp_path_factory.mktemp("watch") / "watched"
    folder.mkdir()
    values = {"labels": LABELS, "samples": SAMPLES, "url": gate.url}
    told = {key: json.dumps(value) for key, value in values.items()}
    (folder / "campaign.toml").write_text(CAMPAIGN.format(**told))
    campaign = load_campaign(folder)
    with Ledger(campaign.ledger_path) as ledger:
        add_samples(campaign, ledger, [(n + 1) / (SAMPLES + 1) for n in range(SAMPLES)])
        project = push(label_studio.client(), campaign, ledger, VERSION).project_id or 0
        tasks = [sample.task_id or 0 for sample in ledger.samples()]
    person, _ = annotators(label_studio)
    yield World(label_studio, gate, folder, Path(campaign.storage_url), project, person, tasks)
    gate.shut()


@pytest.fixture
def watching(world: World, command_line: CommandLine, tmp_path: Path) -> Callable[..., Any]:
    """Starts a watching sync of the world, and waits until it has synced once."""

    @contextmanager
    def start(*options: object) -> Iterator[Watching]:
        out, err = tmp_path / "out", tmp_path / "err"
        with out.open("wb") as stdout, err.open("wb") as stderr:
            process = command_line.start(
                "sync", world.folder, "--watch", "--json", *options, stdout=stdout, stderr=stderr
            )
        sync = Watching(process, out, err)
        try:
            sync.until(lambda: bool(sync.reports()))
            yield sync
        finally:
            process.kill()
            process.wait()

    return start


def is_in_step(world: World) -> Callable[[], bool]:
    """Whether the newest release holds what the export says now."""
    wanted = world.wanted()
    return lambda: labels(world.storage) == wanted


def connect(world: World, command_line: CommandLine, backend: BackendServer) -> None:
    command_line.report("connect", world.folder, "--url", backend.url)


def events(backend: BackendServer) -> int:
    return int(requests.get(f"{backend.url}/events", timeout=10).json()["events"])


def test_an_answer_wakes_it_and_ctrl_c_ends_it(
    world: World, command_line: CommandLine, backend: BackendServer, watching: Callable[..., Any]
) -> None:
    connect(world, command_line, backend)
    with watching("--every", NEVER_S, "--backend", backend.url) as sync:
        for _ in range(2):
            world.answer()
            sync.until(is_in_step(world))
        sync.until(lambda: len(sync.reports()) == 3)
        # A late event may have woken it once more: then the ledger is in use for a moment.
        sync.until(lambda: command_line("sync", world.folder).returncode == 0)
        assert [report["is_new"] for report in sync.reports()[1:]] == [True, True]
        assert sync.end(signal.SIGINT) == 130
        assert sync.err.read_text().splitlines()[-1].startswith("Stopped.")
    found = verify(str(world.storage))
    assert found.is_whole
    assert found.leftovers == 0


def test_without_a_webhook_the_clock_does_it(
    world: World, command_line: CommandLine, backend: BackendServer, watching: Callable[..., Any]
) -> None:
    """Deleted, or switched off: no event comes, and the storage follows all the same."""
    connect(world, command_line, backend)
    ls = world.server.client()
    (hook,) = webhooks(ls, world.project)
    heard = events(backend)
    with watching("--every", 1, "--backend", backend.url) as sync:
        told = sync.err.read_text().count("Reading: ")
        ls.request("PATCH", f"/api/webhooks/{hook['id']}/", json={"is_active": False})
        world.answer()
        sync.until(is_in_step(world))
        ls.request("DELETE", f"/api/webhooks/{hook['id']}/")
        world.answer()
        sync.until(is_in_step(world))
        assert events(backend) == heard
        assert sync.err.read_text().count("Reading: ") == told, "a log does not grow with each look"
        assert sync.end(signal.SIGTERM) == 0, "as services are ended"
    assert verify(str(world.storage)).is_whole


def test_a_backend_that_comes_later_is_heard(
    world: World, command_line: CommandLine, backend: BackendServer, watching: Callable[..., Any]
) -> None:
    connect(world, command_line, backend)
    gate = Gate(backend.url)
    with watching("--every", NEVER_S, "--backend", gate.url) as sync:
        assert "tells of no events: syncing by the clock alone" in sync.err.read_text()
        world.answer()
        missed = is_in_step(world)
        gate.open()
        sync.until(missed)
        world.answer()
        sync.until(is_in_step(world))
        gate.shut()


def test_it_outlives_a_label_studio_that_is_down(
    world: World, watching: Callable[..., Any]
) -> None:
    with watching("--every", 1) as sync:
        world.gate.shut()
        sync.until(sync.has_told("Trying again in at most 1 seconds."))
        world.answer()
        follows = is_in_step(world)
        world.gate.open()
        sync.until(follows)
        assert "Traceback" not in sync.err.read_text()
