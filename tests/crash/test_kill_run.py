"""`ls-clip run` killed at random moments: nothing is lost, pushed twice, or paid for twice.

The moment of each kill is counted in what the outside world saw of the run: images that the images
server drew, and requests that Label Studio answered. So kills fall into every stage, on slow and
fast machines alike.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine

from importers.config.campaign import Campaign
from importers.demo.services import LabelStudioServer, SketchServer
from importers.generation.plan import Known, planned_samples
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.ledger.notes import Note

NewCampaign = Callable[..., Campaign]

KILLS = 20
WORKERS = 2
SAMPLES = 40
AUDITED = 4
MOST_EVENTS = 14
LONGEST_DELAY_S = 0.4
RUN_TIMEOUT_S = 120


@dataclass(frozen=True)
class World:
    """What can be seen of a run from outside."""

    sketch: SketchServer
    label_studio: LabelStudioServer

    def events(self) -> int:
        """Images drawn and Label Studio requests answered, so far."""
        requests = {line for line in lines(self.label_studio.log) if ' HTTP/1.1" ' in line}
        return len(self.drawn()) + len(requests)  # each request is logged twice

    def drawn(self) -> list[dict[str, Any]]:
        """One entry for each image that the server answered with."""
        return [json.loads(line) for line in lines(self.sketch.request_log)]


@pytest.fixture
def world(sketch_server: SketchServer, label_studio: LabelStudioServer) -> World:
    return World(sketch_server, label_studio)


def lines(log: Path | None) -> list[str]:
    """The whole lines of a log; one that is being written is left to the next look."""
    text = log.read_text(errors="replace") if log is not None and log.exists() else ""
    return text[: text.rfind("\n") + 1].splitlines()


def killed(process: ForkServerProcess, world: World, events: int, delay: float) -> bool:
    """Kill the process when so many events have been seen; False if it ended before."""
    goal = world.events() + events
    deadline = time.monotonic() + RUN_TIMEOUT_S
    while process.exitcode is None and world.events() < goal:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.join(delay)
    process.kill()
    process.join()
    return process.exitcode != 0


def test_twenty_kills_lose_nothing_and_double_nothing(
    world: World, new_campaign: NewCampaign, command_line: CommandLine
) -> None:
    def torment(seed: int) -> None:
        dice = random.Random(seed)
        kills = 0
        while kills < KILLS // WORKERS:
            campaign = new_campaign(f"kill-{seed}-{kills}", SAMPLES, seed=100 * seed + kills)
            kills_before = kills
            while kills < KILLS // WORKERS:
                process = command_line.fork("run", campaign.folder)
                moment = dice.randint(1, MOST_EVENTS), dice.uniform(0.0, LONGEST_DELAY_S)
                if not killed(process, world, *moment):
                    break
                kills += 1
            command_line.report("run", campaign.folder)
            check(campaign, kills - kills_before, world)

    with ThreadPoolExecutor(WORKERS) as workers:
        list(workers.map(torment, range(WORKERS)))


def check(campaign: Campaign, kills: int, world: World) -> None:
    ls = world.label_studio.client()
    planned = planned_samples(campaign, Known())
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        samples, spending = ledger.samples(), ledger.requests.spending()
        project = ledger.note(Note.PROJECT)
    assert [sample.key for sample in samples] == [sample.key for sample in planned]

    # Each is paid for once, except what was in the air when the process died.
    mine = {(sample.prompt.text, sample.planned.seed): sample for sample in samples}
    drawn = [image for image in world.drawn() if (image["prompt"], image["seed"]) in mine]
    assert {(image["prompt"], image["seed"]) for image in drawn} == set(mine)
    assert spending.stored == len(samples)
    in_the_air = kills * campaign.generator.parallel
    assert len(drawn) - len(samples) <= spending.unknown <= in_the_air

    # No image is lost.
    store = ImageStore(campaign.images_path)
    for image in drawn:
        sample = mine[image["prompt"], image["seed"]]
        assert sample.sha256 == image["sha256"]
        assert store.path(str(sample.sha256)).stat().st_size > 0

    # Each is pushed once.
    params = {"project": project, "fields": "all", "page_size": 500}
    tasks = ls.json("GET", "/api/tasks", params=params)["tasks"]
    assert Counter(task["data"]["sample"] for task in tasks) == Counter(s.key for s in samples)
    assert {task["id"] for task in tasks} == {sample.task_id for sample in samples}
    assert all(len(task["predictions"]) == 1 for task in tasks)
    assert sum(task["data"]["audit"] for task in tasks) == AUDITED
    projects = ls.json("GET", "/api/projects", params={"page_size": 500})["results"]
    assert [project["title"] for project in projects].count(campaign.project_title) == 1
