"""Three hundred tasks and two people: after each step the storage is what Label Studio's own export
says, reckoned independently, and it verifies. No webhook is set up here: every one of them is lost.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from review_world import LABELS, VERSION, add_samples, make_campaign
from storage_reader import every_byte, labels, read_records, release_name
from two_annotators import Annotator, annotators, export, reckoned

from importers.config.campaign import NONE_OF_THESE, UNUSABLE, Campaign
from importers.config.job import campaign_job
from importers.demo.services import LabelStudioServer
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.training_storage.releases.verify import verify
from importers.training_storage.report import SyncReport
from importers.training_storage.sync import sync

TASKS = 300
A_FEW = 40

MakeProof = Callable[[int], "Proof"]


@dataclass
class Proof:
    """A pushed campaign, and the two who review it."""

    server: LabelStudioServer
    campaign: Campaign
    ledger: Ledger
    project: int
    first: Annotator
    second: Annotator
    tasks: list[int]
    keys: list[str]
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
        found = verify(self.campaign.storage_url)
        assert found.is_whole
        assert found.leftovers == 0
        return stored

    def other(self, number: int) -> str:
        """A label that this task does not claim."""
        return next(label for label in LABELS if label != self.claims[number])


@pytest.fixture
def make_proof(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[MakeProof]:
    """Pushes a campaign of so many samples; nobody has looked at them yet."""
    with ExitStack() as stack:

        def make(samples: int) -> Proof:
            campaign = make_campaign(tmp_path / "proof", samples, audit=0.0)
            (campaign.folder / "campaign.toml").write_text('name = "proof"\n')
            ledger = stack.enter_context(Ledger(campaign.ledger_path))
            add_samples(campaign, ledger, [(n + 1) / (samples + 1) for n in range(samples)])
            report = push(label_studio.client(), campaign, ledger, VERSION)
            first, second = annotators(label_studio)
            pushed = ledger.samples()
            return Proof(
                server=label_studio,
                campaign=campaign,
                ledger=ledger,
                project=report.project_id or 0,
                first=first,
                second=second,
                tasks=[sample.task_id or 0 for sample in pushed],
                keys=[sample.key for sample in pushed],
                claims=[sample.prompt.label for sample in pushed],
            )

        yield make


def test_storage_is_what_the_export_says_after_every_step(make_proof: MakeProof) -> None:
    """Approved, relabelled, rejected, skipped, edited, withdrawn, deleted, by two people."""
    proof = make_proof(TASKS)
    report = proof.sync()
    assert report.waiting == TASKS
    assert proof.check(report) == {}
    assert release_name(proof.campaign.storage_url) == report.release

    _review(proof)
    report = proof.sync()
    stored = proof.check(report)
    assert (report.relabelled, report.unusable, report.none_of_these) == (8, 3, 3)
    assert (report.skipped, report.undecided, report.waiting) == (6, 3, 19)
    assert len(stored) == report.added == 266
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

    gone = range(60, 75)
    _delete_tasks(proof, gone)
    report = proof.sync()
    proof.check(report)
    assert report.removed == len([n for n in gone if proof.keys[n] in after]) > 0

    _clash(proof)
    proof.check(proof.sync())
    assert not proof.sync(full=True).is_new, "changes alone bring as much as everything"


def test_random_days_without_any_webhook(make_proof: MakeProof) -> None:
    """Whatever two people do in whatever order, at each sync the storage is what they left."""
    proof = make_proof(A_FEW)
    luck = random.Random(7)
    for _ in range(5):
        for _ in range(10):
            _something(proof, luck)
        proof.check(proof.sync())


def _review(proof: Proof) -> None:
    """The first days: 250 on contact sheets, the others one by one."""
    proof.first.tick(proof.project, proof.tasks[:120], VERSION)
    proof.second.tick(proof.project, proof.tasks[120:250], VERSION)
    for number in range(250, 258):
        proof.first.answer(proof.tasks[number], proof.claims[number])
    for number in range(258, 266):
        proof.second.answer(proof.tasks[number], proof.other(number))
    for number in range(266, 272):
        person = proof.first if number % 2 else proof.second
        person.answer(proof.tasks[number], UNUSABLE if number % 2 else NONE_OF_THESE)
    for number in range(272, 278):
        proof.first.skip(proof.tasks[number], proof.claims[number])
    for number in range(278, 281):
        proof.second.answer(proof.tasks[number])


def _check_records(proof: Proof) -> None:
    records = {record["sample"]: record for record in read_records(proof.campaign.storage_url)}
    sheet, single, changed = (records[proof.keys[number]] for number in (0, 252, 260))
    assert (sheet["reviewed"], single["reviewed"]) == ("contact sheet", "one by one")
    assert (single["verdict"], changed["verdict"]) == ("approved", "relabelled")
    assert sheet["reviewers"] != records[proof.keys[150]]["reviewers"]
    assert changed["shown_label"] == changed["prompt_label"] == proof.claims[260]


def _change_minds(proof: Proof) -> None:
    for number in range(250, 254):
        proof.first.change(proof.tasks[number], proof.other(number))
    for number in range(254, 257):
        proof.first.take_back(proof.tasks[number])
    for number in range(258, 261):
        proof.second.change(proof.tasks[number], UNUSABLE)
    for number in range(266, 269):
        person = proof.first if number % 2 else proof.second
        person.change(proof.tasks[number], proof.claims[number])
    for number in range(272, 275):
        proof.first.take_back(proof.tasks[number])
    for number in range(281, 284):
        proof.first.answer(proof.tasks[number], proof.claims[number])


def _delete_tasks(proof: Proof, numbers: Sequence[int]) -> None:
    """As the Data Manager does with those that are ticked."""
    proof.first.delete(proof.project, [proof.tasks[number] for number in numbers])
    proof.gone.update(numbers)


def _clash(proof: Proof) -> None:
    """Both answer the same tasks, the second last and otherwise; then the first once more."""
    for number in range(290, 294):
        proof.first.answer(proof.tasks[number], proof.claims[number])
        proof.second.answer(proof.tasks[number], proof.other(number))
    for number in range(292, 294):
        proof.first.change(proof.tasks[number], proof.claims[number])


def _something(proof: Proof, luck: random.Random) -> None:
    number = luck.choice([n for n in range(len(proof.tasks)) if n not in proof.gone])
    person = luck.choice([proof.first, proof.second])
    task = proof.tasks[number]
    if task in person.made:
        if luck.random() < 0.4:
            person.take_back(task)
        else:
            person.change(task, luck.choice([*LABELS, NONE_OF_THESE, UNUSABLE]))
    elif luck.random() < 0.1:
        _delete_tasks(proof, [number])
    elif luck.random() < 0.2:
        person.skip(task, proof.claims[number])
    else:
        person.answer(task, luck.choice([*LABELS, NONE_OF_THESE, UNUSABLE]))
