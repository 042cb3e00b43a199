"""The ledger's account of review and training storage: what people said, and what was released.

A review is `unreleased` from the moment it is read until a release holds what follows from it, so
a process killed in between loses nothing.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from importers.ledger.database import Database
from importers.ledger.notes import Note
from importers.record import Record, record_from, record_json
from importers.review import UNDECIDED, Review, ReviewedTask, ReviewKind, review_from, review_json


class Picture(NamedTuple):
    """What is known of a picture's bytes.

    Attributes:
        sha256: Digest, 64 hexadecimal digits.
        format: Ending of the picture's file: png, jpg, webp, gif, …
        width, height: Size in pixels, as it is shown.
        bytes: Size of the file.
    """

    sha256: str
    format: str
    width: int
    height: int
    bytes: int


class Placement(NamedTuple):
    """Where a picture lies in the training set, or lay when it left.

    Attributes:
        family: Name of the family, which is in one split whole.
        split: train, validation or test.
    """

    family: str
    split: str


@dataclass(frozen=True)
class Reviews:
    """What people said of each task, and the records of the last release."""

    _db: Database

    def unreleased(self) -> list[ReviewedTask]:
        """Tasks whose review no release has taken up yet."""
        return self._tasks("WHERE unreleased ORDER BY task_id")

    def any_unreleased(self) -> bool:
        """Whether there is a task whose review no release has taken up yet."""
        return bool(self._db.read("SELECT 1 FROM reviews WHERE unreleased LIMIT 1"))

    def of(self, keys: Collection[str]) -> list[ReviewedTask]:
        """The tasks of these sample keys."""
        return [
            task
            for key in keys
            for task in self._tasks("WHERE sample = ? ORDER BY task_id", (key,))
        ]

    def times(self) -> dict[int, str]:
        """Number of every task that was ever read → its `updated_at`."""
        rows = self._db.read("SELECT task_id, updated_at FROM reviews")
        return {row["task_id"]: row["updated_at"] for row in rows}

    def outcomes(self) -> dict[str, int]:
        """How many tasks have which outcome."""
        rows = self._db.read("SELECT outcome, COUNT(*) AS number FROM reviews GROUP BY outcome")
        return {row["outcome"]: row["number"] for row in rows}

    def kinds(self) -> list[ReviewKind]:
        """All reviews, those with the same outcome, people, way and agreement counted together."""
        rows = self._db.read(
            "SELECT outcome, json_extract(review, '$.reviewed') AS reviewed, "
            "json_extract(review, '$.reviewers') AS reviewers, "
            "json_extract(review, '$.agreement') AS agreement, COUNT(*) AS tasks "
            "FROM reviews GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"
        )
        return [
            ReviewKind(
                row["outcome"],
                row["reviewed"],
                tuple(json.loads(row["reviewers"])),
                row["agreement"],
                row["tasks"],
            )
            for row in rows
        ]

    def undecided_reasons(self) -> dict[str, int]:
        """How many tasks are undecided for which reason, the most frequent first."""
        rows = self._db.read(
            "SELECT json_extract(review, '$.reason') AS reason, COUNT(*) AS number FROM reviews "
            "WHERE outcome = ? GROUP BY reason ORDER BY number DESC, reason",
            (UNDECIDED,),
        )
        return {row["reason"]: row["number"] for row in rows}

    def record(self, tasks: Sequence[ReviewedTask], notes: Mapping[Note, str]) -> int:
        """Set these tasks' reviews, and single values such as how far was read, all at once.

        Returns:
            How many tasks are new, or have another review than before.
        """
        with self._db.transaction() as db:
            before = db.total_changes
            db.executemany(
                "INSERT INTO reviews (task_id, sample, updated_at, source, outcome, review, "
                "unreleased) VALUES (?,?,?,?,?,?,1) ON CONFLICT (task_id) DO UPDATE SET "
                "sample = excluded.sample, updated_at = excluded.updated_at, "
                "source = excluded.source, outcome = excluded.outcome, review = excluded.review, "
                "unreleased = 1 WHERE (sample, source, review) "
                "IS NOT (excluded.sample, excluded.source, excluded.review)",
                [_row(task) for task in tasks],
            )
            changed = db.total_changes - before
            db.executemany(
                "UPDATE reviews SET updated_at = ? WHERE task_id = ?",
                [(task.updated_at, task.task_id) for task in tasks],
            )
            db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(note.value, value) for note, value in notes.items()],
            )
        return changed

    def mark_unreleased(self, keys: Iterable[str] | None = None) -> None:
        """Have the next release take these samples' reviews up again; None for all of them."""
        if keys is None:
            self._db.write("UPDATE reviews SET unreleased = 1")
        else:
            self._db.write_many(
                "UPDATE reviews SET unreleased = 1 WHERE sample = ?", [(key,) for key in keys]
            )

    def mark_doubles_unreleased(self) -> None:
        """Have the next release take up all tasks with the picture of one that it takes up."""
        self._db.write(
            "UPDATE reviews SET unreleased = 1 WHERE NOT unreleased AND source IN ("
            "SELECT other.source FROM reviews JOIN pictures USING (source) "
            "JOIN pictures AS other USING (sha256) WHERE reviews.unreleased)"
        )

    def with_pictures(self, digests: Collection[str]) -> list[tuple[ReviewedTask, Picture]]:
        """All tasks, by their numbers, whose picture has one of these sha256."""
        rows = self._db.read(
            "SELECT * FROM reviews JOIN pictures USING (source) "
            "WHERE sha256 IN (SELECT value FROM json_each(?)) ORDER BY task_id",
            (json.dumps(list(digests)),),
        )
        return [(_task(row), _picture(row)) for row in rows]

    # -- the last release --------------------------------------------------------------------

    def records(self) -> dict[str, Record]:
        """The records of the last release, by sample key, in the order of keys."""
        rows = self._db.read("SELECT record FROM records ORDER BY sample")
        found = (record_from(row["record"]) for row in rows)
        return {record.sample: record for record in found}

    def records_stored(self) -> int:
        """How many samples the last release has."""
        return int(self._db.read("SELECT COUNT(*) FROM records")[0][0])

    def released(
        self,
        release: str,
        records: Iterable[Record],
        gone: Iterable[str],
        taken_up: Iterable[int],
        notes: Mapping[Note, str],
    ) -> None:
        """Say that a release stands, all at once.

        Args:
            records: New and changed ones.
            gone: Sample keys that have left.
            taken_up: Tasks whose reviews it holds.
        """
        records = list(records)
        with self._db.transaction() as db:
            # Kin that have left go with their family, so that they come back to it.
            db.executemany(
                "UPDATE placed SET family = ?, split = ? "
                "WHERE family = (SELECT family FROM placed WHERE sha256 = ?)",
                [(record.family, record.split, record.sha256) for record in records],
            )
            db.executemany(
                "INSERT OR REPLACE INTO placed VALUES (?, ?, ?)",
                [(record.sha256, record.family, record.split) for record in records],
            )
            db.executemany("DELETE FROM records WHERE sample = ?", [(key,) for key in gone])
            db.executemany(
                "INSERT OR REPLACE INTO records VALUES (?, ?)",
                [(record.sample, record_json(record)) for record in records],
            )
            db.executemany(
                "UPDATE reviews SET unreleased = 0 WHERE task_id = ?", [(t,) for t in taken_up]
            )
            db.executemany(
                "INSERT OR REPLACE INTO meta VALUES (?, ?)",
                [(note.value, value) for note, value in {**notes, Note.RELEASE: release}.items()],
            )

    def placements(self, digests: Iterable[str]) -> dict[str, Placement]:
        """Where those of these pictures lie or lay that ever were in a release, by sha256."""
        statement = "SELECT sha256, family, split FROM placed WHERE sha256 = ?"
        rows = [row for sha256 in digests for row in self._db.read(statement, (sha256,))]
        return {row["sha256"]: Placement(row["family"], row["split"]) for row in rows}

    # -- pictures ----------------------------------------------------------------------------

    def picture(self, source: str) -> Picture | None:
        """What is known of the bytes at a source; None where they were never read."""
        rows = self._db.read(
            "SELECT sha256, format, width, height, bytes FROM pictures WHERE source = ?", (source,)
        )
        return _picture(rows[0]) if rows else None

    def record_picture(self, source: str, picture: Picture) -> None:
        self._db.write("INSERT OR REPLACE INTO pictures VALUES (?,?,?,?,?,?)", (source, *picture))

    def _tasks(self, where: str, values: tuple[str, ...] = ()) -> list[ReviewedTask]:
        rows = self._db.read(f"SELECT * FROM reviews {where}", values)
        return [_task(row) for row in rows]


def _task(row: sqlite3.Row) -> ReviewedTask:
    return ReviewedTask(
        row["task_id"],
        row["sample"],
        row["updated_at"],
        row["source"],
        review_from(row["review"]),
    )


def _picture(row: sqlite3.Row) -> Picture:
    return Picture(*(row[name] for name in Picture._fields))


def _row(task: ReviewedTask) -> tuple[int, str, str, str, str, str]:
    review: Review = task.review
    text = review_json(review)
    return (task.task_id, task.key, task.updated_at, task.source, review.outcome, text)
