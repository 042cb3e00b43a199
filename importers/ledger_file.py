"""The ledger's file: made whole or not at all, opened, and locked for one writer."""

from __future__ import annotations

import sqlite3
import uuid
from pathlib import Path

from importers.ledger_rows import SCHEMA, SCHEMA_VERSION
from ls_backend.errors import LedgerError


def open_database(path: Path, *, make: bool) -> sqlite3.Connection:
    """Connect to the ledger at a path; where there is none, make it, or read an empty one."""
    if make and not path.exists():
        _make(path)
    database = _connect(path) if path.exists() else _empty()
    database.row_factory = sqlite3.Row
    database.execute("PRAGMA synchronous = FULL")
    return database


def exclusive(path: Path) -> sqlite3.Connection:
    """Lock the ledger at a path for this process; closing the result gives it back.

    Raises:
        LedgerError: another process has it, or its folder cannot be written.
    """
    # An open exclusive transaction is a lock that the system gives back however the process ends.
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        guard = _connect(path.with_suffix(".lock"), timeout=0.2)
        guard.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" not in str(error):
            raise unwritable(path, error) from error
        guard.close()
        raise LedgerError(
            f"The ledger {path} is in use by another ls-clip.",
            hint="Wait for it to end, or stop it; then run this again.",
        ) from error
    return guard


def unwritable(path: Path, error: sqlite3.OperationalError) -> LedgerError:
    """The error for a disk that is full, or a folder that may not be written."""
    return LedgerError(
        f"The ledger {path} cannot be written: {error}.",
        hint="Check that its folder may be written and the disk has space left; then run it again.",
    )


def _empty() -> sqlite3.Connection:
    database = _connect(":memory:")
    _fill(database)
    return database


def _make(path: Path) -> None:
    # Under another name first: whoever reads meanwhile finds a whole ledger or none.
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    database = _connect(unfinished)
    database.execute("PRAGMA journal_mode = WAL")
    _fill(database)
    database.close()
    unfinished.replace(path)


def _fill(database: sqlite3.Connection) -> None:
    database.executescript(
        f"BEGIN;{SCHEMA}INSERT INTO meta VALUES ('campaign_id', '{uuid.uuid4().hex}');"
        f"PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
    )


def _connect(database: Path | str, timeout: float = 5.0) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=timeout, isolation_level=None, check_same_thread=False)
