"""The ledger's account of what pictures are made from: written texts, and source images."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from importers.ledger.database import Database
from importers.ledger.rows import now
from importers.sample import SourceImage


@dataclass(frozen=True)
class WrittenText:
    """A text that a language model wrote.

    Attributes:
        label: Label that it was written for.
        kind: "prompt", or the name of the factor whose value it is.
        text: The text.
    """

    label: str
    kind: str
    text: str


@dataclass(frozen=True)
class WritingEntry:
    """A request to a writer, as the ledger has it.

    Attributes:
        writer: Name of the writer as in the campaign, "openai:gpt-6-luna".
        outcome: in_flight, written, refused, failed or unknown.
        started: Time at which it was recorded, just before it was sent, in UTC.
        cost_usd: Price in US dollars; None where it is not known.
    """

    writer: str
    outcome: str
    started: datetime
    cost_usd: Decimal | None


class Writings:
    """Requests to the writer, and what came of them; recorded before they are sent."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def begin(self, asked: str, writer: str) -> int:
        """Record that a paid request is about to be sent; returns its id."""
        return self._db.write(
            "INSERT INTO writings (asked, writer, started_at, outcome) "
            "VALUES (?, ?, ?, 'in_flight')",
            (asked, writer, now()),
        )

    def written(
        self,
        writing: int,
        texts: Sequence[WrittenText],
        *,
        request_id: str | None,
        cost_usd: Decimal | None,
        usage: Mapping[str, Any] | None,
    ) -> None:
        """Record the texts that a request gave, in order; a text that is known stays once."""
        cost = None if cost_usd is None else str(cost_usd)
        counts = None if usage is None else json.dumps(usage)
        with self._db.transaction() as db:
            db.execute(
                "UPDATE writings SET outcome = 'written', finished_at = ?, request_id = ?, "
                "cost_usd = ?, usage = ? WHERE id = ?",
                (now(), request_id, cost, counts, writing),
            )
            db.executemany(
                "INSERT OR IGNORE INTO written (writing, label, kind, text) VALUES (?, ?, ?, ?)",
                [(writing, text.label, text.kind, text.text) for text in texts],
            )

    def ended(self, writing: int, outcome: str, error: str) -> None:
        """Record that no text came: `failed` (nothing to pay), `refused` or `unknown`."""
        self._db.write(
            "UPDATE writings SET outcome = ?, finished_at = ?, error = ? WHERE id = ?",
            (outcome, now(), error, writing),
        )

    def end_abandoned(self) -> None:
        """Those in the air when a process died may have been paid for."""
        self._db.write("UPDATE writings SET outcome = 'unknown' WHERE outcome = 'in_flight'")

    def asked(self) -> Counter[str]:
        """How many requests for each thing were answered, with texts or a refusal."""
        rows = self._db.read(
            "SELECT asked, count(*) AS number FROM writings "
            "WHERE outcome IN ('written', 'refused') GROUP BY asked"
        )
        return Counter({row["asked"]: row["number"] for row in rows})

    def texts(self) -> list[WrittenText]:
        """All texts in the order in which they were written."""
        rows = self._db.read("SELECT label, kind, text FROM written ORDER BY position")
        return [WrittenText(row["label"], row["kind"], row["text"]) for row in rows]

    def entries(self) -> list[WritingEntry]:
        """All requests in the order in which they were begun."""
        rows = self._db.read("SELECT writer, outcome, started_at, cost_usd FROM writings")
        return [
            WritingEntry(
                row["writer"],
                row["outcome"],
                datetime.fromisoformat(row["started_at"]),
                None if row["cost_usd"] is None else Decimal(row["cost_usd"]),
            )
            for row in rows
        ]


class Sources:
    """Source images in the order in which they were found; one that is known is not added again.

    None is ever removed, so that each keeps its place: one that is a source no longer has the
    label "".
    """

    def __init__(self, db: Database) -> None:
        self._db = db

    def add(self, images: Iterable[SourceImage]) -> int:
        """Add images whose (technique, origin) is not known yet; returns how many were new."""
        return self._db.write_many(
            "INSERT OR IGNORE INTO sources (sha256, technique, origin, label, mask, added_at) "
            "VALUES (?,?,?,?,?,?)",
            [(i.sha256, i.technique, i.origin, i.label, i.mask, now()) for i in images],
        )

    def relabel(self, technique: int, labels: Mapping[str, str]) -> None:
        """Set the label of each origin of a technique."""
        self._db.write_many(
            "UPDATE sources SET label = ? WHERE technique = ? AND origin = ?",
            [(label, technique, origin) for origin, label in labels.items()],
        )

    def all(self) -> list[SourceImage]:
        rows = self._db.read("SELECT * FROM sources ORDER BY position")
        return [
            SourceImage(
                sha256=row["sha256"],
                technique=row["technique"],
                origin=row["origin"],
                label=row["label"],
                mask=row["mask"],
            )
            for row in rows
        ]
