"""An ML backend registered with a real Label Studio, and what happens to the queue."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from plain_projects import CONFIG, project_version, registered
from review_world import NEWER_VERSION, VERSION, World, add_samples, make_campaign
from stub_backend import StubBackend, stub_backend

from importers.demo.services import BackendServer
from importers.label_studio.backend import backend_version
from importers.label_studio.connect import connect
from importers.ledger import Ledger
from importers.ledger.notes import Note
from ls_backend.label_studio import LabelStudio


@pytest.fixture
def pushed(ls: LabelStudio, tmp_path: Path) -> Iterator[World]:
    """A campaign of three samples, pushed with VERSION."""
    campaign = make_campaign(tmp_path / "pets", 3)
    with Ledger(campaign.ledger_path) as ledger:
        add_samples(campaign, ledger, [0.3, 0.1, 0.2])
        world = World(ls, campaign, ledger)
        world.push()
        yield world


def test_the_backend_is_registered_once_under_its_version(
    ls: LabelStudio, empty_project: int, backend: BackendServer
) -> None:
    version = backend_version(backend.url, CONFIG, empty_project)
    first = connect(ls, empty_project, backend.url, version)
    second = connect(ls, empty_project, f"{backend.url}/", version)
    assert (first.created, second.created) == (True, False)
    assert first.live
    assert second.backend_id == first.backend_id
    assert [title for title, _ in registered(ls, empty_project)] == [version]
    assert project_version(ls, empty_project) == version


def test_a_new_version_renames_the_backend_and_moves_the_project(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    stub.version = NEWER_VERSION
    report = connect(ls, empty_project, stub.url, NEWER_VERSION)
    assert report.live
    assert registered(ls, empty_project) == [(NEWER_VERSION, stub.url)]
    assert project_version(ls, empty_project) == NEWER_VERSION


def test_a_backend_that_moved_is_found_by_its_title(
    ls: LabelStudio, empty_project: int, stub: StubBackend, backend: BackendServer
) -> None:
    connect(ls, empty_project, stub.url, VERSION)
    version = backend_version(backend.url, CONFIG, empty_project)
    assert not connect(ls, empty_project, backend.url, version).created
    assert registered(ls, empty_project) == [(version, backend.url)]


def test_a_backend_of_another_kind_is_left_alone_and_keeps_being_asked(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    with stub_backend("segmentation-1") as vendor:
        other = {"project": empty_project, "url": vendor.url, "title": "segmentation"}
        ls.request("POST", "/api/ml", json=other)
        report = connect(ls, empty_project, stub.url, VERSION)
    assert (report.created, report.live) == (True, False)
    assert [fault.code for fault in report.faults] == ["backend_not_first", "sampling"]
    assert len(registered(ls, empty_project)) == 2
    assert project_version(ls, empty_project) == VERSION


def test_a_campaign_keeps_its_order_until_a_push_brings_the_new_scores(
    pushed: World, stub: StubBackend
) -> None:
    project_id = int(pushed.ledger.note(Note.PROJECT) or 0)
    assert connect(pushed.ls, project_id, stub.url, VERSION).live
    stub.version = NEWER_VERSION
    report = connect(pushed.ls, project_id, stub.url, NEWER_VERSION)
    assert (report.live, report.queue_version) == (False, VERSION)
    assert pushed.next_task(project_id)["data"]["clip_score"] == 0.1
    pushed.rescore([0.3, 0.1, 0.2], NEWER_VERSION)
    pushed.push(NEWER_VERSION)
    assert connect(pushed.ls, project_id, stub.url, NEWER_VERSION).live


def test_imported_predictions_of_others_keep_ordering_their_project(
    ls: LabelStudio, empty_project: int, stub: StubBackend
) -> None:
    region = {
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "value": {"choices": ["cat"]},
    }
    prediction = {"model_version": "theirs", "score": 0.5, "result": [region]}
    task = {"data": {"image": "x"}, "predictions": [prediction]}
    ls.request("POST", f"/api/projects/{empty_project}/import", json=[task])
    report = connect(ls, empty_project, stub.url, VERSION)
    assert (report.live, report.queue_version) == (False, "theirs")
