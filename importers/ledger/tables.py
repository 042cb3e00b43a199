"""The ledger's tables, and how a row becomes a sample and back."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

from importers.sample import PlannedSample, Prompt, Sample, Score, Verdict

SCHEMA_VERSION = 3
SCHEMA = """
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
    verdict TEXT, verdict_label TEXT, annotation_id INTEGER, decided_at TEXT, reviewer INTEGER,
    group_key TEXT, parents TEXT NOT NULL DEFAULT '[]', mask TEXT, kept INTEGER, flaw TEXT,
    collected_at TEXT
);
CREATE INDEX samples_by_image ON samples (sha256);
CREATE TABLE vectors (
    sha256 TEXT PRIMARY KEY, model_version TEXT NOT NULL, vector BLOB NOT NULL,
    compared REAL
);
CREATE TABLE requests (
    id INTEGER PRIMARY KEY,
    sample_key TEXT NOT NULL REFERENCES samples (key),
    started_at TEXT NOT NULL, finished_at TEXT,
    outcome TEXT NOT NULL,
    request_id TEXT, cost_usd TEXT, usage TEXT, error TEXT,
    reserved_usd TEXT, batch INTEGER REFERENCES batches (id),
    generator TEXT, size TEXT
);
CREATE INDEX requests_by_sample ON requests (sample_key);
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
CREATE INDEX pictures_by_content ON pictures (sha256);
"""
SELECT_SAMPLES = """
SELECT samples.*,
    (SELECT cost_usd FROM requests WHERE sample_key = key AND outcome = 'stored') AS cost_usd,
    (SELECT request_id FROM requests WHERE sample_key = key AND outcome = 'stored') AS request_id
FROM samples
"""


def now() -> str:
    return datetime.now(timezone.utc).isoformat()


def planned_row(sample: PlannedSample) -> tuple[Any, ...]:
    return (
        sample.key,
        sample.prompt.text,
        sample.prompt.label,
        sample.prompt.technique,
        json.dumps(dict(sample.prompt.factors)),
        sample.model,
        sample.size,
        json.dumps(dict(sample.parameters)),
        sample.seed,
        sample.group,
        json.dumps(sample.parents),
        sample.mask,
    )


def verdict_row(verdict: Verdict | None) -> tuple[Any, ...]:
    if verdict is None:
        return (None,) * 5
    decided = verdict.decided_at.isoformat()
    return (verdict.kind, verdict.label, verdict.annotation_id, decided, verdict.reviewer)


def sample_from(row: sqlite3.Row) -> Sample:
    prompt = Prompt(row["prompt"], row["label"], row["technique"], json.loads(row["factors"]))
    planned = PlannedSample(
        key=row["key"],
        prompt=prompt,
        model=row["model"],
        size=row["size"],
        parameters=json.loads(row["parameters"]),
        seed=row["seed"],
        group=row["group_key"],
        parents=tuple(json.loads(row["parents"])),
        mask=row["mask"],
    )
    return Sample(
        planned=planned,
        sha256=row["sha256"],
        stored_at=_time(row["stored_at"]),
        cost_usd=None if row["cost_usd"] is None else Decimal(row["cost_usd"]),
        request_id=row["request_id"],
        refused=row["refused"],
        kept=None if row["kept"] is None else bool(row["kept"]),
        flaw=row["flaw"],
        score=_score(row),
        audit=None if row["audit"] is None else bool(row["audit"]),
        audit_probability=row["audit_probability"],
        upload=row["upload"],
        task_id=row["task_id"],
        pushed_version=row["pushed_version"],
        verdict=_verdict(row),
        collected_at=_time(row["collected_at"]),
    )


def _score(row: sqlite3.Row) -> Score | None:
    if row["model_version"] is None:
        return None
    return Score(
        row["model_version"],
        row["label_probability"],
        row["similarity"],
        row["margin"],
        row["predicted_label"],
        row["predicted_probability"],
    )


def _verdict(row: sqlite3.Row) -> Verdict | None:
    decided_at = _time(row["decided_at"])
    if row["verdict"] is None or decided_at is None:
        return None
    return Verdict(
        row["verdict"], row["verdict_label"], row["annotation_id"], decided_at, row["reviewer"]
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
