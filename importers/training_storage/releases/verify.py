"""Compares training storage with what its releases say, byte for byte; needs nothing else.

Every file that a release names is read and its sha256 compared. What no release names is either of
somebody else, or what a killed run (or one that is at work) has left: that is no fault.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from importers.progress import Progress, silent
from importers.record import record_from
from importers.training_storage.releases.read import (
    find_release,
    latest_name,
    no_release,
    possible_names,
    published,
)
from importers.training_storage.releases.release import (
    BEGUN,
    LATEST,
    MANIFEST,
    RELEASES,
    Release,
    content_of,
    is_name,
    parse_release,
    release_json,
)
from importers.training_storage.storages import open_storage
from importers.training_storage.storages.fsspec_storage import PARTS, Storage
from ls_backend.errors import StorageError

if TYPE_CHECKING:
    from importers.training_storage.releases.split_check import SplitsReport

_SHARED = re.compile(
    r"objects/[0-9a-f]{2}/[0-9a-f]{64}\.\w+|(manifest|webdataset|parquet)/[\w-]+-[0-9a-f]{16}\.\w+"
)
"""Names of files that are called by their content, and shared by releases."""


@dataclass(frozen=True)
class Fault:
    """A file that is not as it should be.

    Attributes:
        path: Path below the storage's root.
        release: Name of the newest release that names it.
    """

    path: str
    release: str


@dataclass(frozen=True)
class VerifyReport:
    """What was compared, and what is wrong.

    Attributes:
        storage: URL of the storage, without password.
        releases: Names of those that were compared, newest first.
        files, bytes: Number and size in bytes of the files that they name, each counted once.
        missing, changed: Files that are not there, or have other bytes.
        extra: Files that no release names; empty where only one release was asked for.
        leftovers, leftover_bytes: Number and size in bytes of the files that killed runs have
            left, which `releases prune` removes or the next sync takes up.
        splits: Those of the newest release that was compared; None where it cannot be read.
    """

    storage: str
    releases: list[str]
    files: int
    bytes: int
    missing: list[Fault]
    changed: list[Fault]
    extra: list[str]
    leftovers: int
    leftover_bytes: int
    splits: SplitsReport | None = None

    @property
    def is_whole(self) -> bool:
        """If nothing is missing, changed or extra."""
        return not (self.missing or self.changed or self.extra)


class _Expected(NamedTuple):
    sha256: str
    bytes: int
    release: str


def verify(url: str, release: str | None = None, progress: Progress = silent) -> VerifyReport:
    """Read every file that the releases in a storage name, and look for what they do not name.

    Args:
        release: Name or number of the only one to compare, or how its name begins; all that there
            are when not given.
        progress: Called with (done, total) files.

    Raises:
        StorageError: the storage cannot be read, holds no release, or none of that name.
    """
    storage = open_storage(url)
    present = storage.sizes()
    faults: dict[str, str] = {}
    only = find_release(storage, release) if release else None
    releases = _releases(storage, present, only, faults)
    expected = _expected(storage, releases, faults)

    for path, file in expected.items():
        if present.get(path) != file.bytes:
            faults.setdefault(path, file.release)
    sound = {path: file for path, file in expected.items() if path not in faults}
    progress(0, len(sound))
    for done, (path, digest) in enumerate(storage.digests(sound), start=1):
        if digest != sound[path].sha256:
            faults[path] = sound[path].release
        progress(done, len(sound))

    named = {*expected, LATEST, *faults, *(release_json(found.name) for found in releases)}
    unnamed = [] if release else [path for path in present if path not in named]
    wrong = [Fault(*fault) for fault in sorted(faults.items())]
    leftovers = set(left_by_killed(unnamed, {found.name for found in releases}))
    return VerifyReport(
        storage=storage.shown,
        releases=[found.name for found in releases],
        files=len(expected),
        bytes=sum(file.bytes for file in expected.values()),
        missing=[fault for fault in wrong if fault.path not in present],
        changed=[fault for fault in wrong if fault.path in present],
        extra=[path for path in unnamed if path not in leftovers],
        leftovers=len(leftovers),
        leftover_bytes=sum(present[path] for path in leftovers),
    )


def left_by_killed(unnamed: Collection[str], releases: Collection[str]) -> Iterator[str]:
    """Those of the files that no release names which ls-clip wrote before it was killed.

    Args:
        releases: Names of the releases that there are.
    """
    for path in unnamed:
        top, _, rest = path.partition("/")
        release, _, inside = rest.partition("/")
        of_release = top == RELEASES and inside and is_name(release) and release not in releases
        if of_release or top == PARTS or path == BEGUN or _SHARED.fullmatch(path):
            yield path


def _releases(
    storage: Storage, present: Mapping[str, int], only: str | None, faults: dict[str, str]
) -> list[Release]:
    """Those to compare, newest first; one that cannot be read is noted, under its path."""
    newest = latest_name(storage)
    if newest is None:
        raise no_release(storage)
    names = [only] if only else possible_names(present, newest)
    releases = []
    for path, data in storage.read_many(map(release_json, names)):
        name = path.split("/")[1]
        try:
            found = parse_release(storage, name, data or b"")
        except StorageError:
            faults[path] = name
            continue
        if found.content != _content(found) or not found.name.endswith(found.content[:8]):
            faults[path] = name
        releases.append(found)
    return releases if only else list(published(releases, newest))


def _content(release: Release) -> str:
    return content_of(
        release.campaign_id,
        release.layouts,
        release.shard_samples,
        release.classes,
        release.files.get(MANIFEST, ()),
        release.license,
    )


def _expected(
    storage: Storage, releases: list[Release], faults: dict[str, str]
) -> dict[str, _Expected]:
    """Every file that the releases name, objects too, by path."""
    expected: dict[str, _Expected] = {}
    for release in releases:
        for file in release.every_file():
            expected.setdefault(file.path, _Expected(file.sha256, file.bytes, release.name))
    shards = {
        file.path: release.name
        for release in reversed(releases)
        for file in release.files.get(MANIFEST, ())
    }
    for path, data in storage.read_many(shards):
        if data is None or sha256(data).hexdigest() != expected[path].sha256:
            faults.setdefault(path, shards[path])
            continue
        for line in data.splitlines():
            record = record_from(line)
            picture = _Expected(record.sha256, record.bytes, shards[path])
            expected.setdefault(record.object_path, picture)
    return expected
