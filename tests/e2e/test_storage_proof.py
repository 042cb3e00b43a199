"""Three hundred tasks and two people: after each step the storage is what Label Studio's own export
says, reckoned independently; with webhooks, and with every webhook lost.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from review_world import LABELS, VERSION, add_samples, make_campaign
from storage_reader import every_byte, labels, read_records, release_name
from two_annotators import Annotator, annotators, export, reckoned

from importers.campaign import NONE_OF_THESE, UNUSABLE, Campaign
from importers.demo.services import LabelStudioServer
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.training_storage.job import campaign_job
from importers.training_storage.sync import sync
from importers.training_storage.sync_report import SyncReport

TASKS = 300


@dataclass
class Proof:
    """A pushed campaign of 300 samples, and the two who review it."""

    server: LabelStudioServer
    campaign: Campaign
    ledger: Ledger
    project: int
    first: Annotator
    second: Annotator
    tasks: list[int]
    claims: list[str]
    gone: set[int] = field(default_factory=set)

    def sync(self, *, full: bool = False) -> SyncReport:
        return sync(
            self.server.client(),
            campaign_job(self.campaign, self.campaign.folder / "campaign.toml"),
            self.ledger,
            full=full,
        )

    def check(self, report: SyncReport) -> dict[str, str]:
        """The storage equals what the export says, and verifies; returns sample → label."""
        expected = reckoned(export(self.server, self.project), LABELS)
        stored = labels(self.campaign.storage_url)
        assert stored == expected
        assert report.approved + report.relabelled == len(stored)
        return stored

    def other(self, number: int) -> str:
        """A label that this task does not claim."""
        return next(label for label in LABELS if label != self.claims[number])


@pytest.fixture
def proof(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[Proof]:
    campaign = make_campaign(tmp_path / "proof", TASKS, audit=0.0)
    (campaign.folder / "campaign.toml").write_text('name = "proof"\n')
    with ExitStack() as stack:
        ledger = stack.enter_context(Ledger(campaign.ledger_path))
        add_samples(campaign, ledger, [(n + 1) / (TASKS + 1) for n in range(TASKS)])
        report = push(label_studio.client(), campaign, ledger, VERSION)
        samples = ledger.samples()
        first, second = annotators(label_studio)
        yield Proof(
            server=label_studio,
            campaign=campaign,
            ledger=ledger,
            project=report.project_id or 0,
            first=first,
            second=second,
            tasks=[sample.task_id or 0 for sample in samples],
            claims=[sample.prompt.label for sample in samples],
        )


def test_storage_is_what_the_export_says_after_every_step(proof: Proof) -> None:
    """Approved, relabelled, rejected, skipped, edited, withdrawn, deleted, by two people."""
    assert proof.check(proof.sync()) == {}

    _review(proof)
    report = proof.sync()
    stored = proof.check(report)
    assert (report.relabelled, report.unusable, report.none_of_these) == (20, 8, 7)
    assert (report.skipped, report.undecided, report.waiting) == (15, 5, 30)
    assert len(stored) == report.added == 235
    _check_records(proof)

    before = every_byte(proof.campaign.storage_url)
    again = proof.sync()
    assert not again.is_new
    assert every_byte(proof.campaign.storage_url) == before, "a second run changes nothing"
    assert not proof.sync(full=True).is_new
    assert every_byte(proof.campaign.storage_url) == before, "nor does reading everything again"

    _change_minds(proof)
    report = proof.sync()
    after = proof.check(report)
    assert after.keys() != stored.keys()
    assert report.moved > 0
    assert report.removed > 0

    _delete_tasks(proof, range(60, 75))
    report = proof.sync()
    proof.check(report)
    assert report.removed == len([n for n in range(60, 75) if _key(proof, n) in after])

    _clash(proof)
    proof.check(proof.sync())
    assert not proof.sync(full=True).is_new, "changes alone bring as much as everything"


def test_an_export_after_random_days(proof: Proof) -> None:
    """Whatever two people do in whatever order, at each sync the storage is what they left."""
    luck = random.Random(7)
    for _ in range(6):
        for _ in range(12):
            _something(proof, luck)
        proof.check(proof.sync())


def _review(proof: Proof) -> None:
    """The first days: 200 on contact sheets, the others one by one."""
    proof.first.tick(proof.project, proof.tasks[:120], VERSION)
    proof.second.tick(proof.project, proof.tasks[120:200], VERSION)
    for number in range(200, 215):
        proof.first.answer(proof.tasks[number], proof.claims[number])
    for number in range(215, 235):
        proof.second.answer(proof.tasks[number], proof.other(number))
    for number in range(235, 250):
        person = proof.first if number % 2 else proof.second
        person.answer(proof.tasks[number], UNUSABLE if number % 2 else NONE_OF_THESE)
    for number in range(250, 265):
        proof.first.skip(proof.tasks[number], proof.claims[number])
    for number in range(265, 270):
        proof.second.answer(proof.tasks[number])


def _check_records(proof: Proof) -> None:
    records = {record["sample"]: record for record in read_records(proof.campaign.storage_url)}
    sheet, single, changed = (records[_key(proof, number)] for number in (0, 205, 220))
    assert (sheet["reviewed"], single["reviewed"]) == ("contact sheet", "one by one")
    assert (single["verdict"], changed["verdict"]) == ("approved", "relabelled")
    assert sheet["reviewers"] != records[_key(proof, 150)]["reviewers"]
    assert changed["shown_label"] == changed["prompt_label"] == proof.claims[220]


def _change_minds(proof: Proof) -> None:
    for number in range(200, 206):
        proof.first.change(proof.tasks[number], proof.other(number))
    for number in range(206, 210):
        proof.first.take_back(proof.tasks[number])
    for number in range(215, 220):
        proof.second.change(proof.tasks[number], UNUSABLE)
    for number in range(235, 240):
        person = proof.first if number % 2 else proof.second
        person.change(proof.tasks[number], proof.claims[number])
    for number in range(250, 255):
        proof.first.take_back(proof.tasks[number])
    for number in range(270, 275):
        proof.first.answer(proof.tasks[number], proof.claims[number])


def _delete_tasks(proof: Proof, numbers: range) -> None:
    for number in numbers:
        proof.server.client().request("DELETE", f"/api/tasks/{proof.tasks[number]}")
        proof.gone.add(number)


def _clash(proof: Proof) -> None:
    """Both answer the same tasks, the second last and otherwise."""
    for number in range(280, 290):
        proof.first.answer(proof.tasks[number], proof.claims[number])
        proof.second.answer(proof.tasks[number], proof.other(number))
    for number in range(285, 290):
        proof.first.change(proof.tasks[number], proof.claims[number])


def _something(proof: Proof, luck: random.Random) -> None:
    number = luck.choice([n for n in range(TASKS) if n not in proof.gone])
    person = luck.choice([proof.first, proof.second])
    task = proof.tasks[number]
    if task in person.made:
        if luck.random() < 0.4:
            person.take_back(task)
        else:
            person.change(task, luck.choice([*LABELS, NONE_OF_THESE, UNUSABLE]))
    elif luck.random() < 0.1:
        _delete_tasks(proof, range(number, number + 1))
    elif luck.random() < 0.2:
        person.skip(task, proof.claims[number])
    else:
        person.answer(task, luck.choice([*LABELS, NONE_OF_THESE, UNUSABLE]))


def _key(proof: Proof, number: int) -> str:
    return proof.ledger.samples()[number].key


def test_nothing_stands_there_before_anything_is_approved(proof: Proof) -> None:
    report = proof.sync()
    assert report.waiting == TASKS
    assert labels(proof.campaign.storage_url) == {}
    assert release_name(proof.campaign.storage_url) == report.release
