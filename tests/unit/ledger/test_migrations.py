"""Ledgers of earlier versions in today's hands: of the first (`ledger_v1.sql`) and the third."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from kept_folders import unpacked
from kept_label_studio import kept_label_studio

from importers.config.job import load_job
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.sample import Prompt, Sample, sample_key
from importers.training_storage.sync import sync
from ls_backend.errors import LedgerError

DUMP = Path(__file__).with_name("ledger_v1.sql")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(DUMP.read_text())
    return path


def version(path: Path) -> int:
    with closing(sqlite3.connect(path)) as database:
        return int(database.execute("PRAGMA user_version").fetchone()[0])


def schema(path: Path) -> dict[str, str]:
    """How each table and index is made, but for white space, which `ADD COLUMN` changes."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {name: "".join(statement.split()) for name, statement in rows}


def check(samples: list[Sample]) -> None:
    stored, refused, abandoned = samples
    assert stored.prompt == Prompt("a red cat 0", "cat", "vanilla", {"color": "red"})
    assert (stored.sha256, stored.cost_usd) == ("ab" * 32, Decimal("0.006"))
    assert (stored.verdict, stored.task_id) == ("approved", 41)
    assert (stored.planned.parents, stored.planned.mask, stored.planned.group) == ((), None, None)
    assert (stored.kept, stored.flaw) == (None, None)
    assert refused.refused == "no"
    assert abandoned.sha256 is None


def test_nothing_of_it_is_lost_and_the_old_file_stays_beside_it(old: Path) -> None:
    with Ledger(old) as ledger:
        check(ledger.samples())
        assert ledger.note(Note.PROJECT) == "12"
        assert ledger.requests.spending().unknown == 1
        ledger.plan(sample.planned for sample in ledger.samples())
        assert len(ledger.samples()) == 3, "known samples keep their keys"
    assert version(old) == 4
    assert version(old.with_suffix(".v1.sqlite")) == 1


def test_who_only_reads_leaves_it_as_it_is(old: Path) -> None:
    before = old.read_bytes()
    with Ledger(old, writing=False) as ledger:
        check(ledger.samples())
    assert old.read_bytes() == before


def test_none_of_these_has_another_name_and_its_samples_keep_their_keys(old: Path) -> None:
    prompt = Prompt("a dog-like statue", "None of these", "adversarial", {})
    key = sample_key(prompt, "sketch-1", "512x512", {"quality": "low"}, 7)
    assert key == "5672695f773fea08b284e2f9caad9e06", "as of version 2"
    with closing(sqlite3.connect(old)) as database, database:
        before = "None of these / unusable"
        database.execute("UPDATE samples SET label = ?, verdict_label = ?", (before, before))
    with Ledger(old) as ledger:
        assert {sample.prompt.label for sample in ledger.samples()} == {"None of these"}
        assert {s.review.label for s in ledger.samples() if s.review} == {"None of these"}


def test_an_upgraded_ledger_has_the_schema_of_a_new_one(old: Path, tmp_path: Path) -> None:
    kept = [unpacked(name, tmp_path) / "ledger.sqlite" for name in ("pets", "others")]
    new = tmp_path / "new.sqlite"
    for path in (new, old, *kept):
        Ledger(path).close()
    assert [schema(path) == schema(new) for path in (old, *kept)] == [True] * 3
    assert "verdict" not in schema(new)["samples"]


def test_an_upgrade_that_was_killed_is_done_again(old: Path) -> None:
    old.with_suffix(".v1.sqlite").write_bytes(b"half a copy")
    with Ledger(old) as ledger:
        check(ledger.samples())
    assert version(old.with_suffix(".v1.sqlite")) == 1


def test_an_upgrade_that_fails_leaves_the_ledger_as_it_was(old: Path) -> None:
    with closing(sqlite3.connect(old)) as database, database:
        database.execute("CREATE TABLE samples_4 (something_else TEXT)")
    before = schema(old)
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger(old)
    assert (version(old), schema(old)) == (1, before)


# -- version 3: verdicts beside reviews ------------------------------------------------------------


