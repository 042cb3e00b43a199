"""The ledger's schema as it grew: a new ledger goes through the same steps as an old one.

One numbered function for each version, never changed afterwards; a change of the schema is one more
at the end. All that a ledger lacks is done in one transaction: a process killed in between leaves
the ledger as it was.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable


def migrate(database: sqlite3.Connection) -> None:
    """Bring a database to `SCHEMA_VERSION`: an empty one, or a ledger of an earlier version."""
    database.execute("BEGIN IMMEDIATE")
    for migration in MIGRATIONS[version_of(database) :]:
        migration(database)
    database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    database.execute("COMMIT")


def version_of(database: sqlite3.Connection) -> int:
    """How many migrations a database has gone through; 0 for an empty one."""
    return int(database.execute("PRAGMA user_version").fetchone()[0])


def _m001_samples_and_requests(db: sqlite3.Connection) -> None:
    """What is planned, paid, stored, scored, pushed and decided."""
    _execute(
        db,
        """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE samples (
    position INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    prompt TEXT NOT NULL, label TEXT NOT NULL, technique TEXT NOT NULL, factors TEXT NOT NULL,
    model TEXT NOT NULL, size TEXT NOT NULL, parameters TEXT NOT NULL, seed INTEGER NOT NULL,
    planned_at TEXT NOT NULL,
    sha256 TEXT, stored_at TEXT, refused TEXT,
    model_version TEXT, label_probability REAL, similarity REAL, margin REAL,
    predicted_label TEXT, predicted_probability REAL,
    audit INTEGER, audit_probability REAL,
    upload TEXT, task_id INTEGER, pushed_version TEXT, pushed_at TEXT,
    verdict TEXT, verdict_label TEXT, annotation_id INTEGER, decided_at TEXT, reviewer INTEGER
);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    sample_key TEXT NOT NULL REFERENCES samples (key),
    started_at TEXT NOT NULL, finished_at TEXT,
    outcome TEXT NOT NULL,
    request_id TEXT, cost_usd TEXT, usage TEXT, error TEXT
);
CREATE INDEX requests_by_sample ON requests (sample_key);
""",
    )


def _m002_batches_sources_and_writers(db: sqlite3.Connection) -> None:
    """Batches, source images, texts of language models, and what samples are chosen by."""
    _execute(
        db,
        """
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
    )


def _m003_reviews_and_releases(db: sqlite3.Connection) -> None:
    """Reviews of tasks, records of the last release; the label "None of these" gets its name."""
    _execute(
        db,
        """
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
UPDATE samples SET label = 'None of these' WHERE label = 'None of these / unusable';
UPDATE samples SET verdict_label = 'None of these'
    WHERE verdict_label = 'None of these / unusable';
""",
    )


def _m004_reviews_alone(db: sqlite3.Connection) -> None:
    """What people decided is said by the table `reviews` alone; `samples` loses its five columns.

    A sample with a verdict and no review (of a ledger that was last synced before there were
    reviews) gets one that says as much. Where there is a review it holds: a sync that was killed
    can have left another verdict beside it, and reads that task again.
    """
    _review_verdicts(db)
    kept = """
    position, key, prompt, label, technique, factors, model, size, parameters, seed, planned_at,
    sha256, stored_at, refused, model_version, label_probability, similarity, margin,
    predicted_label, predicted_probability, audit, audit_probability, upload, task_id,
    pushed_version, pushed_at, group_key, parents, mask, kept, flaw, collected_at"""
    # Copied, since SQLite before 3.35 cannot drop columns.
    _execute(
        db,
        f"""
CREATE TABLE samples_4 (
    position INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    prompt TEXT NOT NULL, label TEXT NOT NULL, technique TEXT NOT NULL, factors TEXT NOT NULL,
    model TEXT NOT NULL, size TEXT NOT NULL, parameters TEXT NOT NULL, seed INTEGER NOT NULL,
    planned_at TEXT NOT NULL,
    sha256 TEXT, stored_at TEXT, refused TEXT,
    model_version TEXT, label_probability REAL, similarity REAL, margin REAL,
    predicted_label TEXT, predicted_probability REAL,
    audit INTEGER, audit_probability REAL,
    upload TEXT, task_id INTEGER, pushed_version TEXT, pushed_at TEXT,
    group_key TEXT, parents TEXT NOT NULL DEFAULT '[]', mask TEXT, kept INTEGER, flaw TEXT,
    collected_at TEXT
);
INSERT INTO samples_4 ({kept}) SELECT {kept} FROM samples;
DROP TABLE samples;
ALTER TABLE samples_4 RENAME TO samples;
CREATE INDEX samples_by_image ON samples (sha256);
""",
    )


def _review_verdicts(db: sqlite3.Connection) -> None:
    """Add a review for each verdict that has none; no release has taken it up.

    It was last changed, as far as is known, when the person decided: a task that is newer is
    another one with its number.
    """
    tasks = {task for (task,) in db.execute("SELECT task_id FROM reviews")}
    verdicts = db.execute(
        "SELECT key, task_id, verdict, verdict_label, annotation_id, decided_at, reviewer "
        "FROM samples WHERE verdict IS NOT NULL AND decided_at IS NOT NULL "
        "AND key NOT IN (SELECT sample FROM reviews) ORDER BY pushed_at DESC"
    ).fetchall()
    for key, task, outcome, label, annotation, decided_at, reviewer in verdicts:
        # Label Studio gave the number of a deleted task to the sample that was pushed last.
        number = -int(key[:12], 16) if task is None or task in tasks else task
        tasks.add(number)
        review = {
            "outcome": outcome,
            "label": label,
            "annotation_id": annotation,
            "decided_at": decided_at,
            "reviewers": [] if reviewer is None else [reviewer],
        }
        db.execute(
            "INSERT INTO reviews (task_id, sample, updated_at, source, outcome, review, "
            "unreleased) VALUES (?, ?, ?, '', ?, ?, 1)",
            (number, key, decided_at.replace("+00:00", "Z"), outcome, json.dumps(review)),
        )


def _execute(db: sqlite3.Connection, script: str) -> None:
    """Execute statements in the open transaction, which `executescript` would end."""
    for statement in script.split(";"):
        db.execute(statement)


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _m001_samples_and_requests,
    _m002_batches_sources_and_writers,
    _m003_reviews_and_releases,
    _m004_reviews_alone,
)
SCHEMA_VERSION = len(MIGRATIONS)
