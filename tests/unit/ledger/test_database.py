"""The ledger's file: one process writes, others read; what is wrong with it is named."""

from __future__ import annotations

import multiprocessing
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ledger_samples import planned

from importers.ledger import Ledger, database
from ls_backend.errors import LedgerError


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


def test_a_damaged_or_newer_ledger_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.sqlite"
    damaged.write_bytes(b"not a database, not at all" * 100)
    with pytest.raises(LedgerError, match="cannot be read"):
        Ledger(damaged)
    newer = tmp_path / "newer.sqlite"
    with closing(sqlite3.connect(newer)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LedgerError, match="version 99"):
        Ledger(newer)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "ledger.lock").mkdir()
    with pytest.raises(LedgerError, match="cannot be written"):
        Ledger(tmp_path / "ledger.sqlite")


def _no_lock(path: Path) -> None:
    path.with_suffix(".lock").write_bytes(b"not a database, not at all" * 100)


def _not_a_ledger(path: Path) -> None:
    path.write_bytes(b"not a database, not at all" * 100)


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4096])


def _without_requests(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE requests")


@pytest.mark.parametrize("damage", [_no_lock, _not_a_ledger, _cut_off, _without_requests])
@pytest.mark.parametrize("copy", [False, True])
def test_what_cannot_be_opened_leaves_no_connection_open(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    damage: Callable[[Path], None],
    copy: bool,
) -> None:
    path = tmp_path / "ledger.sqlite"
    Ledger(path).close()
    damage(path)
    connect, connections = database._connect, []

    def noted(*given: object, **options: object) -> sqlite3.Connection:
        connections.append(connect(*given, **options))
        return connections[-1]

    monkeypatch.setattr(database, "_connect", noted)
    with suppress(LedgerError, sqlite3.OperationalError):
        Ledger(path, copy=copy).close()
    assert connections
    for connection in connections:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")


def test_a_lock_that_is_none_is_named(tmp_path: Path) -> None:
    _no_lock(tmp_path / "ledger.sqlite")
    with pytest.raises(LedgerError, match="cannot be written: file is not a database"):
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