@pytest.fixture
def third(tmp_path: Path) -> Path:
    """The ledger of a campaign in the middle of its work."""
    return unpacked("pets", tmp_path) / "ledger.sqlite"


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


Verdicts = dict[str, tuple[object, ...]]


def verdicts_of_3(path: Path) -> Verdicts:
    """Sample key → verdict, label, annotation, time and person, as version 3 had them."""
    with closing(sqlite3.connect(path)) as database:
        rows = database.execute(
            "SELECT key, verdict, verdict_label, annotation_id, decided_at, reviewer FROM samples "
            "WHERE verdict IS NOT NULL"
        )
        return {key: tuple(said) for key, *said in rows}


def verdicts(path: Path) -> Verdicts:
    """The same as today's ledger has them."""
    with Ledger(path) as ledger:
        return {
            sample.key: (
                sample.verdict,
                sample.review.label,
                sample.review.annotation_id,
                sample.review.decided_at.isoformat(),
                next(iter(sample.review.reviewers), None),
            )
            for sample in ledger.samples()
            if sample.verdict
        }


def test_every_verdict_is_in_its_review(third: Path) -> None:
    before = verdicts_of_3(third)
    assert len(before) == 13
    assert verdicts(third) == before


def test_verdicts_of_before_there_were_reviews_become_reviews(third: Path) -> None:
    before = verdicts_of_3(third)
    change(third, "DELETE FROM reviews")
    assert verdicts(third) == before
    with Ledger(third) as ledger:
        tasks = ledger.reviews.unreleased()
        assert {task.key for task in tasks} == before.keys(), "no release has taken them up"
        assert {task.task_id for task in tasks} <= ledger.pushed_tasks().keys()
        assert all(task.updated_at for task in tasks), "else a sync would not miss their tasks"


def test_verdicts_of_a_task_number_that_was_given_twice_are_both_kept(third: Path) -> None:
    first, second = sorted(verdicts_of_3(third))[:2]
    change(
        third,
        "DELETE FROM reviews",
        f"UPDATE samples SET task_id = 900, pushed_at = '2026-11-01' WHERE key = '{first}'",
        f"UPDATE samples SET task_id = 900, pushed_at = '2026-11-02' WHERE key = '{second}'",
    )
    before = verdicts_of_3(third)
    assert verdicts(third) == before
    with Ledger(third) as ledger:
        [last], [earlier] = ledger.reviews.of([second]), ledger.reviews.of([first])
    assert last.task_id == 900
    assert earlier.task_id < 0


def test_a_review_holds_against_a_verdict_of_a_sync_that_was_killed(third: Path) -> None:
    approved = next(key for key, said in verdicts_of_3(third).items() if said[0] == "approved")
    waiting = "(SELECT sample FROM reviews WHERE outcome = 'waiting' LIMIT 1)"
    change(
        third,
        f"UPDATE samples SET verdict = 'rejected' WHERE key = '{approved}'",
        "UPDATE samples SET verdict = 'approved', annotation_id = 1, decided_at = '2026-11-01' "
        f"WHERE key = {waiting}",
    )
    with Ledger(third) as ledger:
        assert ledger.samples_of([approved])[0].verdict == "approved"
        waits = [s for s in ledger.samples() if s.review and s.review.outcome == "waiting"]
    assert len(waits) == 4


def test_a_verdict_without_a_review_is_read_again_by_the_next_sync(tmp_path: Path) -> None:
    campaign = unpacked("pets", tmp_path)
    path = campaign / "ledger.sqlite"
    change(path, "DELETE FROM reviews", "DELETE FROM meta WHERE name LIKE 'reviews_%'")
    before = verdicts_of_3(path)
    with kept_label_studio(campaign / "label_studio.json") as ls, Ledger(path) as ledger:
        report = sync(ls, load_job(campaign), ledger)
        reviews = ledger.reviews.of(before)
    assert (report.added, report.unchanged, report.removed) == (1, 8, 0)
    assert all(task.review.annotated_at for task in reviews)
    assert verdicts(path) == before
