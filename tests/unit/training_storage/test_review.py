from __future__ import annotations

import json
import threading
from collections.abc import Iterator

import pytest
from flask import Flask, request
from training_world import MakeWorld, World
from werkzeug.serving import make_server

from importers.label_studio.label_config import review_config
from importers.label_studio.project import PROJECT_NOTE
from importers.training_storage.review import read_decisions
from importers.training_storage.verdicts import TASK_GONE, Decision
from ls_backend.errors import LabelConfigError
from ls_backend.label_studio import Credentials, LabelStudio


class Stub:
    """Project 3 of a Label Studio whose pages are short; every task is approved as claimed."""

    longest_page = 4

    def __init__(self, world: World) -> None:
        self.tasks = {sample.task_id or 0: sample for sample in world.samples}
        self.label_config = review_config(world.campaign)
        self.description = f"ls-clip campaign {world.ledger.campaign_id}"
        self.url = ""

    def app(self) -> Flask:
        app = Flask(__name__)

        @app.get("/api/projects/3")
        def project() -> dict[str, object]:
            return {"id": 3, "description": self.description, "label_config": self.label_config}

        @app.get("/api/tasks")
        def tasks() -> dict[str, object]:
            [items] = json.loads(request.args["query"])["filters"]["items"]
            found = [number for number in items["value"] if number in self.tasks]
            page = found[: min(int(request.args["page_size"]), self.longest_page)]
            return {"total": len(found), "tasks": [self.task(number) for number in page]}

        return app

    def task(self, number: int) -> dict[str, object]:
        sample = self.tasks[number]
        control = "kind" if "kind" in self.label_config else "label"
        region = {"from_name": control, "value": {"choices": [sample.prompt.label]}}
        annotation = {
            "id": number,
            "result": [region],
            "was_cancelled": False,
            "updated_at": "2026-05-04T12:00:00Z",
            "completed_by": 1,
        }
        data = {"sample": sample.key}
        return {"id": number, "project": 3, "data": data, "annotations": [annotation]}


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    world = make_world(samples=10)
    world.ledger.set_note(PROJECT_NOTE, "3")
    return world


@pytest.fixture
def stub(world: World) -> Iterator[Stub]:
    stub = Stub(world)
    server = make_server("127.0.0.1", 0, stub.app(), threaded=True)
    stub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield stub
    server.shutdown()
    thread.join()
    server.server_close()


def read(stub: Stub, world: World) -> list[Decision]:
    ls = LabelStudio(Credentials(stub.url, "0" * 40))
    decisions = read_decisions(ls, world.campaign, world.ledger)
    ls.close()
    return [decisions[sample.key] for sample in world.samples]


def test_short_pages_are_no_withdrawals(stub: Stub, world: World) -> None:
    gone = world.samples[7].task_id or 0
    del stub.tasks[gone]
    decisions = read(stub, world)
    assert decisions.pop(7).undecided == TASK_GONE
    assert [d.verdict and d.verdict.kind for d in decisions] == ["approved"] * 9


def test_the_labeling_config_says_which_control_is_answered(stub: Stub, world: World) -> None:
    stub.label_config = stub.label_config.replace('name="label"', 'name="kind"')
    assert all(decision.verdict for decision in read(stub, world))


def test_a_labeling_config_without_a_choice_stops_the_sync(stub: Stub, world: World) -> None:
    stub.label_config = '<View><Image name="image" value="$image"/></View>'
    with pytest.raises(LabelConfigError):
        read(stub, world)
