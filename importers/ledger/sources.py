"""The ledger's list of images that samples are made from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from importers.ledger.database import Database
from importers.ledger.tables import now
from importers.sample import SourceImage


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
