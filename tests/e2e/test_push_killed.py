"""A push that died, and the next one, on a real Label Studio: no task is lost or doubled."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import requests
from review_world import (
    LABELS,
    SCORES,
    MakeWorld,
    World,
    add_samples,
    make_campaign,
    project_of,
)

from importers.demo.services import LabelStudioServer
from importers.label_studio import imports, push
from importers.label_studio import push as push_module
from importers.ledger import Ledger
from importers.ledger.notes import Note
from ls_backend.label_studio import Credentials, LabelStudio


class Killed(BaseException):
    """Stands for a kill: nothing of ours handles it."""


class MortalLabelStudio(LabelStudio):
    """Label Studio carries out so many of our requests; we never see the last one's answer."""

    def __init__(self, ls: LabelStudio, lives: int) -> None:
        super().__init__(Credentials(ls.url, ls.headers()["Authorization"].split()[1]))
        self.lives = lives

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        response = super().request(method, path, **options)
        self.lives -= 1
        if self.lives == 0:
            raise Killed
        return response


class PosthumousLabelStudio(LabelStudio):
    """Label Studio begins to import only when the process that asked for it is dead.

    Attributes:
        last_will: Request that comes after death.
        creates: Whether that is the first which creates a project, not the first import.
    """

    last_will: threading.Timer

    def __init__(self, ls: LabelStudio, *, creates: bool = False) -> None:
        super().__init__(Credentials(ls.url, ls.headers()["Authorization"].split()[1]))
        self.creates = creates

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        kind = path == "/api/projects" if self.creates else isinstance(options.get("json"), list)
        if method != "POST" or not kind:
            return super().request(method, path, **options)
        self.last_will = threading.Timer(1.0, super().request, args=(method, path), kwargs=options)
        self.last_will.start()
        raise Killed


class BusyLabelStudio(LabelStudio):
    """Its database is locked while it imports tasks: longer than SQLite waits, which is 5 s."""

    predictions_imported: int | None = None

    def __init__(self, ls: LabelStudio, database: Path) -> None:
        super().__init__(Credentials(ls.url, ls.headers()["Authorization"].split()[1]))
        self.database = database

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        if method != "POST" or not path.endswith("/import"):
            return super().request(method, path, **options)
        with closing(sqlite3.connect(self.database, check_same_thread=False)) as lock:
            lock.execute("BEGIN IMMEDIATE")
            threading.Timer(6.0, lock.rollback).start()
            response = super().request(method, path, **options)
        self.predictions_imported = response.json()["prediction_count"]
        return response


