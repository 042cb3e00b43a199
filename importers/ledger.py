"""The ledger: one SQLite file per campaign that knows every step of every sample, once.

Each step is recorded before the next one is begun, so a process killed anywhere finds on its next
run what was planned, paid, stored, scored, pushed and decided. A request is recorded before it is
sent: one that was in the air when the process died is `unknown`, and its sample is asked for again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from typing_extensions import Self

from importers.ledger_file import exclusive, open_database, unwritable
from importers.ledger_rows import (
    SCHEMA_VERSION,
    SELECT_SAMPLES,
    now,
    planned_row,
    sample_from,
    verdict_row,
)
from importers.sample import PlannedSample, Sample, Score, Verdict
from ls_backend.errors import LedgerError


@dataclass(frozen=True)
class Spending:
    """Requests by outcome, and what they cost.

    Attributes:
        stored, failed, refused, unknown: Number of requests with that outcome.
        cost_usd: Sum of the known costs in US dollars.
        unpriced: Number of stored images whose cost is not known.
    """

    stored: int
    failed: int
    refused: int
    unknown: int
    cost_usd: Decimal
    unpriced: int


class Ledger:
    """Read and write a campaign's ledger; one process at a time may write, any may read.

    Raises:
        LedgerError: the file is damaged, newer than this program, or in use.
    """

    def __init__(self, path: Path, *, writing: bool = True) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._guard = exclusive(path) if writing else None
        try:
            self._db = open_database(path, make=writing)
            self._check_version()
        except sqlite3.DatabaseError as error:
            raise LedgerError(
                f"The ledger {path} cannot be read: {error}",
                hint="Restore it from a backup; without it, what was paid for is not known.",
            ) from error
        if writing:
            self._write("UPDATE requests SET outcome = 'unknown' WHERE outcome = 'in_flight'")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()
        if self._guard is not None:
            self._guard.close()

    # -- the campaign ------------------------------------------------------------------------

    @property
    def campaign_id(self) -> str:
        """Random name of this campaign, made with the ledger."""
        return self.note("campaign_id") or ""

    def note(self, name: str) -> str | None:
        """A single value that belongs to the campaign, such as its Label Studio project."""
        rows = self._read("SELECT value FROM meta WHERE name = ?", (name,))
        return rows[0]["value"] if rows else None

    def set_note(self, name: str, value: str) -> None:
        self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, value))

    # -- samples -----------------------------------------------------------------------------

    def plan(self, samples: Iterable[PlannedSample]) -> int:
        """Add samples that are not known yet; returns how many were new."""
        rows = [(*planned_row(sample), now()) for sample in samples]
        with self._transaction():
            before = self._db.total_changes
            self._db.executemany(
                "INSERT OR IGNORE INTO samples (key, prompt, label, technique, factors, model, "
                "size, parameters, seed, planned_at) VALUES (?,?,?,?,?,?,?,?,?,?)",
                rows,
            )
            return self._db.total_changes - before

    def samples(self) -> list[Sample]:
        """All samples in the order in which they were planned."""
        return self._samples("ORDER BY position")

    def to_generate(self) -> list[Sample]:
        """Samples that have no image and were not refused."""
        return self._samples("WHERE sha256 IS NULL AND refused IS NULL ORDER BY position")

    def to_score(self, model_version: str) -> list[Sample]:
        """Samples with an image that this model version has not scored."""
        return self._samples(
            "WHERE sha256 IS NOT NULL AND model_version IS NOT ? ORDER BY position",
            (model_version,),
        )

    def to_push(self) -> list[Sample]:
        """Samples that are scored and not in Label Studio, in the order of planning."""
        return self._samples(
            "WHERE model_version IS NOT NULL AND task_id IS NULL ORDER BY position"
        )

    def pushed(self) -> list[Sample]:
        """Samples that stand in Label Studio as a task."""
        return self._samples("WHERE task_id IS NOT NULL ORDER BY position")

    # -- requests and images -----------------------------------------------------------------

    def begin_request(self, key: str) -> int:
        """Record that a paid request is about to be sent; returns its id."""
        with self._transaction():
            cursor = self._db.execute(
                "INSERT INTO requests (sample_key, started_at, outcome) VALUES (?, ?, 'in_flight')",
                (key, now()),
            )
            return int(cursor.lastrowid or 0)

    def request_stored(
        self,
        request: int,
        sha256: str,
        *,
        request_id: str | None,
        cost_usd: Decimal | None,
        usage: Mapping[str, Any] | None,
    ) -> None:
        """Record that the request's image is in the store."""
        with self._transaction():
            self._db.execute(
                "UPDATE requests SET outcome = 'stored', finished_at = ?, request_id = ?, "
                "cost_usd = ?, usage = ? WHERE id = ?",
                (
                    now(),
                    request_id,
                    None if cost_usd is None else str(cost_usd),
                    None if usage is None else json.dumps(usage),
                    request,
                ),
            )
            self._db.execute(
                "UPDATE samples SET sha256 = ?, stored_at = ? "
                "WHERE key = (SELECT sample_key FROM requests WHERE id = ?)",
                (sha256, now(), request),
            )

    def request_ended(self, request: int, outcome: str, error: str) -> None:
        """Record that no image came: `failed` (nothing to pay), `refused` or `unknown`.

        A refused prompt marks its sample, which is not asked for again.
        """
        with self._transaction():
            self._db.execute(
                "UPDATE requests SET outcome = ?, finished_at = ?, error = ? WHERE id = ?",
                (outcome, now(), error, request),
            )
            if outcome == "refused":
                self._db.execute(
                    "UPDATE samples SET refused = ? "
                    "WHERE key = (SELECT sample_key FROM requests WHERE id = ?)",
                    (error, request),
                )

    def spending(self) -> Spending:
        """What the requests of this campaign came to."""
        rows = self._read("SELECT outcome, cost_usd FROM requests")
        counts = dict.fromkeys(("stored", "failed", "refused", "unknown"), 0)
        for row in rows:
            if row["outcome"] in counts:
                counts[row["outcome"]] += 1
        costs = [row["cost_usd"] for row in rows if row["outcome"] == "stored"]
        known = [Decimal(cost) for cost in costs if cost is not None]
        return Spending(**counts, cost_usd=sum(known, Decimal(0)), unpriced=len(costs) - len(known))

    # -- scores, push, verdicts --------------------------------------------------------------

    def record_scores(self, scores: Mapping[str, Score]) -> None:
        """Set the score of each sample key."""
        self._write_many(
            "UPDATE samples SET model_version = ?, label_probability = ?, similarity = ?, "
            "margin = ?, predicted_label = ?, predicted_probability = ? WHERE key = ?",
            [
                (
                    score.model_version,
                    score.label_probability,
                    score.similarity,
                    score.margin,
                    score.predicted_label,
                    score.predicted_probability,
                    key,
                )
                for key, score in scores.items()
            ],
        )

    def record_audit(self, chosen: Mapping[str, bool], probability: float) -> None:
        """Say for each sample key if it is in the audit sample, and with which probability."""
        self._write_many(
            "UPDATE samples SET audit = ?, audit_probability = ? WHERE key = ?",
            [(int(audit), probability, key) for key, audit in chosen.items()],
        )

    def record_uploads(self, uploads: Mapping[str, str]) -> None:
        """Set where Label Studio keeps the image of each sample key."""
        self._write_many(
            "UPDATE samples SET upload = ? WHERE key = ?",
            [(upload, key) for key, upload in uploads.items()],
        )

    def record_tasks(self, tasks: Mapping[str, int], model_version: str) -> None:
        """Set the Label Studio task of each sample key, pushed with that version's prediction."""
        self._write_many(
            "UPDATE samples SET task_id = ?, pushed_version = ?, pushed_at = ? WHERE key = ?",
            [(task, model_version, now(), key) for key, task in tasks.items()],
        )

    def record_verdicts(self, verdicts: Mapping[str, Verdict | None]) -> None:
        """Set or clear what people decided about each sample key."""
        self._write_many(
            "UPDATE samples SET verdict = ?, verdict_label = ?, annotation_id = ?, "
            "decided_at = ?, reviewer = ? WHERE key = ?",
            [(*verdict_row(verdict), key) for key, verdict in verdicts.items()],
        )

    # -- SQLite ------------------------------------------------------------------------------

    def _check_version(self) -> None:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version != SCHEMA_VERSION:
            raise LedgerError(
                f"The ledger {self.path} has version {version}, this program knows "
                f"{SCHEMA_VERSION}.",
                hint="Use the version of label-studio-clip that wrote it, or a newer one.",
            )

    def _samples(self, where: str, values: tuple[Any, ...] = ()) -> list[Sample]:
        return [sample_from(row) for row in self._read(SELECT_SAMPLES + where, values)]

    def _read(self, statement: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._db.execute(statement, values).fetchall()

    def _write(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        self._write_many(statement, [values])

    def _write_many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        with self._transaction():
            self._db.executemany(statement, rows)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield
                self._db.execute("COMMIT")
            except BaseException as error:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.OperationalError):
                    raise unwritable(self.path, error) from error
                raise
