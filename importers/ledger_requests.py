"""The ledger's account of paid requests: each is recorded before it is sent, and settled after."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from importers.ledger_file import Database
from importers.ledger_rows import SELECT_SAMPLES, now, sample_from
from importers.sample import Sample

OUTCOMES = ("stored", "failed", "refused", "unknown")


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

    def begin(self, key: str, generator: str | None = None) -> int:
        """Record that a paid request is about to be sent; returns its id.

        Args:
            generator: Who is asked, see `Generator.name`.
        """
        return self._db.write(
            "INSERT INTO requests (sample_key, started_at, outcome, generator) "
            "VALUES (?, ?, 'in_flight', ?)",
            (key, now(), generator),
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

    def spending(self) -> Spending:
        """What the requests of this campaign came to."""
        rows = self._db.read("SELECT outcome, cost_usd FROM requests")
        counts = {name: sum(row["outcome"] == name for row in rows) for name in OUTCOMES}
        costs = [row["cost_usd"] for row in rows if row["outcome"] == "stored"]
        known = [Decimal(cost) for cost in costs if cost is not None]
        return Spending(**counts, cost_usd=sum(known, Decimal(0)), unpriced=len(costs) - len(known))
