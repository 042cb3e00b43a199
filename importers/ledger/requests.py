"""The ledger's account of paid requests for images, one by one and in batches.

Each is recorded before it is sent, and what became of it after.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from importers.ledger.database import Database
from importers.ledger.rows import SELECT_SAMPLES, now, sample_from
from importers.sample import Sample
from ls_backend.errors import GeneratorError, OutcomeUnknown, PromptRefused

OUTCOMES = ("stored", "failed", "refused", "unknown")
"""Of requests that have ended."""
PLANNED = "planned"
"""Status of a batch that is about to be sent."""


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


@dataclass(frozen=True)
class RequestEntry:
    """A request as the ledger has it.

    Attributes:
        label, technique, model: Those of its sample.
        outcome: in_flight, stored, refused, failed or unknown.
        started: Time at which it was recorded, just before it was sent, in UTC.
        finished: Time at which its end was recorded, in UTC; None before.
        cost_usd: Price in US dollars, as the API's usage says; None where that is not known.
        reserved_usd: Highest possible price in US dollars; None where that was not known.
        batch: Whether it was sent in a batch.
    """

    label: str
    technique: str
    model: str
    outcome: str
    started: datetime
    finished: datetime | None
    cost_usd: Decimal | None
    reserved_usd: Decimal | None
    batch: bool

    @property
    def committed_usd(self) -> Decimal:
        """US dollars that a cap must count: spent, or reserved where that is not known."""
        if self.outcome in {"refused", "failed"}:
            return Decimal(0)
        if self.outcome == "stored" and self.cost_usd is not None:
            return self.cost_usd
        return self.reserved_usd or Decimal(0)


@dataclass(frozen=True)
class Batch:
    """An open batch.

    Attributes:
        id: Number of it in this ledger.
        started_at: Time at which it was recorded, in UTC.
        remote_id: The provider's name of it; None where that is not known.
        requests: Number of requests in it.
    """

    id: int
    started_at: datetime
    remote_id: str | None
    requests: int


def outcome_of(error: GeneratorError) -> str:
    """How the ledger names what became of a request that met an error."""
    if isinstance(error, PromptRefused):
        return "refused"
    return "unknown" if isinstance(error, OutcomeUnknown) else "failed"


class Requests:
    """The requests of a ledger's samples, by outcome.

    `in_flight` until an answer is there, then `stored`, `refused`, `failed` (nothing to pay) or
    `unknown` (perhaps paid for, and no image).
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def end_abandoned(self) -> None:
        """Those in the air when a process died may have been paid for; a batch outlives it."""
        self._db.write(
            "UPDATE requests SET outcome = 'unknown' WHERE outcome = 'in_flight' AND batch IS NULL"
        )

    def begin(
        self, key: str, generator: str | None = None, *, reserved_usd: Decimal | None = None
    ) -> int:
        """Record that a paid request is about to be sent; returns its id.

        Args:
            generator: Who is asked, see `Generator.name`.
            reserved_usd: US dollars that it can cost at most; None where that is not known.
        """
        reserved = None if reserved_usd is None else str(reserved_usd)
        return self._db.write(
            "INSERT INTO requests (sample_key, started_at, outcome, generator, reserved_usd) "
            "VALUES (?, ?, 'in_flight', ?, ?)",
            (key, now(), generator, reserved),
        )

    def stored(
        self,
        request: int,
        sha256: str,
        *,
        request_id: str | None,
        cost_usd: Decimal | None,
        usage: Mapping[str, Any] | None,
        size: str | None = None,
    ) -> None:
        """Record that the request's image is in the store.

        Args:
            size: Its pixels, "512x512", whatever was asked for.
        """
        cost = None if cost_usd is None else str(cost_usd)
        counts = None if usage is None else json.dumps(usage)
        with self._db.transaction() as db:
            db.execute(
                "UPDATE requests SET outcome = 'stored', finished_at = ?, request_id = ?, "
                "cost_usd = ?, usage = ?, size = ? WHERE id = ?",
                (now(), request_id, cost, counts, size, request),
            )
            db.execute(
                "UPDATE samples SET sha256 = ?, stored_at = ? "
                "WHERE key = (SELECT sample_key FROM requests WHERE id = ?)",
                (sha256, now(), request),
            )

    def ended(self, request: int, outcome: str, error: str) -> None:
        """Record that no image came: `failed`, `refused` or `unknown`.

        A refused prompt marks its sample, which is not asked for again.
        """
        with self._db.transaction() as db:
            db.execute(
                "UPDATE requests SET outcome = ?, finished_at = ?, error = ? WHERE id = ?",
                (outcome, now(), error, request),
            )
            if outcome == "refused":
                db.execute(
                    "UPDATE samples SET refused = ? "
                    "WHERE key = (SELECT sample_key FROM requests WHERE id = ?)",
                    (error, request),
                )

    def sample_without_image(self, request: int) -> Sample | None:
        """The sample that a request was for; None where it has an image by now."""
        rows = self._db.read(
            f"{SELECT_SAMPLES} WHERE sha256 IS NULL "
            "AND key = (SELECT sample_key FROM requests WHERE id = ?)",
            (request,),
        )
        return sample_from(rows[0]) if rows else None

    def unanswered(self) -> Counter[str]:
        """How many requests of each sample key were paid for, perhaps, and brought no image.

        Those that were in the air when a process died are not counted: nobody waited for them.
        """
        rows = self._db.read(
            "SELECT sample_key, count(*) AS number FROM requests "
            "WHERE outcome = 'unknown' AND error IS NOT NULL GROUP BY sample_key"
        )
        return Counter({row["sample_key"]: row["number"] for row in rows})

    def entries(self) -> list[RequestEntry]:
        """All requests in the order in which they were begun."""
        rows = self._db.read(
            "SELECT label, technique, model, outcome, started_at, finished_at, cost_usd, "
            "reserved_usd, batch FROM requests JOIN samples ON key = sample_key ORDER BY id"
        )
        return [_entry(row) for row in rows]

    def spending(self) -> Spending:
        """What the requests of this campaign came to."""
        rows = self._db.read("SELECT outcome, cost_usd FROM requests")
        counts = {name: sum(row["outcome"] == name for row in rows) for name in OUTCOMES}
        costs = [row["cost_usd"] for row in rows if row["outcome"] == "stored"]
        known = [Decimal(cost) for cost in costs if cost is not None]
        return Spending(**counts, cost_usd=sum(known, Decimal(0)), unpriced=len(costs) - len(known))


