"""Ledgers of earlier versions → this version's tables; a copy of the old file stays beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from importers.ledger.tables import SCHEMA_VERSION
from ls_backend.errors import LedgerError

_NONE, _NONE_IN_2 = "None of these", "None of these / unusable"
_STEPS = {
    1: """
ALTER TABLE samples ADD COLUMN group_key TEXT;
ALTER TABLE samples ADD COLUMN parents TEXT NOT NULL DEFAULT '[]';
ALTER TABLE samples ADD COLUMN mask TEXT;
ALTER TABLE samples ADD COLUMN kept INTEGER;
ALTER TABLE samples ADD COLUMN flaw TEXT;
ALTER TABLE samples ADD COLUMN collected_at TEXT;
CREATE INDEX samples_by_image ON samples (sha256);
CREATE TABLE vectors (
    sha256 TEXT PRIMARY KEY, model_version TEXT NOT NULL, vector BLOB NOT NULL
);
ALTER TABLE requests ADD COLUMN reserved_usd TEXT;
ALTER TABLE requests ADD COLUMN batch INTEGER REFERENCES batches (id);
ALTER TABLE requests ADD COLUMN generator TEXT;
ALTER TABLE requests ADD COLUMN size TEXT;
CREATE TABLE batches (
    id INTEGER PRIMARY KEY,
    started_at TEXT NOT NULL, finished_at TEXT,
    remote_id TEXT, input_file TEXT, status TEXT NOT NULL, error TEXT
);
CREATE TABLE sources (
    position INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL, technique INTEGER NOT NULL, origin TEXT NOT NULL, label TEXT NOT NULL,
    mask TEXT, added_at TEXT NOT NULL,
    UNIQUE (technique, origin)
);
CREATE TABLE writings (
    id INTEGER PRIMARY KEY,
    asked TEXT NOT NULL, writer TEXT NOT NULL, started_at TEXT NOT NULL, finished_at TEXT,
    outcome TEXT NOT NULL, request_id TEXT, cost_usd TEXT, usage TEXT, error TEXT
);
CREATE TABLE written (
    position INTEGER PRIMARY KEY,
    writing INTEGER NOT NULL REFERENCES writings (id),
    label TEXT NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL,
    UNIQUE (label, kind, text)
);
""",
    2: f"""
CREATE TABLE reviews (
    task_id INTEGER PRIMARY KEY,
    sample TEXT NOT NULL, updated_at TEXT NOT NULL, source TEXT NOT NULL,
    outcome TEXT NOT NULL, review TEXT NOT NULL,
    unreleased INTEGER NOT NULL
);
CREATE INDEX reviews_unreleased ON reviews (unreleased);
CREATE INDEX reviews_by_sample ON reviews (sample);
CREATE INDEX reviews_by_source ON reviews (source);
CREATE TABLE records (sample TEXT PRIMARY KEY, record TEXT NOT NULL);
CREATE TABLE placed (sha256 TEXT PRIMARY KEY, family TEXT NOT NULL, split TEXT NOT NULL);
CREATE INDEX placed_by_family ON placed (family);
CREATE TABLE pictures (
    source TEXT PRIMARY KEY,
    sha256 TEXT NOT NULL, format TEXT NOT NULL,
    width INTEGER NOT NULL, height INTEGER NOT NULL, bytes INTEGER NOT NULL
);
ALTER TABLE vectors ADD COLUMN compared REAL;
CREATE INDEX pictures_by_content ON pictures (sha256);
UPDATE samples SET label = '{_NONE}' WHERE label = '{_NONE_IN_2}';
UPDATE samples SET verdict_label = '{_NONE}' WHERE verdict_label = '{_NONE_IN_2}';
""",
}


def upgrade(database: sqlite3.Connection, path: Path, *, write: bool) -> None:
    """Bring a ledger to this version; one that is only read is read from an upgraded copy.

    Raises:
        LedgerError: it is newer than this program.
    """
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    if version == SCHEMA_VERSION:
        return
    if version not in _STEPS:
        raise LedgerError(
            f"The ledger {path} has version {version}, this program knows {SCHEMA_VERSION}.",
            hint="Use the version of label-studio-clip that wrote it, or a newer one.",
        )
    if write:
        _keep_copy(database, path.with_suffix(f".v{version}.sqlite"))
    while version in _STEPS:
        database.executescript(
            f"BEGIN IMMEDIATE;{_STEPS[version]}PRAGMA user_version = {version + 1};COMMIT;"
        )
        version += 1


def _keep_copy(database: sqlite3.Connection, copy: Path) -> None:
    copy.unlink(missing_ok=True)  # of an upgrade that was killed
    database.execute("VACUUM INTO ?", (str(copy),))
