"""Reads training storage: its newest release or another, their records, and who has left.

A reader starts at `LATEST`, and follows the chain of `previous` from there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256

from pydantic import ValidationError

from importers.record import Record, record_from
from importers.training_storage.releases.release import (
    BEGUN,
    LATEST,
    MANIFEST,
    RELEASES,
    REMOVED,
    File,
    Release,
    Tombstone,
    damaged,
    folders,
    is_name,
    number,
    parse_release,
    release_json,
)
from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.errors import StorageError
from ls_backend.words import listed

_OLD_METADATA = "metadata.jsonl"
_MOST_NAMED = 10


def latest_name(storage: Storage) -> str | None:
    """What LATEST says; None where there is none.

    Raises:
        StorageError: it cannot be read, or does not name a release.
    """
    data = storage.read(LATEST)
    if data is None:
        return None
    name = data.decode(errors="replace").strip()
    if not is_name(name):
        raise damaged(storage, f"{LATEST} does not name a release")
    return name


def latest(storage: Storage) -> Release | None:
    """The newest release; None where there is none yet.

    Raises:
        StorageError: it cannot be read, or is damaged.
    """
    name = latest_name(storage)
    return read_release(storage, name) if name else None


def refuse_others(
    storage: Storage, release: Release | None, campaign: str, campaign_id: str
) -> None:
    """Let a campaign write only where it has written before, or nobody has.

    Args:
        release: The newest one in the storage.

    Raises:
        StorageError: it holds another campaign's samples, or what an older version wrote.
    """
    if release is None:
        _refuse_older(storage)
    elif release.campaign_id != campaign_id:
        other = release.campaign
        which = f"another campaign, {other!r}" if other != campaign else f"another {other!r}"
        raise StorageError(
            f"Training storage {storage.shown} belongs to {which} (id {release.campaign_id}).",
            hint="Give each campaign a folder of its own: url under [storage]. If this "
            "campaign's ledger was made anew, empty that folder first.",
            code="storage_other_campaign",
        )


def read_release(storage: Storage, name: str) -> Release:
    """A release by its full name.

    Raises:
        StorageError: there is none of this name, or it is damaged.
    """
    data = storage.read(release_json(name))
    if data is None:
        raise StorageError(
            f"Training storage {storage.shown} has no release {name}.",
            hint="`ls-clip releases list` names those that there are.",
        )
    return parse_release(storage, name, data)


def find_release(storage: Storage, wanted: str) -> str:
    """The name of the release that people call by its name, its number, or how its name begins.

    Args:
        wanted: `000003-1a2b3c4d`, `3` or `000003-1a`, say; only digits are always a number.

    Raises:
        StorageError: none is called that; names those that there are.
    """
    newest = latest_name(storage)
    if newest is None:
        raise no_release(storage)
    names = possible_names(storage.sizes(RELEASES), newest)
    for name in names:
        if number(name) == int(wanted) if wanted.isdecimal() else name.startswith(wanted):
            return name
    more = len(names) - _MOST_NAMED
    there = listed([*names[:_MOST_NAMED], *([f"{more:,} more"] if more > 0 else [])])
    raise StorageError(
        f"Training storage {storage.shown} has no release {wanted}.",
        hint=f"Name one by its number, or as `ls-clip releases list` does. There are {there}.",
    )


def possible_names(files: Collection[str], newest: str) -> list[str]:
    """Names of the newest release, and of those before it that have a release.json; newest first.

    Args:
        files: Names of all files below `RELEASES`, at least.
        newest: Name that LATEST says.
    """
    whole, _ = folders(files)
    before = {name for name in whole if number(name) < number(newest)}
    return sorted(before | {newest}, key=number, reverse=True)


def records_of(storage: Storage, release: Release) -> list[Record]:
    """The records of a release, in the order of their keys.

    Raises:
        StorageError: a shard of its manifest is missing or changed.
    """
    records = read_records(storage, release.files.get(MANIFEST, ()))
    return sorted(records, key=lambda record: record.sample)


def read_records(storage: Storage, shards: Iterable[File]) -> Iterator[Record]:
    """The records in shards of a manifest; few shards are in memory at a time.

    Raises:
        StorageError: one of them is missing or changed.
    """
    expected = {shard.path: shard.sha256 for shard in shards}
    for path, data in storage.read_many(expected):
        if data is None or sha256(data).hexdigest() != expected[path]:
            raise damaged(storage, f"{path} is {'missing' if data is None else 'changed'}")
        for line in data.splitlines():
            yield record_from(line)


def begun(storage: Storage) -> list[str]:
    """Names of releases that a process began and has not finished, in that order; see `BEGUN`."""
    lines = (storage.read(BEGUN) or b"").decode(errors="replace").split()
    return [name for name in lines if is_name(name)]


@dataclass(frozen=True)
class History:
    """The releases that there are.

    Attributes:
        releases: All releases, newest first; the first is that of LATEST.
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


def _refuse_older(storage: Storage) -> None:
    whole, _ = folders(storage.sizes(RELEASES))
    if whole - set(begun(storage)):
        raise damaged(storage, f"it has releases, and no {LATEST} that names the newest")
    if storage.read(_OLD_METADATA) is not None:
        raise StorageError(
            f"Training storage {storage.shown} has a {_OLD_METADATA} and no {LATEST}: an older "
            "ls-clip wrote it, or another program.",
            hint="Name another folder, url under [storage], or empty this one: "
            "everything that is approved is stored again.",
        )
