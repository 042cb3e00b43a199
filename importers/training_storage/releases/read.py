"""All releases in training storage: those that readers were sent to, and what killed runs left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from importers.training_storage.releases.release import (
    LATEST,
    RELEASES,
    Release,
    damaged,
    folders,
    latest,
    latest_name,
    number,
    parse_release,
    read_release,
    release_json,
)
from importers.training_storage.storages import open_storage
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
        license: SPDX identifier, or "other"; None where no licence is stated.
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
        license=release.license,
        labels=release.labels,
        splits=release.splits,
        verdicts=release.verdicts,
        outcomes=release.outcomes,
        removed=dict(Counter(s.reason for s in stones if s.release == release.name)),
        removed_ever=len(stones),
        files={part: len(files) for part, files in release.files.items()},
    )


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
