"""What is told of releases: a list of them, and one in detail."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from importers.training_storage.releases.read import history, no_release
from importers.training_storage.releases.release import latest, read_release
from importers.training_storage.releases.tombstones import tombstones_of
from importers.training_storage.storages.fsspec_storage import open_storage


@dataclass(frozen=True)
class ReleaseLine:
    """A release among others.

    Attributes:
        removed: Samples that the release before had, and this one has not.
        files, bytes: What it names beside pictures; shared files count in every release.
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
        storage: URL, without password.
        unfinished: Names of those that killed runs left.
    """

    storage: str
    releases: list[ReleaseLine]
    unfinished: list[str]


@dataclass(frozen=True)
class ReleaseDetails:
    """One release.

    Attributes:
        storage: URL, without password.
        classes: The class list; None where a class is gone.
        outcomes: How many tasks had which outcome.
        labels, splits, verdicts: How many samples there are of which kind.
        removed: How many samples left with this release, by reason.
        removed_ever: How many ever left.
        files: How many files each part has.
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
    classes: list[str | None]
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


def release_details(url: str, name: str | None = None) -> ReleaseDetails:
    """One release, the newest when none is named.

    Raises:
        StorageError: there is none, it cannot be read, or is damaged.
    """
    storage = open_storage(url)
    release = read_release(storage, name) if name else latest(storage)
    if release is None:
        raise no_release(storage)
    stones = tombstones_of(storage, release)
    return ReleaseDetails(
        storage=storage.shown,
        name=release.name,
        content=release.content,
        previous=release.previous,
        created_at=release.created_at,
        campaign=release.campaign,
        campaign_id=release.campaign_id,
        project=release.project,
        samples=release.samples,
        classes=list(release.classes),
        labels=release.labels,
        splits=release.splits,
        verdicts=release.verdicts,
        outcomes=release.outcomes,
        removed=dict(Counter(s.reason for s in stones if s.release == release.name)),
        removed_ever=len(stones),
        files={part: len(files) for part, files in release.files.items()},
    )
