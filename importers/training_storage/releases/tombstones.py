"""Samples that have left training storage: removed.jsonl of a release names all that ever did."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, ValidationError

from importers.training_storage.releases.release import (
    Release,
    damaged,
    parse_release,
    release_json,
)
from importers.training_storage.storages.fsspec_storage import Storage

REMOVED = "removed.jsonl"


class Tombstone(BaseModel):
    """A sample that has left training storage.

    Attributes:
        label: What it was stored as.
        reason: The outcome that took its approval's place, or what became of its task.
        reviewers: Who had approved it.
        by: Who withdrew that, where it is known.
        at: When that was, ISO 8601 in UTC, or when it was noticed.
        release: The first release without it; whoever writes that release fills it in.
    """

    model_config = ConfigDict(frozen=True)

    sample: str
    sha256: str
    label: str
    reason: str
    reviewers: tuple[int | str, ...]
    by: int | str | None = None
    at: str | None = None
    release: str = ""


def tombstones_of(storage: Storage, release: Release) -> list[Tombstone]:
    """Every sample that ever left, up to this release; in the order in which they did.

    Raises:
        StorageError: the file is missing or damaged.
    """
    path = f"{release.folder}/{REMOVED}"
    data = storage.read(path)
    if data is None:
        raise damaged(storage, f"{path} is missing")
    try:
        return [Tombstone.model_validate_json(line) for line in data.splitlines()]
    except ValidationError as error:
        raise damaged(storage, f"{path}: {error.errors()[0]['msg']}") from None


def tombstones_before(storage: Storage, release: Release | None, *, heal: bool) -> list[Tombstone]:
    """The tombstones that the release after this one starts from.

    Args:
        heal: Where the file is missing, take that of the newest release before that has it.

    Raises:
        StorageError: the file is missing or damaged.
    """
    while heal and release and storage.read(f"{release.folder}/{REMOVED}") is None:
        older = release.previous and storage.read(release_json(release.previous))
        release = parse_release(storage, release.previous or "", older) if older else None
    return tombstones_of(storage, release) if release else []


def tombstone_lines(tombstones: Iterable[Tombstone]) -> bytes:
    """removed.jsonl."""
    return "".join(f"{stone.model_dump_json()}\n" for stone in tombstones).encode()
