"""What a release is in training storage: its files, their names, and what stands in them.

    LATEST                      the name of the newest release
    objects/…                   pictures, named by their content
    manifest/…                  record_json lines of all samples, in shards named by their content,
                                which releases share; webdataset/… and parquet/… likewise
    releases/<name>/            release.json, removed.jsonl, the dataset card, a folder per layout

A folder below `releases/` without a release.json, or one that the chain of `previous` from LATEST
passes over, is what a killed process left: no reader is ever sent there. `read` and `write` do as
their names say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from importers.training_storage.storages.fsspec_storage import Storage
from ls_backend.errors import StorageError

FORMAT = 1
LATEST = "LATEST"
RELEASES = "releases"
OBJECTS = "objects"
MANIFEST = "manifest"
REMOVED = "removed.jsonl"
ABOUT = "about"
"""The part of a release that is its tombstones and its dataset card."""

BEGUN = ".ls-clip-begun"
"""Names the releases that are being written, or that killed processes did not finish."""

_NAME = re.compile(r"\d{6,}-[0-9a-f]{8}")
_VERIFY = "`ls-clip verify` names what is wrong; restore it from a backup."


class File(NamedTuple):
    """A file of a release.

    Attributes:
        path: Path below the storage's root.
        sha256: Digest of the content, in hexadecimal.
        bytes: Size in bytes.
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
        created_at: Time at which it was begun.
        campaign, campaign_id: Name and id of the campaign.
        project: Number of the Label Studio project.
        layouts: Names of the layouts.
        versions: Version of each layout; later releases take lines from files of the same one.
        shard_samples: Most samples in a file of a packed layout.
        classes: Label of each class by number, None where a class is gone.
        license: SPDX identifier, or "other"; None where no licence is stated.
        outcomes: Number of tasks by outcome.
        samples: Number of samples.
        labels, splits, verdicts: Number of samples by label, split and verdict.
        files: Files by part: `manifest`, `about`, and each layout. The records name the objects.
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


class Tombstone(BaseModel):
    """A sample that has left training storage.

    Attributes:
        sample: Key of the sample.
        sha256: Digest of its picture.
        label: Label under which it was stored.
        reason: Outcome that took its approval's place, or what became of its task.
        reviewers: Ids or e-mail addresses of those who had approved it.
        by: Person who withdrew that; None where it is not known.
        at: Time at which that was, or was noticed; ISO 8601 in UTC.
        release: First release without it; whoever writes that release fills it in.
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


def tombstone_lines(tombstones: Iterable[Tombstone]) -> bytes:
    """removed.jsonl."""
    return "".join(f"{stone.model_dump_json()}\n" for stone in tombstones).encode()


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


def folders(files: Collection[str]) -> tuple[set[str], list[str]]:
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


def damaged(storage: Storage, what: str) -> StorageError:
    """The error for what cannot be right, whoever did it."""
    return StorageError(
        f"Training storage {storage.shown} is damaged: {what}.", hint=_VERIFY, code="damaged"
    )
