"""The files of a release, put in place while it is written, and removed.

Pictures are stored once, by their content; each part of a release (its manifest, its layouts, what
is about it) takes its files through `PartFiles`, which keeps account of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from importers.record import Record, record_json
from importers.training_storage.layouts import Output
from importers.training_storage.layouts.packed import shards
from importers.training_storage.releases.release import (
    MANIFEST,
    OBJECTS,
    File,
    Release,
    damaged,
    folder,
    release_json,
)
from importers.training_storage.storages.fsspec_storage import Storage, bounded_map

Image = Callable[[Record], "bytes | Path | None"]
"""The bytes of a record's picture, or the local file that has them; None where only the storage
has them. Called from several threads."""

_LOOK_FIRST = 100
"""Number of pictures from which on it is worth looking which of them are stored."""
_AT_ONCE = 8
"""Number of pictures that are loaded at the same time."""
_SHARD_RECORDS = 256
"""Most records in a file of the manifest."""
_MOST_BYTES = 32 << 20
_MOST_FILES = 2000
_MOST_COPIES = 50_000
"""Bytes, files and copies (two paths each) that wait before they are put in place together."""


def picture(storage: Storage, record: Record, image: Image) -> bytes:
    """The bytes of a record's picture, from wherever they are had.

    Raises:
        StorageError: nobody has them, or they are not those that people approved.
    """
    found = image(record)
    data = found.read_bytes() if isinstance(found, Path) else found
    if data is None:
        data = storage.read(record.object_path)
    if data is None:
        raise damaged(storage, f"{record.object_path}, sample {record.sample}, is missing")
    if sha256(data).hexdigest() != record.sha256:
        raise damaged(storage, f"the picture of sample {record.sample} is not what was approved")
    return data


def load(storage: Storage, records: Sequence[Record], image: Image) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of these records' pictures, some at a time."""
    return bounded_map(
        lambda record: (record.object_path, picture(storage, record, image)), records, _AT_ONCE
    )


def missing_pictures(
    storage: Storage,
    records: Sequence[Record],
    before: Mapping[str, Record],
    present: Mapping[str, int] | None,
) -> list[Record]:
    """Records whose picture is not in the storage yet, one for each picture.

    Args:
        before: Records of the last release, by key.
        present: Name and size of everything in the storage; None to rely on the last release.
    """
    if present is None:
        records = [r for r in records if not _is_stored(r, before.get(r.sample))]
    wanted = {record.object_path: record for record in records}
    if present is None:
        # A killed run may have stored most of many already.
        present = storage.sizes(OBJECTS) if len(wanted) > _LOOK_FIRST else {}
    return [record for path, record in wanted.items() if present.get(path) != record.bytes]


def _is_stored(record: Record, before: Record | None) -> bool:
    return before is not None and (before is record or before.object_path == record.object_path)


