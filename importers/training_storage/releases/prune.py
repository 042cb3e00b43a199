"""Old releases → space in training storage; those that are kept stay whole at every moment.

A release goes by its release.json first: without that it is none, whatever is left of it. Pictures
and shared files go last, and only those that no kept release names. What a kill in between leaves
is found by the next pruning. Files that ls-clip did not write stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from importers.progress import Progress, silent
from importers.training_storage.releases.files import remove_release
from importers.training_storage.releases.read import begun, history, no_release, read_records
from importers.training_storage.releases.release import (
    LATEST,
    MANIFEST,
    RELEASES,
    Release,
    release_json,
)
from importers.training_storage.releases.verify import left_by_killed
from importers.training_storage.storages import open_storage
from importers.training_storage.storages.fsspec_storage import PARTS, Storage
from ls_backend.errors import StorageError

KEEP = 5
"""Number of releases that are kept when nothing else is said."""


@dataclass(frozen=True)
class ReleasesPruneReport:
    """What was deleted, or would be.

    Attributes:
        storage: URL of the storage, without password.
        kept, deleted: Names of releases, newest first.
        unfinished: Names of releases that killed runs had left.
        files, bytes: Number and size in bytes of the files that were deleted; a local hard link
            counts like a file of its own.
        dry_run: Whether nothing was deleted.
    """

    storage: str
    kept: list[str]
    deleted: list[str]
    unfinished: list[str]
    files: int
    bytes: int
    dry_run: bool


def prune_releases(
    url: str, keep: int = KEEP, *, dry_run: bool = False, progress: Progress = silent
) -> ReleasesPruneReport:
    """Delete all but the newest releases, and what only the others need.

    No sync may run meanwhile: on this machine the campaign's ledger sees to that, and a storage in
    which a release was begun and not finished is refused.

    Args:
        keep: At least 1: LATEST always stays.
        progress: Called with (done, total) steps.

    Raises:
        StorageError: the storage cannot be read or written, is damaged, or a sync is at work.
    """
    storage = open_storage(url)
    _refuse_unfinished(storage)
    found = history(storage)
    kept, old = found.releases[:keep], found.releases[keep:]
    if not kept:
        raise no_release(storage)
    folders = [*(release.name for release in old), *found.unfinished]
    named = _named(storage, kept)
    present = storage.sizes()
    unnamed = [path for path in present if path not in named]
    doomed = sorted(left_by_killed(unnamed, {release.name for release in kept}))
    if doomed and not dry_run:
        _delete(storage, folders, doomed, progress)
    return ReleasesPruneReport(
        storage=storage.shown,
        kept=[release.name for release in kept],
        deleted=[release.name for release in old],
        unfinished=list(found.unfinished),
        files=len(doomed),
        bytes=sum(present[path] for path in doomed),
        dry_run=dry_run,
    )


def _named(storage: Storage, kept: Sequence[Release]) -> set[str]:
    """Every file that a kept release names."""
    named = {LATEST, *(release_json(release.name) for release in kept)}
    named |= {file.path for release in kept for file in release.every_file()}
    shards = {file for release in kept for file in release.files[MANIFEST]}
    return named | {record.object_path for record in read_records(storage, sorted(shards))}


def _delete(
    storage: Storage, folders: Sequence[str], doomed: Sequence[str], progress: Progress
) -> None:
    storage.check_writable()
    total = len(folders) + 1
    progress(0, total)
    with storage.together():
        for done, name in enumerate(folders, start=1):
            remove_release(storage, name)
            progress(done, total)
        _refuse_unfinished(storage)
        shared = [path for path in doomed if not path.startswith((f"{RELEASES}/", f"{PARTS}/"))]
        storage.remove_many(shared)
    progress(total, total)


def _refuse_unfinished(storage: Storage) -> None:
    if names := begun(storage):
        raise StorageError(
            f"Release {names[-1]} in {storage.shown} is begun and not finished: a sync is at work, "
            "or was killed.",
            hint="Let it end, or run `ls-clip sync CAMPAIGN` again; then delete old releases.",
            code="storage_unfinished",
        )
