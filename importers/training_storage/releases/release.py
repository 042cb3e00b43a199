"""What a release is in training storage, and how it is read; `releasing` writes it.

    LATEST                      the name of the newest release
    objects/…                   pictures, named by their content
    manifest/…                  record_json lines of all samples, in shards named by their content,
                                which releases share; webdataset/… and parquet/… likewise
    releases/<name>/            release.json, removed.jsonl, the dataset card, a folder per layout

A folder below `releases/` without a release.json, or one that the chain of `previous` from LATEST
passes over, is what a killed process left: no reader is ever sent there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from importers.record import Record, record_from
from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.errors import StorageError

FORMAT = 1
LATEST = "LATEST"
RELEASES = "releases"
OBJECTS = "objects"
MANIFEST = "manifest"
ABOUT = "about"
"""The part of a release that is its tombstones and its dataset card."""

BEGUN = ".ls-clip-begun"
"""Names the releases that are being written, or that killed processes did not finish."""

_OLD_METADATA = "metadata.jsonl"
_NAME = re.compile(r"\d{6,}-[0-9a-f]{8}")
_VERIFY = "`ls-clip verify` names what is wrong; restore it from a backup."


class File(NamedTuple):
    """A file of a release.

    Attributes:
        path: Below the storage's root.
        bytes: Its size.
    """

    path: str
    sha256: str
    bytes: int


class Release(BaseModel):
    """release.json: what belongs to a release.

    Attributes:
        name: Number of the release, "-", and the first 8 digits of `content`.
        content: sha256 of what is released: the same samples, stored alike, have the same.
        previous: Name of the release before this one.
        created_at: When it was begun.
        versions: By layout: which later releases can take lines from its files.
        classes: The class list: the label of each number, None where a class is gone.
        license: SPDX identifier, or "other"; None where no licence is stated.
        outcomes: How many tasks had which outcome.
        samples, labels, splits, verdicts: How many samples there are, and of which kind.
        files: By part: `manifest`, `about`, and each layout. Objects are named by the records.
    """

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    name: str = Field(pattern=rf"^{_NAME.pattern}$")
    content: str
    previous: str | None
    created_at: datetime
    campaign: str
    campaign_id: str
    project: int
    layouts: tuple[str, ...]
    versions: dict[str, str] = {}
    shard_samples: int
    classes: tuple[str | None, ...]
    license: str | None = None
    outcomes: dict[str, int]
    samples: int
    labels: dict[str, int]
    splits: dict[str, int]
    verdicts: dict[str, int]
    files: dict[str, tuple[File, ...]]

    @property
    def folder(self) -> str:
        """Where its own files lie."""
        return folder(self.name)

    def every_file(self) -> Iterator[File]:
        """Its files but release.json and the objects."""
        for files in self.files.values():
            yield from files


def latest(storage: Storage) -> Release | None:
    """The newest release; None where there is none yet.

    Raises:
        StorageError: it cannot be read, or is damaged.
    """
    name = latest_name(storage)
    return read_release(storage, name) if name else None


def latest_name(storage: Storage) -> str | None:
    """What LATEST says; None where there is none.

    Raises:
        StorageError: it cannot be read, or does not name a release.
    """
    data = storage.read(LATEST)
    if data is None:
        return None
    name = data.decode(errors="replace").strip()
    if not _NAME.fullmatch(name):
        raise damaged(storage, f"{LATEST} does not name a release")
    return name


def latest_of(storage: Storage, campaign: str, campaign_id: str) -> Release | None:
    """The newest release, in a storage that this campaign may write to.

    Raises:
        StorageError: it holds another campaign's samples, or what an older version wrote.
    """
    release = latest(storage)
    refuse_others(storage, release, campaign, campaign_id)
    return release


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
    """A release by its name.

    Raises:
        StorageError: there is none of this name, or it is damaged.
    """
    if not _NAME.fullmatch(name):
        raise StorageError(
            f"{name!r} is not the name of a release.",
            hint="They look like 000003-1a2b3c4d: `ls-clip releases list`.",
        )
    data = storage.read(release_json(name))
    if data is None:
        raise StorageError(
            f"Training storage {storage.shown} has no release {name}.",
            hint="`ls-clip releases list` names those that there are.",
        )
    return parse_release(storage, name, data)


def parse_release(storage: Storage, name: str, data: bytes) -> Release:
    """The release that a release.json describes.

    Raises:
        StorageError: it is damaged, or of a newer version.
    """
    try:
        release = Release.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        if first["loc"] == ("format",):
            raise StorageError(
                f"Release {name} in {storage.shown} was written by a newer ls-clip.",
                hint="Update it: pip install --upgrade label-studio-clip",
            ) from None
        raise damaged(storage, f"{release_json(name)}: {first['msg']}") from None
    if release.name != name:
        raise damaged(storage, f"{release_json(name)} is that of {release.name}")
    return release


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


def remove_release(storage: Storage, name: str) -> None:
    """Remove a release's own folder; killed meanwhile, what is left is known as unfinished.

    Raises:
        StorageError: the storage refuses.
    """
    storage.remove_many([release_json(name)])
    storage.remove_many(storage.sizes(folder(name)))


def begun(storage: Storage) -> list[str]:
    """Names of releases that a process began and has not finished, in that order; see `BEGUN`."""
    lines = (storage.read(BEGUN) or b"").decode(errors="replace").split()
    return [name for name in lines if _NAME.fullmatch(name)]


def content_of(
    campaign_id: str,
    layouts: Iterable[str],
    shard_samples: int,
    classes: Iterable[str | None],
    manifest: Iterable[File],
    license: str | None,
) -> str:
    """sha256 of what a release holds; the same samples, laid out alike, have the same."""
    content = {
        "format": FORMAT,
        "campaign_id": campaign_id,
        "layouts": list(layouts),
        "shard_samples": shard_samples,
        "classes": list(classes),
        "manifest": sorted([file.path, file.sha256] for file in manifest),
    }
    if license:  # left out otherwise, as in releases from before there were licences
        content["license"] = license
    return sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()


def folder(name: str) -> str:
    """Where the files of a release lie that are its own."""
    return f"{RELEASES}/{name}"


def folders(files: Iterable[str]) -> tuple[set[str], list[str]]:
    """Names of the folders of releases with a release.json, and, sorted, of those without.

    Args:
        files: All that lie below `RELEASES`, by their names.
    """
    names = {path.split("/")[1] for path in files if path.count("/") > 1}
    names = {name for name in names if _NAME.fullmatch(name)}
    whole = {name for name in names if release_json(name) in files}
    return whole, sorted(names - whole)


def release_json(name: str) -> str:
    """Where the description of a release lies."""
    return f"{folder(name)}/release.json"


def is_name(text: str) -> bool:
    """If a release can be called that."""
    return bool(_NAME.fullmatch(text))


def number(name: str) -> int:
    """The number of a release, from 1."""
    return int(name.split("-")[0])


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


def damaged(storage: Storage, what: str) -> StorageError:
    """The error for what cannot be right, whoever did it."""
    return StorageError(
        f"Training storage {storage.shown} is damaged: {what}.", hint=_VERIFY, code="damaged"
    )
