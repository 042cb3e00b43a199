"""The ledger's file: made whole or not at all, locked for one writer, opened, and upgraded.

A ledger of an earlier version is upgraded by the first who writes, and a copy of the old file stays
beside it; who only reads, reads an upgraded copy in memory.
"""

from __future__ import annotations

import sqlite3
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from importers.ledger.migrations import SCHEMA_VERSION, migrate, version_of
from importers.ledger.notes import Note
from ls_backend.errors import LedgerError
from ls_backend.whole_files import put_in_place


class Database:
    """An open ledger file, for all threads; one process at a time may write.

    Args:
        copy: Open a copy in memory instead.

    Raises:
        LedgerError: the file is damaged, newer than this program, or in use.
    """

    def __init__(self, path: Path, *, writing: bool, copy: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._guard = exclusive(path) if writing else None
        try:
            self._db = _open(path, writing=writing, copy=copy)
        except BaseException as error:
            if self._guard is not None:
                self._guard.close()
            if isinstance(error, sqlite3.DatabaseError):
                raise LedgerError(
                    f"The ledger {path} cannot be read: {error}",
                    hint="Restore it from a backup; without it, what was paid for is not known.",
                ) from error
            raise

    def close(self) -> None:
        self._db.close()
        if self._guard is not None:
            self._guard.close()

    def read(self, statement: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def write(self, statement: str, values: Sequence[Any] = ()) -> int:
        """Execute one statement; returns the id of the row that it added, if it did."""
        with self.transaction() as db:
            return db.execute(statement, values).lastrowid or 0

    def write_many(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        """Execute a statement for each row, all or none; returns how many rows changed."""
        with self.transaction() as db:
            before = db.total_changes
            db.executemany(statement, rows)
            return db.total_changes - before

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of the block's statements or none of them."""
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise unwritable(self.path, error) from error
                raise


def exclusive(path: Path) -> sqlite3.Connection:
    """Lock the ledger at a path for this process; closing the result gives it back.

    Raises:
        LedgerError: another process has it, or its folder cannot be written.
    """
    # An open exclusive transaction is a lock that the system gives back however the process ends.
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        guard = _connect(path.with_suffix(".lock"), timeout=0.2)
        with _closed_on_failure(guard):
            guard.execute("BEGIN EXCLUSIVE")
    except sqlite3.DatabaseError as error:
        if "locked" not in str(error):
            raise unwritable(path, error) from error
        raise LedgerError(
            f"The ledger {path} is in use by another ls-clip.",
            hint="Wait for it to end, or stop it; then run this again.",
            code="ledger_in_use",
        ) from error
    return guard


def unwritable(path: Path, error: sqlite3.DatabaseError) -> LedgerError:
    """The error for a disk that is full, or a folder that may not be written."""
    return LedgerError(
        f"The ledger {path} cannot be written: {error}.",
        hint="Check that its folder may be written and the disk has space left; then run it again.",
    )


def _open(path: Path, *, writing: bool, copy: bool) -> sqlite3.Connection:
    """Connect to the ledger at a path; where there is none, make it, or read an empty one."""
    if writing and not path.exists():
        _make(path)
    database = _connect(path) if path.exists() else _empty()
    try:
        _check_version(database, path)
        is_older = version_of(database) < SCHEMA_VERSION
        if copy or (is_older and not writing):
            database = _in_memory(database)  # who only reads leaves an older ledger as it is
        elif is_older:
            _keep_copy(database, path.with_suffix(f".v{version_of(database)}.sqlite"))
        if is_older:
            migrate(database)
        database.row_factory = sqlite3.Row
        database.execute("PRAGMA synchronous = FULL")
    except BaseException as error:
        database.close()
        if writing and isinstance(error, sqlite3.OperationalError):
            raise unwritable(path, error) from error
        raise
    return database


def _in_memory(database: sqlite3.Connection) -> sqlite3.Connection:
    """A copy of a database, which is closed."""
    with _closed_on_failure(_connect(":memory:")) as copy:
        database.backup(copy)
    database.close()
    return copy


def _check_version(database: sqlite3.Connection, path: Path) -> None:
    version = version_of(database)
    if not 1 <= version <= SCHEMA_VERSION:
        raise LedgerError(
            f"The ledger {path} has version {version}, this program knows {SCHEMA_VERSION}.",
            hint="Use the version of label-studio-clip that wrote it, or a newer one.",
        )


def _keep_copy(database: sqlite3.Connection, copy: Path) -> None:
    copy.unlink(missing_ok=True)  # of an upgrade that was killed
    database.execute("VACUUM INTO ?", (str(copy),))


def _empty() -> sqlite3.Connection:
    with _closed_on_failure(_connect(":memory:")) as database:
        _fill(database)
    return database


def _make(path: Path) -> None:
    # Under another name first: whoever reads meanwhile finds a whole ledger or none.
    unfinished = path.with_suffix(".new")
    unfinished.unlink(missing_ok=True)
    with closing(_connect(unfinished)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        _fill(database)
    put_in_place(unfinished, path)


def _fill(database: sqlite3.Connection) -> None:
    migrate(database)
    made = (Note.CAMPAIGN_ID.value, uuid.uuid4().hex)
    database.execute("INSERT INTO meta VALUES (?, ?)", made)


def _connect(database: Path | str, timeout: float = 5.0) -> sqlite3.Connection:
    return sqlite3.connect(database, timeout=timeout, isolation_level=None, check_same_thread=False)


@contextmanager
def _closed_on_failure(database: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """The connection, which is closed where the block fails."""
    try:
        yield database
    except BaseException:
        database.close()
        raise
