"""The files of a release while it is written: puts them in place and keeps account of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from importers.record import Record
from importers.training_storage.releases.release import OBJECTS, File, Release, damaged, folder
from importers.training_storage.storages.fsspec_storage import Storage, bounded_map

Image = Callable[[Record], "bytes | Path | None"]
"""The bytes of a record's picture, or the local file that has them; None where only the storage
has them. Called from several threads."""

_LOOK_FIRST = 100
_AT_ONCE = 8


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


_MOST_BYTES = 32 << 20
_MOST_FILES = 2000
_MOST_COPIES = 50_000  # two paths each


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

    def part(self, part: str) -> PartFiles:
        """Begin a part whose own files lie in the release's folder."""
        return self._begun(part, "", None)

    def layout(self, used: str, version: str) -> PartFiles:
        """Begin a layout, whose own files lie in a folder of its name; see `layouts.version`."""
        before = self._previous
        is_alike = before is not None and before.versions.get(used) == version
        return self._begun(used, f"/{used}", before if is_alike else None)

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

    def _begun(self, part: str, below: str, before: Release | None) -> PartFiles:
        inside_before = f"{before.folder}{below}" if before else None
        files = PartFiles(self, f"{folder(self._name)}{below}", inside_before)
        self.parts[part] = files
        return files


class PartFiles:
    """Takes the files of one part of a release; for a layout, it is that layout's `Output`.

    Args:
        inside: Folder of this part's own files, below the storage's root.
        inside_before: That folder in the last release, where the same version wrote it.
    """

    def __init__(self, release: ReleaseFiles, inside: str, inside_before: str | None) -> None:
        self.files: dict[str, File] = {}
        self._release = release
        self._inside = inside
        self._inside_before = inside_before

    def keep(self, path: str) -> bool:
        known = self._release.kept(path)
        if known is None:
            return False
        self._take(known)
        return True

    def share(self, path: str, data: bytes) -> None:
        self._take(File(path, sha256(data).hexdigest(), len(data)))
        self._release.put(path, data)

    def write(self, name: str, data: bytes) -> None:
        self.share(f"{self._inside}/{name}", data)

    def place(self, name: str, record: Record) -> None:
        path = f"{self._inside}/{name}"
        self._take(File(path, record.sha256, record.bytes))
        self._release.copy(record.object_path, path)

    def earlier(self, name: str) -> bytes | None:
        inside = self._inside_before
        known = None if inside is None else self._release.kept(f"{inside}/{name}")
        data = None if known is None else self._release.storage.read(known.path)
        if known is None or data is None or sha256(data).hexdigest() != known.sha256:
            return None
        return data

    def image(self, record: Record) -> bytes:
        return picture(self._release.storage, record, self._release.original)

    def url(self, path: str) -> str:
        return self._release.storage.url(path)

    def _take(self, file: File) -> None:
        if file.path in self.files:
            raise ValueError(f"{file.path} is written twice")
        self.files[file.path] = file
