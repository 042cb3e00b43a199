"""The ledger's account of images' vectors: with what they were made, and compared for splits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from importers.ledger.database import Database


class Vectors:
    """The vector of each image that was scored, as `importers.scoring.looks.packed` gives it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def record(
        self, flaws: Mapping[str, str | None], vectors: Mapping[str, bytes], model_version: str
    ) -> None:
        """Set the flaw of each sample key, and the vector of each image's sha256."""
        with self._db.transaction() as db:
            db.executemany(
                "UPDATE samples SET flaw = ? WHERE key = ?",
                [(flaw, key) for key, flaw in flaws.items()],
            )
            db.executemany(
                "INSERT OR REPLACE INTO vectors (sha256, model_version, vector) VALUES (?, ?, ?)",
                [(sha256, model_version, vector) for sha256, vector in vectors.items()],
            )

    def of_label(self, model_version: str, label: str) -> dict[str, bytes]:
        """Vectors of that model version by image sha256, for images that are to show the label."""
        rows = self._db.read(
            "SELECT sha256, vector FROM vectors WHERE model_version = ? "
            "AND sha256 IN (SELECT sha256 FROM samples WHERE label = ?)",
            (model_version, label),
        )
        return {row["sha256"]: row["vector"] for row in rows}

    def of_model(self, model_version: str) -> dict[str, bytes]:
        """All vectors of that model version by image sha256."""
        rows = self._db.read(
            "SELECT sha256, vector FROM vectors WHERE model_version = ?", (model_version,)
        )
        return {row["sha256"]: row["vector"] for row in rows}

    def compared(self, digests: Collection[str], threshold: float) -> set[str]:
        """Those of these images whose vectors were compared with each other for the splits.

        Args:
            threshold: Cosine; what was compared at a lower one is compared at this one too.
        """
        rows = self._db.read("SELECT sha256 FROM vectors WHERE compared <= ?", (threshold,))
        return {row["sha256"] for row in rows}.intersection(digests)

    def uncompared(self, model_version: str, threshold: float) -> set[str]:
        """Images with a vector of that model version that `compared` does not give."""
        rows = self._db.read(
            "SELECT sha256 FROM vectors WHERE model_version = ? "
            "AND (compared IS NULL OR compared > ?)",
            (model_version, threshold),
        )
        return {row["sha256"] for row in rows}

    def record_compared(self, digests: Iterable[str], threshold: float) -> None:
        """Say that these images' vectors were compared with each other at that threshold.

        A vector that is recorded anew was not compared.
        """
        self._db.write_many(
            "UPDATE vectors SET compared = ? WHERE sha256 = ?",
            [(threshold, sha256) for sha256 in digests],
        )

    def lacking(self, model_version: str) -> set[str]:
        """Keys of samples that this model version has scored and whose vector is not known."""
        rows = self._db.read(
            "SELECT key FROM samples WHERE model_version = ? AND collected_at IS NULL "
            "AND sha256 NOT IN (SELECT sha256 FROM vectors WHERE model_version = ?)",
            (model_version, model_version),
        )
        return {row["key"] for row in rows}
