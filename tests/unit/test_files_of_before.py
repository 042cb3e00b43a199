"""What a campaign left on disk before (`tests/fixtures`, see its README) in today's hands.

Proves that a ledger of version 3, a training storage of two releases and a kept answer are opened,
read and gone on with: nothing of them is lost, asked for again or written anew.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from kept_folders import unpacked
from kept_label_studio import kept_label_studio
from review_records import all_reviews
from storage_reader import every_byte, read_records

from importers.config.campaign import Campaign, load_campaign
from importers.config.job import load_job
from importers.generation.stage import generate
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.status import campaign_status
from importers.training_storage.classes import decisions, read_classes
from importers.training_storage.releases.verify import verify
from importers.training_storage.sync import sync

RELEASES = ["000002-43c319e5", "000001-4ba9a084"]
VERSION = "clip:sketch-clip@06f624dcaa2d"
KEPT = "f025123ae52bfd74ee8ea7fb8836a73d"
"""The sample whose answer had come when the process died."""


@pytest.fixture
def pets(tmp_path: Path) -> Campaign:
    return load_campaign(unpacked("pets", tmp_path))


def test_status_says_where_it_stood(pets: Campaign) -> None:
    before = pets.ledger_path.read_bytes()
    status = campaign_status(pets)
    assert pets.ledger_path.read_bytes() == before
    total = status.total
    assert (total.planned, total.generated, total.scored, total.refused) == (30, 24, 24, 2)
    assert (total.pushed, total.held, status.earlier, len(status.given_up)) == (19, 5, 1, 2)
    assert status.held == {
        "not among the best of their prompt": 2,
        "blank": 1,
        "near duplicate": 1,
        "waiting for other images of their prompt": 1,
    }
    assert (total.approved, total.relabelled, total.rejected, total.unusable) == (7, 2, 1, 1)
    assert (total.none_of_these, total.skipped, total.undecided) == (1, 1, 6)
    assert status.model_version == VERSION
    assert status.project_url == "http://127.0.0.1:8080/projects/1/data"


def test_samples_are_what_they_were(pets: Campaign) -> None:
    with Ledger(pets.ledger_path) as ledger:
        samples = ledger.samples()
        assert ledger.plan([sample.planned for sample in samples]) == 0, "their keys are the same"
        assert len(ledger.vectors.of_model(VERSION)) == 24
        assert [source.origin for source in ledger.sources.all()] == ["folder:sources/cat/mine.png"]
    labels = Counter(sample.prompt.label for sample in samples)
    assert labels == {"cat": 10, "fish": 9, "dog": 8, "None of these": 3}
    techniques = Counter(sample.prompt.technique for sample in samples)
    assert techniques == {"vanilla": 25, "adversarial": 3, "variation": 2}
    assert Counter(sample.audit for sample in samples) == {True: 5, False: 14, None: 11}
    assert Counter(sample.kept for sample in samples) == {True: 20, False: 3, None: 7}
    assert len([sample for sample in samples if sample.collected_at]) == 4
    assert len([sample for sample in samples if sample.planned.parents]) == 2
    store = ImageStore(pets.images_path)
    assert all(store.get(s.sha256) for s in samples if s.sha256 and s.collected_at is None)


def test_what_was_paid_is_known(pets: Campaign) -> None:
    with Ledger(pets.ledger_path) as ledger:
        spent, accounts = ledger.requests.spending(), ledger.requests.entries()
        unanswered, written = ledger.requests.unanswered(), ledger.writings.entries()
        assert len(ledger.writings.texts()) == 9
        assert ledger.batches.open() == []
    assert (spent.stored, spent.failed, spent.refused, spent.unpriced) == (24, 1, 2, 1)
    assert spent.unknown == 9, "with the one that was in the air at the kill"
    assert spent.cost_usd == Decimal("0.040697")
    batched = [account.cost_usd or 0 for account in accounts if account.batch]
    assert (len(batched), sum(batched)) == (5, Decimal("0.005397"))
    assert sum(account.reserved_usd or 0 for account in accounts) == Decimal("0.263753")
    assert sorted(unanswered.values()) == [1, 2, 2, 2]
    assert Counter(account.outcome for account in written) == {"written": 4, "failed": 1}


def test_what_people_said_is_known(pets: Campaign) -> None:
    said = {"approved": 7, "relabelled": 2}
    said |= dict.fromkeys(("rejected", "unusable", "none of these", "skipped"), 1)
    with Ledger(pets.ledger_path) as ledger:
        assert Counter(s.verdict for s in ledger.samples() if s.verdict) == said
        assert ledger.reviews.outcomes() == {**said, "undecided": 2, "waiting": 4}
        assert [kind.tasks for kind in ledger.reviews.kinds() if kind.agreement == 1] == [1]
        assert [task.task_id for task in ledger.reviews.unreleased()] == [18]
        assert decisions(ledger) == {"boat": None}
        assert read_classes(ledger).names == ("cat", "dog", "fish", None, "None of these")
        records = ledger.reviews.records()
    stored = {record["sample"]: record["label"] for record in read_records(pets.storage_url)}
    assert {key: record.label for key, record in records.items()} == stored
    assert Counter(stored.values()) == {"dog": 4, "cat": 2, "fish": 1, "None of these": 1}


def test_the_storage_verifies(pets: Campaign) -> None:
    report = verify(pets.storage_url)
    assert (report.is_whole, report.releases, report.files) == (True, RELEASES, 58)


def test_the_next_sync_takes_up_what_waited_and_keeps_the_rest(pets: Campaign) -> None:
    before = every_byte(pets.storage_url)
    del before["LATEST"]
    recording = pets.folder / "label_studio.json"
    with kept_label_studio(recording) as ls, Ledger(pets.ledger_path) as ledger:
        report = sync(ls, load_job(pets.folder), ledger)
        again = sync(ls, load_job(pets.folder), ledger)
    assert (report.added, report.unchanged, report.moved, report.removed) == (1, 8, 0, 0)
    assert [(change.task_id, change.label) for change in report.changes] == [(18, "cat")]
    assert (again.is_new, again.release, again.unchanged) == (False, report.release, 9)
    assert before.items() <= every_byte(pets.storage_url).items()
    verified = verify(pets.storage_url)
    assert verified.is_whole
    assert verified.releases == [report.release, *RELEASES]


def test_the_kept_answer_is_stored_and_nothing_is_asked_for(pets: Campaign) -> None:
    with Ledger(pets.ledger_path) as ledger:
        report = generate(pets, ledger)  # nobody listens at its base URL
        [sample] = ledger.samples_of([KEPT])
        spent = ledger.requests.spending()
    assert (report.generated, report.missing, report.cost_usd) == (1, 0, Decimal("0.00197"))
    assert ImageStore(pets.images_path).get(sample.sha256 or "").startswith(b"\x89PNG")
    assert (spent.stored, spent.unknown, spent.cost_usd) == (25, 8, Decimal("0.042667"))
    assert list(pets.answers_path.glob("*.answer")) == []
    assert len(list(pets.answers_path.glob("*.no-image"))) == 7


def test_a_project_of_somebody_else(tmp_path: Path) -> None:
    job = load_job(unpacked("others", tmp_path))
    with Ledger(job.ledger_path) as ledger:
        tasks = all_reviews(ledger)
        pictures = [ledger.reviews.picture(task.source) for task in tasks]
        [record] = ledger.reviews.records().values()
    assert [task.review.outcome for task in tasks] == ["waiting", "approved", "waiting"]
    assert [picture and picture.bytes for picture in pictures] == [8253, 8301, None]
    assert (record.label, record.task_id, record.original_name) == ("dog", 21, "1.png")
