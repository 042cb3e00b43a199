"""The files of a release while it is written: puts them in place and keeps account of each."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256

from importers.record import Record
from importers.training_storage.releases.pictures import Image, picture
from importers.training_storage.releases.release import File, folder
from importers.training_storage.storages.storage import Storage

_MOST_BYTES = 32 << 20
_MOST_FILES = 2000
_MOST_COPIES = 50_000  # two paths each


class PartFiles:
    """Takes the files of one part of a release; for a layout, it is that layout's `Output`.

    Files wait here until there are many, which are then put in place together; `flush` ends that.

    Args:
        inside: Folder of this part's own files, below the storage's root.
        kept: The last release's file at a path, where it has one that is as it should be.
    """

    def __init__(
        self, storage: Storage, inside: str, kept: Callable[[str], File | None], image: Image
    ) -> None:
        self.files: dict[str, File] = {}
        self._storage = storage
        self._inside = inside
        self._kept = kept
        self._image = image
        self._puts: list[tuple[str, bytes]] = []
        self._copies: list[tuple[str, str]] = []
        self._bytes = 0

    def keep(self, path: str) -> bool:
        known = self._kept(path)
        if known is None:
            return False
        self._take(known)
        return True

    def share(self, path: str, data: bytes) -> None:
        self._take(File(path, sha256(data).hexdigest(), len(data)))
        self._puts.append((path, data))
        self._bytes += len(data)
        self._flush_many()

    def write(self, name: str, data: bytes) -> None:
        self.share(f"{self._inside}/{name}", data)

    def place(self, name: str, record: Record) -> None:
        path = f"{self._inside}/{name}"
        self._take(File(path, record.sha256, record.bytes))
        self._copies.append((record.object_path, path))
        self._flush_many()

    def image(self, record: Record) -> bytes:
        return picture(self._storage, record, self._image)

    def url(self, path: str) -> str:
        return self._storage.url(path)

    def flush(self) -> None:
        """Put in place what waits."""
        if self._puts:
            self._storage.put_many(self._puts)
        if self._copies:
            self._storage.copy_many(self._copies)
        self._puts, self._copies, self._bytes = [], [], 0

    def _take(self, file: File) -> None:
        if file.path in self.files:
            raise ValueError(f"{file.path} is written twice")
        self.files[file.path] = file

    def _flush_many(self) -> None:
        if (
            self._bytes > _MOST_BYTES
            or len(self._puts) > _MOST_FILES
            or len(self._copies) > _MOST_COPIES
        ):
            self.flush()


class ReleaseFiles:
    """The parts of one release, by their names."""

    def __init__(
        self, storage: Storage, name: str, kept: Callable[[str], File | None], image: Image
    ) -> None:
        self.parts: dict[str, PartFiles] = {}
        self._storage = storage
        self._name = name
        self._kept = kept
        self._image = image

    def part(self, part: str, below: str = "") -> PartFiles:
        """Begin a part whose own files lie in the release's folder, or in one below it."""
        inside = f"{folder(self._name)}/{below}".rstrip("/")
        files = PartFiles(self._storage, inside, self._kept, self._image)
        self.parts[part] = files
        return files

    def account(self) -> dict[str, tuple[File, ...]]:
        """Every file by part, in the order of their paths."""
        return {
            name: tuple(sorted(part.files.values(), key=lambda file: file.path))
            for name, part in self.parts.items()
        }
