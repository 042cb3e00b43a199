"""All releases in training storage: those that readers were sent to, and what killed runs left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from importers.training_storage.releases.release import (
    LATEST,
    RELEASES,
    Release,
    damaged,
    folders,
    latest_name,
    number,
    parse_release,
    release_json,
)
from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.errors import StorageError


@dataclass(frozen=True)
class History:
    """The releases that there are.

    Attributes:
        releases: Newest first; the first is LATEST.
        unfinished: Names of folders that a killed process left.
    """

    releases: tuple[Release, ...]
    unfinished: tuple[str, ...]


def history(storage: Storage) -> History:
    """All releases, and what killed processes left beside them.

    Raises:
        StorageError: one of them cannot be read, or is damaged.
    """
    names, unfinished = folders(storage.sizes(RELEASES))
    expected = latest_name(storage)
    if expected and expected not in names:
        raise damaged(storage, f"{LATEST} names {expected}, which has no release.json")
    found = [
        parse_release(storage, path.split("/")[1], data or b"")
        for path, data in storage.read_many(map(release_json, sorted(names, reverse=True)))
    ]
    releases = tuple(published(found, expected))
    unfinished += names - {release.name for release in releases}
    return History(releases, tuple(sorted(unfinished)))


def published(found: Iterable[Release], newest: str | None) -> Iterator[Release]:
    """Those of all releases, newest first, that readers were ever sent to.

    Each names the one before it; what lies between the two was never finished. Where that one is
    not there any more, the next older one takes its place.

    Args:
        newest: What LATEST says.
    """
    expected = newest
    for release in found:
        if expected is None:
            return
        if release.name == expected or number(release.name) < number(expected):
            yield release
            expected = release.previous


def no_release(storage: Storage) -> StorageError:
    """The error for a storage in which no sync has written a release."""
    return StorageError(
        f"Training storage {storage.shown} holds no release.",
        hint="`ls-clip sync CAMPAIGN` writes one. Is this the folder above `releases`?",
    )
