"""The ledger: one SQLite file per campaign that knows every step of every sample, once.

Each step is recorded before the next one is begun, so a process killed anywhere finds on its next
run what was planned, paid, stored, scored, pushed and decided. A request is recorded before it is
sent: one that was in the air when the process died is `unknown`, and its sample is asked for again.
Those in a batch stay in the air: the provider goes on with them.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from importers.ledger.database import Database
from importers.ledger.inputs import Sources, Writings
from importers.ledger.notes import Note
from importers.ledger.requests import Batches, Requests
from importers.ledger.reviews import Reviews
from importers.ledger.rows import SELECT_SAMPLES, now, planned_row, sample_from
from importers.ledger.vectors import Vectors
from importers.sample import PlannedSample, Sample
from ls_backend.zero_shot import Score


class Ledger:
    """Read and write a campaign's ledger; one process at a time may write, any may read.

    Args:
        writing: Lock it and write; without, it is only read.
        copy: Work on a copy in memory: the file is only read, and what is written is forgotten.

    Raises:
        LedgerError: the file is damaged, newer than this program, or in use.
    """

    def __init__(self, path: Path, *, writing: bool = True, copy: bool = False) -> None:
        self.path = path
        writing = writing and not copy
        self._db = Database(path, writing=writing, copy=copy)
        self.requests = Requests(self._db)
        self.batches = Batches(self._db)
        self.reviews = Reviews(self._db)
        self.sources = Sources(self._db)
        self.vectors = Vectors(self._db)
        self.writings = Writings(self._db)
        if writing:
            try:
                self.requests.end_abandoned()
                self.writings.end_abandoned()
            except BaseException:
                self.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    # -- the campaign ------------------------------------------------------------------------

    @property
    def campaign_id(self) -> str:
        """Random name of this campaign, made with the ledger."""
        return self.note(Note.CAMPAIGN_ID) or ""

    def note(self, note: Note, of: str | None = None) -> str | None:
        """The value of a note; None where nothing is noted.

        Args:
            of: What the note is of, where there are several, such as a model.
        """
        rows = self._db.read("SELECT value FROM meta WHERE name = ?", (_name(note, of),))
        return rows[0]["value"] if rows else None

    def set_note(self, note: Note, value: str, of: str | None = None) -> None:
        """Set the value of a note; see `note`."""
        self._db.write("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_name(note, of), value))

    # -- samples -----------------------------------------------------------------------------

    def plan(self, samples: Iterable[PlannedSample]) -> int:
        """Add samples that are not known yet; returns how many were new.

        One that was planned alone joins the group that it is the first of from now on.
        """
        planned = list(samples)
        new = self._db.write_many(
            "INSERT OR IGNORE INTO samples (key, prompt, label, technique, factors, model, size, "
            "parameters, seed, group_key, parents, mask, planned_at) "
            "VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?)",
            [(*planned_row(sample), now()) for sample in planned],
        )
        self._join_groups({s.key: s.group for s in planned if s.group is not None})
        return new

    def samples(self) -> list[Sample]:
        """All samples in the order in which they were planned."""
        return self._samples("ORDER BY position")

    def to_generate(self) -> list[Sample]:
        """Samples that have no image and were not refused."""
        return self._samples("WHERE sha256 IS NULL AND refused IS NULL ORDER BY position")

    def to_score(self, model_version: str) -> list[Sample]:
        """Samples with an image that this model version has not scored."""
        return self._samples(
            "WHERE sha256 IS NOT NULL AND collected_at IS NULL AND model_version IS NOT ? "
            "ORDER BY position",
            (model_version,),
        )

    def to_push(self) -> list[Sample]:
        """Samples that are scored and not in Label Studio, in the order of planning.

        Which of them people should see is said by `importers.scoring.select`.
        """
        return self._samples(
            "WHERE model_version IS NOT NULL AND task_id IS NULL AND collected_at IS NULL "
            "ORDER BY position"
        )

    def not_pushed(self) -> list[Sample]:
        """Samples that do not stand in Label Studio."""
        return self._samples("WHERE task_id IS NULL ORDER BY position")

    def pushed(self) -> list[Sample]:
        """Samples that stand in Label Studio as a task."""
        return self._samples("WHERE task_id IS NOT NULL ORDER BY position")

    def pushed_tasks(self) -> dict[int, dict[str, str]]:
        """Number of each pushed task → key of its sample → the label that it is meant to show.

        Several keys stand where Label Studio gave the number of a deleted task to a new one.
        """
        tasks: dict[int, dict[str, str]] = {}
        for row in self._db.read(
            "SELECT task_id, key, label FROM samples WHERE task_id IS NOT NULL ORDER BY pushed_at"
        ):
            tasks.setdefault(row["task_id"], {})[row["key"]] = row["label"]
        return tasks

    def samples_of(self, keys: Collection[str]) -> list[Sample]:
        """The samples with these keys, in the order of planning."""
        return self._among("key", keys)

    def samples_with_image(self, digests: Collection[str]) -> list[Sample]:
        """The samples whose image has one of these sha256."""
        return self._among("sha256", digests)

    def groups_sent(self) -> tuple[Counter[str], set[str]]:
        """What is known of groups of which something was sent to Label Studio.

        Returns:
            How many of each were, and the keys of all samples with an image in these groups. A
            sample that was drawn alone is a group by its own key.
        """
        rows = self._db.read(
            "SELECT COALESCE(group_key, key) AS first, key, "
            "task_id IS NOT NULL OR upload IS NOT NULL AS sent "
            "FROM samples WHERE sha256 IS NOT NULL"
        )
        sent = Counter(row["first"] for row in rows if row["sent"])
        return sent, {row["key"] for row in rows if row["first"] in sent}

    # -- scores, selection, push -------------------------------------------------------------

    def record_scores(self, scores: Mapping[str, Score], model_version: str) -> None:
        """Set the score of each sample key, given by that model version."""
        self._db.write_many(
            "UPDATE samples SET model_version = ?, label_probability = ?, similarity = ?, "
            "margin = ?, predicted_label = ?, predicted_probability = ? WHERE key = ?",
            [
                (
                    model_version,
                    score.label_probability,
                    score.prompt_fit,
                    score.margin,
                    score.predicted_label,
                    score.predicted_probability,
                    key,
                )
                for key, score in scores.items()
            ],
        )

    def record_selection(self, chosen: Mapping[str, tuple[bool | None, str | None]]) -> None:
        """Set `kept` and `flaw` of each sample key."""
        self._db.write_many(
            "UPDATE samples SET kept = ?, flaw = ? WHERE key = ?",
            [(kept, flaw, key) for key, (kept, flaw) in chosen.items()],
        )

    def record_collected(self, keys: Iterable[str]) -> None:
        """Say that the images of those sample keys were deleted, now."""
        self._db.write_many(
            "UPDATE samples SET collected_at = ? WHERE key = ?", [(now(), key) for key in keys]
        )

    def record_audit(self, chosen: Mapping[str, bool], probability: float) -> None:
        """Say for each sample key if it is in the audit sample, and with which probability."""
        self._db.write_many(
            "UPDATE samples SET audit = ?, audit_probability = ? WHERE key = ?",
            [(int(audit), probability, key) for key, audit in chosen.items()],
        )

    def record_uploads(self, uploads: Mapping[str, str]) -> None:
        """Set where Label Studio keeps the image of each sample key."""
        self._db.write_many(
            "UPDATE samples SET upload = ? WHERE key = ?",
            [(upload, key) for key, upload in uploads.items()],
        )

    def record_tasks(self, tasks: Mapping[str, int], model_version: str) -> None:
        """Set the Label Studio task of each sample key, pushed with that version's prediction."""
        self._db.write_many(
            "UPDATE samples SET task_id = ?, pushed_version = ?, pushed_at = ? WHERE key = ?",
            [(task, model_version, now(), key) for key, task in tasks.items()],
        )

    def _join_groups(self, groups: Mapping[str, str]) -> None:
        """Set the group of sample keys that have none; a sample never leaves its group."""
        self._db.write_many(
            "UPDATE samples SET group_key = ? WHERE key = ? AND group_key IS NULL",
            [(group, key) for key, group in groups.items()],
        )

    def _among(self, column: str, values: Collection[str]) -> list[Sample]:
        listed = json.dumps(list(values))
        where = f"WHERE {column} IN (SELECT value FROM json_each(?)) ORDER BY position"
        return self._samples(where, (listed,))

    def _samples(self, where: str, values: tuple[Any, ...] = ()) -> list[Sample]:
        return [sample_from(row) for row in self._db.read(SELECT_SAMPLES + where, values)]


def _name(note: Note, of: str | None) -> str:
    return note.value if of is None else f"{note.value}:{of}"
