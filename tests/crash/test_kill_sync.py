"""`ls-clip sync` killed at random moments: readers see the release before or the one after.

The moment of each kill is counted in what is seen of the sync from outside: files that appear
below the storage. So nearly all kills fall into the writing, on slow and fast machines alike; some
come sooner, while Label Studio is read.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import tarfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from command_line import CommandLine
from review_world import LABELS, VERSION, add_samples
from storage_reader import labels, release_name
from two_annotators import Annotator, annotators, export, reckoned

from importers.config.campaign import UNUSABLE, Campaign, load_campaign
from importers.config.job import load_job
from importers.demo.services import LabelStudioServer
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.training_storage.releases.read import read_release
from importers.training_storage.releases.release import BEGUN, RELEASES
from importers.training_storage.releases.verify import verify
from importers.training_storage.storages import open_storage
from importers.training_storage.sync import SyncReport, sync

KILLS = 20
WORKERS = 2
SAMPLES = 40
TICKED = 25
MOST_EVENTS = 40
LONGEST_DELAY_S = 0.01
EARLY = 0.15
"""Share of kills before anything is written, up to so many seconds after the start: """
LONGEST_START_S = 2.0
TIMEOUT_S = 120

CAMPAIGN = """\
name = {name}
labels = {labels}
samples = {samples}
generator = {{ model = "sketch-1" }}
prompts = {{ templates = ["a {{label}}"] }}
review = {{ audit = 0.0, url = {url} }}

[storage]
layout = ["imagefolder", "webdataset", "parquet"]
shard_samples = 10
sweep_minutes = 0
"""

Chosen = dict[str, str]
"""Sample key → label."""


@dataclass
class World:
    """A pushed campaign, the two who review it, and what stood in its storage last."""

    server: LabelStudioServer
    campaign: Campaign
    project: int
    people: tuple[Annotator, Annotator]
    tasks: list[int]
    stood: Chosen = field(default_factory=dict)

    @property
    def storage(self) -> Path:
        return Path(self.campaign.storage_url)

    def wanted(self) -> Chosen:
        return reckoned(export(self.server, self.project), LABELS)

    def sync(self) -> SyncReport:
        with Ledger(self.campaign.ledger_path) as ledger:
            return sync(self.server.client(), load_job(self.campaign.folder), ledger)


MakeWorld = Callable[[str], World]


@pytest.fixture
def make_world(label_studio: LabelStudioServer, tmp_path: Path) -> MakeWorld:
    def make(name: str) -> World:
        folder = tmp_path / name
        folder.mkdir()
        values = {"name": name, "labels": LABELS, "samples": SAMPLES, "url": label_studio.url}
        told = {key: json.dumps(value) for key, value in values.items()}
        (folder / "campaign.toml").write_text(CAMPAIGN.format(**told))
        campaign = load_campaign(folder)
        with Ledger(campaign.ledger_path) as ledger:
            add_samples(campaign, ledger, [(n + 1) / (SAMPLES + 1) for n in range(SAMPLES)])
            project = push(label_studio.client(), campaign, ledger, VERSION).project_id
            tasks = [sample.task_id or 0 for sample in ledger.samples()]
        assert project is not None
        return World(label_studio, campaign, project, annotators(label_studio), tasks)

    return make


def test_twenty_kills_leave_the_release_before_or_the_one_after(
    make_world: MakeWorld, command_line: CommandLine
) -> None:
    def torment(seed: int) -> int:
        world, dice = make_world(f"torment-{seed}"), random.Random(seed)
        kills = into_writing = 0
        while kills < KILLS // WORKERS:
            change_minds(world, dice)
            wanted = world.wanted()
            before = release_name(world.storage)
            process = command_line.fork("sync", world.campaign.folder)
            if killed(process, world.storage, dice):
                kills += 1
                is_new = release_name(world.storage) != before
                into_writing += is_new or (world.storage / BEGUN).exists()
                check(world, wanted if is_new else world.stood)
            world.sync()
            check(world, wanted)
            assert verify(str(world.storage)).leftovers == 0
            world.stood = wanted
        assert not world.sync().is_new
        return into_writing

    with ThreadPoolExecutor(WORKERS) as workers:
        assert sum(workers.map(torment, range(WORKERS))) >= KILLS / 2


def change_minds(world: World, dice: random.Random) -> None:
    """Four answers, edits, withdrawals, or deleted tasks; at first, a contact sheet too."""
    if not world.stood:
        world.people[0].tick(world.project, world.tasks[:TICKED], VERSION)
    for _ in range(4):
        task, person = dice.choice(world.tasks), dice.choice(world.people)
        label = dice.choice([*LABELS, *LABELS, UNUSABLE])
        if task not in person.made:
            person.answer(task, label)
        elif dice.random() < 0.6:
            person.change(task, label)
        elif dice.random() < 0.6:
            person.take_back(task)
        else:
            person.delete(world.project, [task])
            world.tasks.remove(task)


def killed(process: ForkServerProcess, storage: Path, dice: random.Random) -> bool:
    """Kill the process at a moment; False if it ended before."""
    if dice.random() < EARLY:
        delay = dice.uniform(0.0, LONGEST_START_S)
    else:
        delay = dice.uniform(0.0, LONGEST_DELAY_S)
        wait_for_writing(process, storage, dice.randint(1, MOST_EVENTS))
    process.join(delay)
    process.kill()
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}, "it fails by itself"
    return process.exitcode != 0


def wait_for_writing(process: ForkServerProcess, storage: Path, files: int) -> None:
    """Return when the process has written so many files, or has ended."""
    old = {path.name for path in storage.glob(f"{RELEASES}/*")}
    goal = seen(storage, old) + files
    deadline = time.monotonic() + TIMEOUT_S
    while process.exitcode is None and seen(storage, old) < goal:
        assert time.monotonic() < deadline
        time.sleep(0.002)


def seen(storage: Path, old: set[str]) -> int:
    """How many files are there, without those of old releases; one that goes away counts less."""
    number = 0
    for folder, folders, files in os.walk(storage):
        number += len(files)
        if Path(folder).name == RELEASES:
            folders[:] = set(folders) - old
    return number


def check(world: World, expected: Chosen) -> None:
    """The newest release holds exactly that, whole, in every layout."""
    name = release_name(world.storage)
    if name is None:
        assert expected == {}
        return
    assert verify(str(world.storage)).is_whole
    assert labels(world.storage) == expected
    assert in_tars(world.storage, name) == expected
    assert in_tables(world.storage, name) == expected


def in_tars(storage: Path, release: str) -> Chosen:
    found = {}
    for path, data in shared_files(storage, release, "webdataset"):
        assert path.endswith(".tar")
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            for member in tar.getmembers():
                if member.name.endswith(".json"):
                    record = json.load(tar.extractfile(member) or io.BytesIO())
                    found[record["sample"]] = record["label"]
    return found


def in_tables(storage: Path, release: str) -> Chosen:
    from pyarrow import parquet

    found = {}
    for path, data in shared_files(storage, release, "parquet"):
        assert path.endswith(".parquet")
        for row in parquet.read_table(io.BytesIO(data)).to_pylist():
            found[row["sample"]] = row["label_name"]
    return found


def shared_files(storage: Path, release: str, layout: str) -> list[tuple[str, bytes]]:
    files = read_release(open_storage(str(storage)), release).files[layout]
    return [
        (file.path, (storage / file.path).read_bytes())
        for file in files
        if file.path.startswith(layout)
    ]
