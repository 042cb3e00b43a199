from __future__ import annotations

import multiprocessing
import sqlite3
from decimal import Decimal
from pathlib import Path

import pytest
from review_records import record_review

from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.sample import PlannedSample, Prompt, sample_key
from ls_backend.errors import LedgerError
from ls_backend.zero_shot import Score

SCORE = Score("cat", 0.9, 0.8, "cat", 0.9, 0.3)


def planned(number: int) -> PlannedSample:
    prompt = Prompt(f"a cat {number}", "cat", "vanilla", {"n": str(number)})
    key = sample_key(prompt, "sketch-1", "512x512", {}, 0)
    return PlannedSample(key, prompt, "sketch-1", "512x512", {}, 0)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")


def store(ledger: Ledger, key: str, cost: Decimal | None = Decimal("0.006")) -> None:
    request = ledger.requests.begin(key)
    ledger.requests.stored(request, "ab" * 32, request_id="req-1", cost_usd=cost, usage={"n": 1})


def test_planning_twice_adds_nothing(ledger: Ledger) -> None:
    assert ledger.plan([planned(1), planned(2)]) == 2
    assert ledger.plan([planned(2), planned(3)]) == 1
    assert [sample.planned for sample in ledger.samples()] == [planned(1), planned(2), planned(3)]


def test_a_sample_walks_through_the_stages(ledger: Ledger) -> None:
    sample = planned(1)
    ledger.plan([sample])
    assert [s.key for s in ledger.to_generate()] == [sample.key]
    store(ledger, sample.key)
    assert ledger.to_generate() == []
    assert [s.key for s in ledger.to_score("clip:test@1")] == [sample.key]
    ledger.record_scores({sample.key: SCORE}, "clip:test@1")
    assert ledger.to_score("clip:test@1") == []
    assert [s.key for s in ledger.to_score("clip:test@2")] == [sample.key]
    assert [(s.score, s.model_version) for s in ledger.to_push()] == [(SCORE, "clip:test@1")]
    ledger.record_audit({sample.key: True}, 0.25)
    ledger.record_uploads({sample.key: "/data/upload/1/x.png"})
    ledger.record_tasks({sample.key: 41}, "clip:test@1")
    assert ledger.to_push() == []
    assert (ledger.pushed()[0].review, ledger.pushed()[0].verdict) == (None, None)
    review = record_review(ledger, sample.key, "approved", "cat")
    [done] = ledger.pushed()
    assert (done.task_id, done.audit, done.audit_probability) == (41, True, 0.25)
    assert (done.upload, done.pushed_version) == ("/data/upload/1/x.png", "clip:test@1")
    assert (done.cost_usd, done.request_id) == (Decimal("0.006"), "req-1")
    assert (done.review, done.verdict) == (review, "approved")
    record_review(ledger, sample.key)
    assert ledger.pushed()[0].verdict is None


def test_the_review_of_a_sample_is_that_of_its_present_task(ledger: Ledger) -> None:
    sample = planned(1)
    ledger.plan([sample])
    ledger.record_tasks({sample.key: 41}, "clip:test@1")
    record_review(ledger, sample.key, "approved", "cat")
    ledger.record_tasks({sample.key: 7}, "clip:test@1")
    assert ledger.samples()[0].verdict == "approved", "until the new task is read"
    record_review(ledger, sample.key, "rejected")
    assert ledger.samples()[0].verdict == "rejected"
    ledger.record_tasks({sample.key: 50}, "clip:test@1")
    record_review(ledger, sample.key, "unusable")
    assert ledger.samples()[0].verdict == "unusable"


def test_a_refused_prompt_is_not_asked_for_again(ledger: Ledger) -> None:
    ledger.plan([planned(1), planned(2)])
    ledger.requests.ended(ledger.requests.begin(planned(1).key), "refused", "moderation_blocked")
    ledger.requests.ended(ledger.requests.begin(planned(2).key), "failed", "server_error")
    assert [s.key for s in ledger.to_generate()] == [planned(2).key]
    assert ledger.samples()[0].refused == "moderation_blocked"


def test_a_request_in_the_air_is_unknown_to_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.plan([planned(1), planned(2)])
        store(ledger, planned(1).key)
        ledger.requests.begin(planned(2).key)
    with Ledger(path) as ledger:
        spending = ledger.requests.spending()
        assert (spending.stored, spending.unknown) == (1, 1)
        assert [s.key for s in ledger.to_generate()] == [planned(2).key]


def test_spending_tells_known_costs_from_unpriced_images(ledger: Ledger) -> None:
    ledger.plan([planned(1), planned(2)])
    store(ledger, planned(1).key, Decimal("0.0059"))
    store(ledger, planned(2).key, None)
    spending = ledger.requests.spending()
    assert spending.cost_usd == Decimal("0.0059")
    assert (spending.stored, spending.unpriced) == (2, 1)


def _try_to_open(path: Path, answers: multiprocessing.Queue[str]) -> None:
    try:
        Ledger(path)
    except LedgerError as error:
        answers.put(error.message)
    else:
        answers.put("opened")


def test_one_process_writes_others_may_read(ledger: Ledger) -> None:
    context = multiprocessing.get_context("spawn")
    answers: multiprocessing.Queue[str] = context.Queue()
    process = context.Process(target=_try_to_open, args=(ledger.path, answers))
    process.start()
    assert "in use by another ls-clip" in answers.get(timeout=60)
    process.join()
    ledger.plan([planned(1)])
    with Ledger(ledger.path, writing=False) as reader:
        assert len(reader.samples()) == 1


def test_the_campaign_id_stays(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        first = ledger.campaign_id
        ledger.set_note(Note.PROJECT, "12")
        ledger.set_note(Note.TERMS, "of 2026", of="gpt-image-2")
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert (ledger.campaign_id, ledger.note(Note.PROJECT)) == (first, "12")
        assert ledger.note(Note.TERMS, of="gpt-image-2") == "of 2026"
        assert ledger.note(Note.TERMS) is None
    assert len(first) == 32


def test_a_damaged_or_newer_ledger_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(LedgerError, match="cannot be read"):
        Ledger(damaged)
    newer = tmp_path / "newer.sqlite"
    with sqlite3.connect(newer) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(LedgerError, match="version 99"):
        Ledger(newer)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.lock").mkdir()
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger(tmp_path / "ledger.sqlite")


def test_a_full_disk_is_named_and_leaves_what_was_there(ledger: Ledger) -> None:
    ledger.plan([planned(1)])
    pages = ledger._db.read("PRAGMA page_count")[0][0]
    ledger._db.read(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="full"):
        ledger.plan([planned(number) for number in range(2, 2000)])
    assert [sample.planned for sample in ledger.samples()] == [planned(1)]


def test_two_processes_may_make_it_at_the_same_time(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    context = multiprocessing.get_context("spawn")
    readers = [context.Process(target=_look, args=(path,)) for _ in range(4)]
    for reader in readers:
        reader.start()
    with Ledger(path) as writer:
        campaign_id = writer.campaign_id
    for reader in readers:
        reader.join()
        assert reader.exitcode == 0
    with Ledger(path, writing=False) as ledger:
        assert ledger.campaign_id == campaign_id


def _look(path: Path) -> None:
    with Ledger(path, writing=False) as ledger:
        assert ledger.campaign_id
