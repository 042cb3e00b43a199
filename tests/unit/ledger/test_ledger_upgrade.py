"""A ledger that the first version wrote (`ledger_v1.sql`, a dump of one) in today's hands."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from importers.ledger import Ledger
from importers.ledger.database import Database
from importers.sample import Prompt, Sample, sample_key

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


def columns(database: Database) -> dict[str, list[tuple[str, str]]]:
    tables = database.read("SELECT name FROM sqlite_master WHERE type = 'table'")
    return {
        table["name"]: sorted(
            (column["name"], column["type"])
            for column in database.read(f"PRAGMA table_info({table['name']})")
        )
        for table in tables
    }


def check(samples: list[Sample]) -> None:
    stored, refused, abandoned = samples
    assert stored.prompt == Prompt("a red cat 0", "cat", "vanilla", {"color": "red"})
    assert (stored.sha256, stored.cost_usd) == ("ab" * 32, Decimal("0.006"))
    assert stored.verdict is not None
    assert (stored.verdict.kind, stored.task_id) == ("approved", 41)
    assert (stored.planned.parents, stored.planned.mask, stored.planned.group) == ((), None, None)
    assert (stored.kept, stored.flaw) == (None, None)
    assert refused.refused == "no"
    assert abandoned.sha256 is None


def test_nothing_of_it_is_lost_and_the_old_file_stays_beside_it(old: Path) -> None:
    with Ledger(old) as ledger:
        check(ledger.samples())
        assert ledger.note("project_id") == "12"
        assert ledger.requests.spending().unknown == 1
        ledger.plan(sample.planned for sample in ledger.samples())
        assert len(ledger.samples()) == 3, "known samples keep their keys"
    assert version(old) == 3
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
        assert {s.verdict.label for s in ledger.samples() if s.verdict} == {"None of these"}


def test_an_upgraded_ledger_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    upgraded = Database(old, writing=True)
    new = Database(tmp_path / "new.sqlite", writing=True)
    assert columns(upgraded) == columns(new)
    upgraded.close()
    new.close()


def test_an_upgrade_that_was_killed_is_done_again(old: Path) -> None:
    old.with_suffix(".v1.sqlite").write_bytes(b"half a copy")
    with Ledger(old) as ledger:
        check(ledger.samples())
    assert version(old.with_suffix(".v1.sqlite")) == 1
