"""A campaign through the whole loop, by the command line, on a real Label Studio."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from storage_reader import read_records

from importers.config.campaign import Campaign
from importers.demo.campaigns import LABELS
from importers.demo.reviewer import AnsweredTask, review
from importers.demo.services import BackendServer, LabelStudioServer
from importers.label_studio.tabs import REVIEW_TAB
from ls_backend.label_studio import Credentials, LabelStudio

SAMPLES = 24


@dataclass(frozen=True)
class Run:
    """A campaign after `ls-clip run`, and what that printed."""

    campaign: Campaign
    report: dict[str, Any]

    @property
    def project(self) -> int:
        return int(self.report["push"]["project_id"])


@pytest.fixture(scope="module")
def ls(label_studio: LabelStudioServer) -> LabelStudio:
    return label_studio.client()


@pytest.fixture(scope="module")
def run(command_line: CommandLine, new_campaign: Callable[..., Campaign]) -> Run:
    campaign = new_campaign("loop", SAMPLES)
    return Run(campaign, command_line.report("run", campaign.folder))


@pytest.fixture(scope="module")
def reviewed(run: Run, ls: LabelStudio) -> list[AnsweredTask]:
    return review(ls, run.project, LABELS)


@pytest.fixture(scope="module")
def synced(
    run: Run, reviewed: list[AnsweredTask], command_line: CommandLine
) -> tuple[list[AnsweredTask], dict[str, Any]]:
    return reviewed, command_line.report("sync", run.campaign.folder)


def tasks_of(ls: LabelStudio, project: int) -> list[dict[str, Any]]:
    answer = ls.json(
        "GET", "/api/tasks", params={"project": project, "fields": "all", "page_size": 500}
    )
    return list(answer["tasks"])


def test_run_pushes_every_sample_with_its_prediction(run: Run, ls: LabelStudio) -> None:
    assert run.report["generate"]["generated"] == SAMPLES
    assert run.report["score"]["scored"] == SAMPLES
    assert run.report["push"]["pushed"] == SAMPLES
    assert run.report["push"]["order"]["as_promised"] is True
    tasks = tasks_of(ls, run.project)
    assert len({task["data"]["sample"] for task in tasks}) == len(tasks) == SAMPLES
    for task in tasks:
        (prediction,) = task["predictions"]
        assert prediction["result"][0]["value"]["choices"] == [task["data"]["label"]]
        assert prediction["score"] == pytest.approx(task["data"]["clip_score"])
        assert prediction["model_version"] == run.report["score"]["model_version"]


def test_a_second_run_does_nothing(run: Run, command_line: CommandLine, ls: LabelStudio) -> None:
    again = command_line.report("run", run.campaign.folder)
    assert again["generate"]["generated"] == 0
    assert again["score"]["scored"] == 0
    assert again["push"]["pushed"] == 0
    assert len(tasks_of(ls, run.project)) == SAMPLES


def test_label_studio_shows_and_serves_the_lowest_score_first(run: Run, ls: LabelStudio) -> None:
    tabs = ls.json("GET", "/api/dm/views/", params={"project": run.project})
    review_tab = next(tab["id"] for tab in tabs if tab["data"]["title"] == REVIEW_TAB)
    shown = ls.json("GET", "/api/tasks", params={"view": review_tab, "page_size": SAMPLES})
    scores = [task["data"]["clip_score"] for task in shown["tasks"]]
    assert len(scores) == SAMPLES
    assert scores == sorted(scores)
    served = ls.json("GET", f"/api/projects/{run.project}/next")
    assert served["data"]["clip_score"] == scores[0]


def test_the_reviewer_is_served_the_audit_and_then_ascending_scores(
    run: Run, reviewed: list[AnsweredTask]
) -> None:
    assert len({answer.task_id for answer in reviewed}) == SAMPLES
    audit = run.report["push"]["audit"]
    assert audit == 3
    assert [answer.audit for answer in reviewed] == [True] * audit + [False] * (SAMPLES - audit)
    queue = [answer.score for answer in reviewed if not answer.audit]
    assert queue == sorted(queue)


def test_sync_brings_what_was_approved_and_nothing_else(
    synced: tuple[list[AnsweredTask], dict[str, Any]],
) -> None:
    answers, report = synced
    chosen = Counter(answer.choice for answer in answers if answer.choice in LABELS)
    records = read_records(report["storage"])
    assert Counter(record["label"] for record in records) == chosen
    out = sum(report[name] for name in ("rejected", "unusable", "none_of_these"))
    assert out == SAMPLES - chosen.total()


def test_a_withdrawn_approval_leaves_the_folder_and_the_rest_stays(
    run: Run,
    synced: tuple[list[AnsweredTask], dict[str, Any]],
    ls: LabelStudio,
    command_line: CommandLine,
) -> None:
    answers, first = synced
    assert command_line.report("sync", run.campaign.folder)["unchanged"] == first["added"]
    withdrawn = next(answer for answer in answers if answer.choice == answer.label)
    task = ls.json("GET", f"/api/tasks/{withdrawn.task_id}")
    ls.request("DELETE", f"/api/annotations/{task['annotations'][0]['id']}/")
    report = command_line.report("sync", run.campaign.folder)
    assert (report["removed"], report["unchanged"]) == (1, first["added"] - 1)
    left = {record["sample"] for record in read_records(first["storage"])}
    assert task["data"]["sample"] not in left
    status = command_line.report("status", run.campaign.folder)
    assert status["total"]["approved"] + status["total"]["relabelled"] == len(left)


def test_a_connected_backend_answers_live(
    run: Run, ls: LabelStudio, command_line: CommandLine, backend: BackendServer
) -> None:
    check_live(run, ls, command_line, backend)


def test_everything_works_with_a_personal_access_token(
    run: Run, ls: LabelStudio, label_studio: LabelStudioServer, tmp_path: Path
) -> None:
    token = label_studio.personal_access_token()
    command_line = CommandLine(LABEL_STUDIO_URL=ls.url, LABEL_STUDIO_API_KEY=token)
    log, credentials = tmp_path / "backend.log", Credentials(ls.url, token)
    with BackendServer(log, model="sketch", credentials=credentials) as backend:
        check_live(run, ls, command_line, backend)
    assert command_line.report("sync", run.campaign.folder)["approved"] > 0


def check_live(
    run: Run, ls: LabelStudio, command_line: CommandLine, backend: BackendServer
) -> None:
    """Connect the backend; a task without prediction, when opened, gets the one that is due."""
    report = command_line.report("connect", run.campaign.folder, "--url", backend.url)
    assert report["queue_version"] == report["model_version"]
    known = tasks_of(ls, run.project)[0]
    task = ls.json("POST", "/api/tasks", json={"project": run.project, "data": known["data"]})
    opened = ls.json("GET", f"/api/tasks/{task['id']}")
    ls.request("DELETE", f"/api/tasks/{task['id']}/")
    (live,) = opened["predictions"]
    assert live["model_version"] == report["model_version"]
    assert live["score"] == pytest.approx(known["data"]["clip_score"], abs=1e-4)
    assert live["result"][0]["value"]["choices"] == [known["data"]["label"]]
