"""What `ls-clip releases` shows: all releases in a storage, and one in detail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields
from datetime import datetime

from importers.training_storage.releases.read import (
    find_release,
    history,
    latest,
    no_release,
    read_release,
    tombstones_of,
)
from importers.training_storage.storages import open_storage


@dataclass(frozen=True)
class ReleaseLine:
    """A release among others.

    Attributes:
        name, created_at: Name of the release, and time at which it was begun.
        samples, labels: Number of samples, and of labels among them.
        layouts: Names of the layouts.
        removed: Number of samples that the release before had, and this one has not.
        files, bytes: Number and size in bytes of its files beside pictures; shared files count in
            every release.
    """

    name: str
    created_at: datetime
    samples: int
    labels: int
    layouts: list[str]
    removed: int
    files: int
    bytes: int


@dataclass(frozen=True)
class ReleaseList:
    """All releases in a storage, newest first.

    Attributes:
        storage: URL of the storage, without password.
        releases: All releases.
        unfinished: Names of those that killed runs left.
    """

    storage: str
    releases: list[ReleaseLine]
    unfinished: list[str]


@dataclass(frozen=True)
class ReleaseDetails:
    """One release.

    Attributes:
        storage: URL of the storage, without password.
        name, content: Name of the release, and sha256 of what it holds.
        previous: Name of the release before; None of the first.
        created_at: Time at which it was begun.
        campaign, campaign_id, project: Name and id of the campaign, and number of its project.
        samples: Number of samples.
        classes: Label of each class by number, None where a class is gone.
        license: SPDX identifier, or "other"; None where no licence is stated.
        labels, splits, verdicts: Number of samples by label, split and verdict.
        outcomes: Number of tasks by outcome.
        removed: Number of samples that left with this release, by reason.
        removed_ever: Number of samples that ever left.
        files: Number of files by part.
    """

    storage: str
    name: str
    content: str
    previous: str | None
    created_at: datetime
    campaign: str
    campaign_id: str
    project: int
    samples: int
    classes: tuple[str | None, ...]
    license: str | None
    labels: dict[str, int]
    splits: dict[str, int]
    verdicts: dict[str, int]
    outcomes: dict[str, int]
    removed: dict[str, int]
    removed_ever: int
    files: dict[str, int]


def release_list(url: str) -> ReleaseList:
    """All releases in a storage.

    Raises:
        StorageError: it cannot be read, or is damaged.
    """
    storage = open_storage(url)
    found = history(storage)
    lines = []
    for release in found.releases:
        stones = tombstones_of(storage, release)
        sizes = [file.bytes for file in release.every_file()]
        lines.append(
            ReleaseLine(
                name=release.name,
                created_at=release.created_at,
                samples=release.samples,
                labels=len(release.labels),
                layouts=list(release.layouts),
                removed=sum(stone.release == release.name for stone in stones),
                files=len(sizes),
                bytes=sum(sizes),
            )
        )
    return ReleaseList(storage.shown, lines, list(found.unfinished))


def release_details(url: str, wanted: str | None = None) -> ReleaseDetails:
    """One release, the newest when none is named.

    Args:
        wanted: Its name, its number, or how its name begins.

    Raises:
        StorageError: there is none, or it cannot be read, or is damaged.
    """
    storage = open_storage(url)
    release = read_release(storage, find_release(storage, wanted)) if wanted else latest(storage)
    if release is None:
        raise no_release(storage)
    stones = tombstones_of(storage, release)
    same = {field.name for field in fields(ReleaseDetails)} - {"files"}
    return ReleaseDetails(
        storage=storage.shown,
        **release.model_dump(include=same),
        removed=dict(Counter(s.reason for s in stones if s.release == release.name)),
        removed_ever=len(stones),
        files={part: len(files) for part, files in release.files.items()},
    )