class ReleaseFiles:
    """The parts of one release, by their names.

    Files wait here until there are many, which are then put in place together; `flush` ends that.

    Args:
        kept: The last release's file at a path, where it has one that is as it should be.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        kept: Callable[[str], File | None],
        image: Image,
        previous: Release | None,
    ) -> None:
        self.parts: dict[str, PartFiles] = {}
        self.storage = storage
        self.kept = kept
        self.original = image
        self._name = name
        self._previous = previous
        self._puts: list[tuple[str, bytes]] = []
        self._copies: list[tuple[str, str]] = []
        self._bytes = 0

    def part(self, part: str, below: str = "", before: Release | None = None) -> PartFiles:
        """Begin a part whose own files lie in the release's folder, or in one below it.

        Args:
            before: The last release, where the same version wrote this part of it.
        """
        inside_before = f"{before.folder}{below}" if before else None
        self.parts[part] = PartFiles(self, f"{folder(self._name)}{below}", inside_before)
        return self.parts[part]

    def layout(self, used: str, version: str) -> PartFiles:
        """Begin a layout, whose own files lie in a folder of its name; see `layouts.version`."""
        before = self._previous
        is_alike = before is not None and before.versions.get(used) == version
        return self.part(used, f"/{used}", before if is_alike else None)

    def put(self, path: str, data: bytes) -> None:
        """Have a file put in place."""
        self._puts.append((path, data))
        self._bytes += len(data)
        if self._bytes > _MOST_BYTES or len(self._puts) > _MOST_FILES:
            self.flush()

    def copy(self, existing: str, new: str) -> None:
        """Have a file copied."""
        self._copies.append((existing, new))
        if len(self._copies) > _MOST_COPIES:
            self.flush()

    def flush(self) -> None:
        """Put in place what waits."""
        self.storage.put_and_copy(self._puts, self._copies)
        self._puts, self._copies, self._bytes = [], [], 0

    def account(self) -> dict[str, tuple[File, ...]]:
        """Every file by part, in the order of their paths."""
        return {
            name: tuple(sorted(part.files.values(), key=lambda file: file.path))
            for name, part in self.parts.items()
        }


@dataclass
class PartFiles:
    """Takes the files of one part of a release; for a layout, it is that layout's `Output`.

    Attributes:
        release: All parts of the release.
        inside: Folder of this part's own files, below the storage's root.
        inside_before: Folder of the same in the last release, where the same version wrote it.
        files: Files that were taken, by path.
    """

    release: ReleaseFiles
    inside: str
    inside_before: str | None
    files: dict[str, File] = field(default_factory=dict)

    def keep(self, path: str) -> bool:
        known = self.release.kept(path)
        if known is None:
            return False
        self._take(known)
        return True

    def share(self, path: str, data: bytes) -> None:
        self._take(File(path, sha256(data).hexdigest(), len(data)))
        self.release.put(path, data)

    def write(self, name: str, data: bytes) -> None:
        self.share(f"{self.inside}/{name}", data)

    def place(self, name: str, record: Record) -> None:
        path = f"{self.inside}/{name}"
        self._take(File(path, record.sha256, record.bytes))
        self.release.copy(record.object_path, path)

    def earlier(self, name: str) -> bytes | None:
        inside = self.inside_before
        known = None if inside is None else self.release.kept(f"{inside}/{name}")
        data = None if known is None else self.release.storage.read(known.path)
        if known is None or data is None or sha256(data).hexdigest() != known.sha256:
            return None
        return data

    def image(self, record: Record) -> bytes:
        return picture(self.release.storage, record, self.release.original)

    def url(self, path: str) -> str:
        return self.release.storage.url(path)

    def _take(self, file: File) -> None:
        if file.path in self.files:
            raise ValueError(f"{file.path} is written twice")
        self.files[file.path] = file


@dataclass(frozen=True)
class ManifestShard:
    """A file of the manifest.

    Attributes:
        file: Path, digest and size of the file.
        records: Records that are its lines.
    """

    file: File
    records: Sequence[Record]


def shards_of(records: Sequence[Record]) -> Iterator[ManifestShard]:
    """The shards of a manifest; the same records always make the same."""
    by_key = {record.sample: record for record in records}
    for prefix, keys in shards(by_key, _SHARD_RECORDS).items():
        lines = [record_json(by_key[key]) for key in keys]
        data = _data(lines)
        digest = sha256(data).hexdigest()
        file = File(f"{MANIFEST}/{prefix}-{digest[:16]}.jsonl", digest, len(data))
        yield ManifestShard(file, [by_key[key] for key in keys])


def write_shards(part: Output, manifest: Iterable[ManifestShard]) -> None:
    """Take all shards into this release, and write those that the last one has not."""
    for shard in manifest:
        if not part.keep(shard.file.path):
            part.share(shard.file.path, _data(map(record_json, shard.records)))


def remove_release(storage: Storage, name: str) -> None:
    """Remove a release's own folder; killed meanwhile, what is left is known as unfinished.

    Raises:
        StorageError: the storage refuses.
    """
    storage.remove_many([release_json(name)])
    storage.remove_many(storage.sizes(folder(name)))


def _data(lines: Iterable[str]) -> bytes:
    return "\n".join((*lines, "")).encode()
