"""Releases of few samples in a storage, with two small layouts, and an eye on what readers see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

import fsspec

from importers.config.storage_sections import StorageSettings
from importers.record import Record
from importers.training_storage.card.facts import CardRelease
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts import Contents, Layout, Output
from importers.training_storage.layouts.packed import content_name, shards
from importers.training_storage.releases import write
from importers.training_storage.releases.read import latest, records_of
from importers.training_storage.releases.release import Release, Tombstone
from importers.training_storage.releases.write import NewRelease
from importers.training_storage.storages import open_storage
from importers.training_storage.storages.fsspec_storage import Storage

LABELS = ("cat", "dog", "test tube")


def tree(contents: Contents, out: Output) -> None:
    """A folder for each label, and a list of what is where."""
    lines = []
    for record in contents.records:
        name = f"{record.split}/{record.label}/{record.file_name}"
        out.place(name, record)
        lines.append(json.dumps({"file_name": name, "sample": record.sample}))
    out.write("metadata.jsonl", "\n".join(lines).encode())


def packed(contents: Contents, out: Output) -> None:
    """Files of at most two samples, shared by releases."""
    by_key = {record.sample: record for record in contents.records}
    for prefix, keys in shards(by_key, 2).items():
        path = f"parquet/{prefix}-{content_name(keys)}.parquet"
        if not out.keep(path):
            out.share(path, b"".join(out.image(by_key[key]) for key in keys))


LAYOUTS: dict[str, Layout] = {"imagefolder": tree, "parquet": packed}


@cache
def picture(number: int) -> bytes:
    return b"picture %d " % number * (number + 1)


@cache
def record_of(number: int, label: str) -> Record:
    data = picture(number)
    values: dict[str, Any] = dict.fromkeys(Record.__dataclass_fields__)
    values |= {
        "sample": sha256(b"sample %d" % number).hexdigest()[:32],
        "sha256": sha256(data).hexdigest(),
        "format": "png",
        "width": 8,
        "height": 8,
        "bytes": len(data),
        "label": label,
        "class_id": LABELS.index(label),
        "split": "test" if number % 3 == 2 else "train",
        "verdict": "approved",
        "reviewed": "one by one",
        "reviewers": (7,),
        "annotation_id": number,
        "annotated_at": "2026-05-04T12:00:00Z",
        "decided_at": "2026-05-04T12:00:00Z",
        "annotators": 1,
        "parents": (),
        "ancestors": (),
        "family": str(number),
        "boxes": (),
        "task_id": 100 + number,
        "project": 3,
        "campaign": "pets",
        "campaign_id": "c-1",
    }
    return Record(**values)


def card(release: CardRelease) -> Mapping[str, bytes]:
    files = sum(map(len, release.files.values()))
    return {
        "README.md": f"{release.name}: {files} files\n".encode(),
        "campaign.toml": b'name = "pets"',
    }


@dataclass
class World:
    """A storage, and what people approved: number of the sample → label.

    Attributes:
        asked: Samples whose original somebody wanted.
    """

    url: str
    campaign_id: str = "c-1"
    layouts: tuple[str, ...] = ("imagefolder", "parquet")
    license: str | None = None
    asked: list[str] = field(default_factory=list)

    @property
    def storage(self) -> Storage:
        return open_storage(self.url)

    def draft(self, labels: Mapping[int, str]) -> NewRelease:
        previous = latest(self.storage)
        records = [record_of(number, label) for number, label in labels.items()]
        records.sort(key=lambda record: record.sample)
        keys = {record.sample for record in records}
        before = records_of(self.storage, previous) if previous else []
        settings = StorageSettings(layout=list(self.layouts), license=self.license)
        return NewRelease(
            contents=Contents(records, ClassList(LABELS), settings, {r.sample: r for r in before}),
            campaign="pets",
            campaign_id=self.campaign_id,
            project=3,
            previous=previous,
            tombstones=[tombstone(record) for record in before if record.sample not in keys],
            outcomes={"approved": len(records), "rejected": 2},
            card=card,
        )

    def release(self, labels: Mapping[int, str], **options: Any) -> Release:
        return write.write_release(self.storage, self.draft(labels), self.image, **options)

    def image(self, record: Record) -> bytes:
        self.asked.append(record.sample)
        return picture(int(record.family))

    def labels(self) -> dict[int, str]:
        """What a reader finds who follows LATEST, after looking into every file it names."""
        storage = self.storage
        release = latest(storage)
        if release is None:
            return {}
        records = records_of(storage, release)
        named = {file.path: file.sha256 for file in release.every_file()}
        named |= {record.object_path: record.sha256 for record in records}
        for path, digest in storage.digests(named):
            assert digest == named[path], path
        placed = {file.path for file in release.files["imagefolder"]}
        for record in records:
            inside = f"{release.folder}/imagefolder/{record.split}/{record.label}"
            assert f"{inside}/{record.file_name}" in placed
        return {int(record.family): record.label for record in records}

    def files(self) -> dict[str, bytes]:
        """Every file there is, with its bytes."""
        storage = self.storage
        return {name: data or b"" for name, data in storage.read_many(storage.sizes())}

    def change(self, name: str, data: bytes) -> None:
        """Write into the storage as somebody else would."""
        fs, root = fsspec.core.url_to_fs(self.url)
        path = f"{root.rstrip('/')}/{name}"
        if fs.exists(path):
            fs.rm_file(path)  # not through a hard link
        fs.makedirs(path.rpartition("/")[0], exist_ok=True)
        fs.pipe_file(path, data)


def tombstone(record: Record) -> Tombstone:
    return Tombstone(
        sample=record.sample,
        sha256=record.sha256,
        label=record.label,
        reason="rejected",
        reviewers=record.reviewers,
        by=9,
        at="2026-05-05T08:00:00Z",
    )