def test_what_a_killed_run_left_is_found_and_not_pushed_twice(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world()
    shutil.copytree(world.campaign.folder, tmp_path / "as it was before")
    first = world.push()
    forgetful = make_campaign(tmp_path / "as it was before", len(SCORES))
    with Ledger(forgetful.ledger_path) as ledger:
        again = World(world.ls, forgetful, ledger).push()
        assert [s.task_id for s in ledger.samples()] == [s.task_id for s in world.ledger.samples()]
    assert (again.project_id, again.pushed, again.found) == (first.project_id, 0, len(SCORES))
    assert first.project_id is not None
    assert len(world.tasks(first.project_id)) == len(SCORES)


def test_killed_after_any_request_the_next_run_goes_on(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "BATCH", 4)
    world = make_world()
    for lives in itertools.count(1):
        mortal = MortalLabelStudio(world.ls, lives)
        try:
            report = World(mortal, world.campaign, world.ledger).push()
        except Killed:
            continue
        break
    assert report.project_id is not None
    keys = [task["data"]["sample"] for task in world.tasks(report.project_id)]
    assert sorted(keys) == sorted(sample.key for sample in world.ledger.samples())
    assert len(world.tabs(report.project_id)) == 2 + len(LABELS)
    assert _projects_named(world, world.campaign.project_title) == [report.project_id]
    assert report.order is not None
    assert report.order.as_promised


def test_an_import_that_outlives_its_process_is_waited_for(make_world: MakeWorld) -> None:
    world = make_world()
    posthumous = PosthumousLabelStudio(world.ls)
    with pytest.raises(Killed):
        World(posthumous, world.campaign, world.ledger).push()
    report = world.push()
    assert (report.pushed, report.found) == (0, len(SCORES))
    assert report.project_id is not None
    posthumous.last_will.join()
    assert len(world.tasks(report.project_id)) == len(SCORES)


def test_a_project_that_is_created_after_its_process_died_is_waited_for(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    posthumous = PosthumousLabelStudio(world.ls, creates=True)
    with pytest.raises(Killed):
        World(posthumous, world.campaign, world.ledger).push()
    report = world.push()
    posthumous.last_will.join()
    assert _projects_named(world, world.campaign.project_title) == [report.project_id]


def test_predictions_that_outlive_their_process_are_waited_for(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    for prediction in predictions_of(world, project_id):
        world.ls.request("DELETE", f"/api/predictions/{prediction['id']}")
    tasks = {sample.key: sample.task_id for sample in world.ledger.samples() if sample.task_id}
    world.ledger.record_tasks(tasks, push.NO_VERSION)
    posthumous = PosthumousLabelStudio(world.ls)
    with pytest.raises(Killed):
        World(posthumous, world.campaign, world.ledger).push()
    assert not predictions_of(world, project_id)
    world.push()
    posthumous.last_will.join()
    assert len(predictions_of(world, project_id)) == len(SCORES)


def test_tasks_that_a_busy_sqlite_imports_without_predictions_get_them(
    make_world: MakeWorld, label_studio: LabelStudioServer
) -> None:
    world = make_world()
    busy = BusyLabelStudio(world.ls, label_studio.data_dir / "label_studio.sqlite3")
    report = World(busy, world.campaign, world.ledger).push()
    assert busy.predictions_imported == 0  # Label Studio's fault is still there
    assert (report.pushed, report.rescored) == (len(SCORES), len(SCORES))
    assert report.project_id is not None
    assert [len(task["predictions"]) for task in world.tasks(report.project_id)] == [1] * len(
        SCORES
    )
    assert report.order is not None
    assert report.order.as_promised


def test_an_import_that_was_lost_is_done_again(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "IMPORT_MAY_TAKE_S", 0.1)
    world = make_world()
    key = world.ledger.samples()[0].key
    world.ledger.set_note(Note.TASKS_IMPORT, json.dumps([time.time(), key]))
    assert world.push().pushed == len(SCORES)


def test_half_a_batch_that_a_killed_run_left_is_completed(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    lost = world.tasks(project_id)[0]
    world.ls.request("DELETE", f"/api/tasks/{lost['id']}")
    with _rolled_back(world) as ledger:
        report = World(world.ls, world.campaign, ledger).push()
    assert (report.pushed, report.found) == (1, len(SCORES) - 1)
    assert len(world.tasks(project_id)) == len(SCORES)


def predictions_of(world: World, project_id: int) -> list[dict[str, Any]]:
    return [prediction for task in world.tasks(project_id) for prediction in task["predictions"]]


def _projects_named(world: World, title: str) -> list[int]:
    projects = world.ls.json("GET", "/api/projects", params={"title": title, "page_size": 100})
    return [project["id"] for project in projects["results"] if project["title"] == title]


def _rolled_back(world: World) -> Ledger:
    """A ledger that knows the project, and of no task."""
    project_id = world.ledger.note(Note.PROJECT)
    world.ledger.close()
    world.campaign.ledger_path.unlink()
    ledger = Ledger(world.campaign.ledger_path)
    add_samples(world.campaign, ledger, SCORES)
    assert project_id is not None
    world.set_project(int(project_id), description=f"ls-clip campaign {ledger.campaign_id}")
    return ledger