class Batches:
    """The batches of a ledger, and which requests are in them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def begin(self, reserved: Mapping[str, Decimal | None]) -> int:
        """Record that a batch is about to be sent; returns its number.

        Args:
            reserved: By the key of each of its samples, the US dollars that it can cost at most.
        """
        with self._db.transaction() as db:
            batch = db.execute(
                "INSERT INTO batches (started_at, status) VALUES (?, ?)", (now(), PLANNED)
            ).lastrowid
            db.executemany(
                "INSERT INTO requests (sample_key, started_at, outcome, batch, reserved_usd) "
                "VALUES (?, ?, 'in_flight', ?, ?)",
                [
                    (key, now(), batch, None if usd is None else str(usd))
                    for key, usd in reserved.items()
                ],
            )
        return batch or 0

    def submitted(self, batch: int, remote_id: str, input_file: str, status: str) -> None:
        """Record the provider's names of a batch and of the file with its requests."""
        self._db.write(
            "UPDATE batches SET remote_id = ?, input_file = ?, status = ? WHERE id = ?",
            (remote_id, input_file, status, batch),
        )

    def ended(self, batch: int, status: str, error: str | None = None) -> None:
        """Record that what came of all requests of a batch is recorded."""
        self._db.write(
            "UPDATE batches SET status = ?, finished_at = ?, error = ? WHERE id = ?",
            (status, now(), error, batch),
        )

    def open(self) -> list[Batch]:
        """The batches that have not ended, oldest first."""
        rows = self._db.read(
            "SELECT id, started_at, remote_id, "
            "(SELECT COUNT(*) FROM requests WHERE batch = batches.id) AS requests "
            "FROM batches WHERE finished_at IS NULL ORDER BY id"
        )
        return [
            Batch(
                row["id"],
                datetime.fromisoformat(row["started_at"]),
                row["remote_id"],
                row["requests"],
            )
            for row in rows
        ]

    def in_flight(self, batch: int) -> dict[str, int]:
        """The requests of a batch that nothing is recorded of yet, by the key of their sample."""
        rows = self._db.read(
            "SELECT sample_key, id FROM requests WHERE batch = ? AND outcome = 'in_flight'",
            (batch,),
        )
        return {row["sample_key"]: row["id"] for row in rows}

    def keys_in_flight(self) -> set[str]:
        """Keys of the samples that are in an open batch."""
        rows = self._db.read(
            "SELECT sample_key FROM requests WHERE batch IS NOT NULL AND outcome = 'in_flight'"
        )
        return {row["sample_key"] for row in rows}


def _entry(row: sqlite3.Row) -> RequestEntry:
    finished = row["finished_at"]
    return RequestEntry(
        label=row["label"],
        technique=row["technique"],
        model=row["model"],
        outcome=row["outcome"],
        started=datetime.fromisoformat(row["started_at"]),
        finished=None if finished is None else datetime.fromisoformat(finished),
        cost_usd=_dollars(row["cost_usd"]),
        reserved_usd=_dollars(row["reserved_usd"]),
        batch=row["batch"] is not None,
    )


def _dollars(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
