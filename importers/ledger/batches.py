"""The ledger's account of batches at a provider: each is recorded, with its requests, before it is
sent.

A batch is `planned` until the provider has named it, then it has the provider's own status; it is
open until what came of all its requests is recorded. The requests of an open batch are in flight
however often our process dies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from importers.ledger.database import Database
from importers.ledger.tables import now

PLANNED = "planned"


@dataclass(frozen=True)
class Batch:
    """An open batch.

    Attributes:
        id: Its number in this ledger.
        started_at: When it was recorded.
        remote_id: The provider's name of it; None where that is not known.
        requests: How many requests it has.
    """

    id: int
    started_at: datetime
    remote_id: str | None
    requests: int


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
