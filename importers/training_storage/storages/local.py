"""Training storage in a folder of this machine: renames, hard links, and flushes to disk."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path, PurePosixPath
from uuid import uuid4

from importers.training_storage.storages.fsspec_storage import AT_ONCE, PARTS, Storage
from ls_backend.whole_files import flush, write_whole

_LINKS = 500
"""How many a thread makes in one go."""


class LocalStorage(Storage):
    """Like `Storage`; a folder is there as long as it holds a file."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._folder = Path(self._root)
        self._at_once = AT_ONCE

    def url(self, name: str) -> str:
        """As `file://`, whatever way the folder was named."""
        return str(self._fs.unstrip_protocol(self._path(name)))

    def copy_many(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Make hard links; copies where the file system has none."""
        folders = {new.rpartition("/")[0] for _, new in pairs}
        with self._translated("written to"):
            for folder in folders:
                (self._folder / folder).mkdir(parents=True, exist_ok=True)
        # A link is made sooner than it is handed to a thread.
        parts = [pairs[start : start + _LINKS] for start in range(0, len(pairs), _LINKS)]
        for _ in self._many(self._link_all, parts):
            pass
        self._flush_all(folders)

    def put_and_copy(
        self, files: Sequence[tuple[str, bytes]], pairs: Sequence[tuple[str, str]]
    ) -> None:
        """Both at once: one waits for the disk, the other for the file system."""
        with ThreadPoolExecutor(1) as pool:
            copied = pool.submit(self.copy_many, pairs)
            self.put_many(files)
            copied.result()

    def remove_many(self, names: Iterable[str]) -> None:
        """Remove files, and the folders that are empty then."""
        names = list(names)
        super().remove_many(names)
        folders = {parent for name in names for parent in PurePosixPath(name).parents}
        for folder in sorted(folders, key=lambda folder: len(folder.parts), reverse=True)[:-1]:
            with suppress(OSError):  # not empty, or not there
                (self._folder / folder).rmdir()

    def _write(self, name: str, data: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)

    def _put(self, file: tuple[str, bytes | Path]) -> str:
        name, content = file
        data = content if isinstance(content, bytes) else content.read_bytes()
        part, target = self._folder / PARTS / uuid4().hex, self._folder / name
        with self._translated("written to"):
            part.parent.mkdir(parents=True, exist_ok=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, data, part)
        return name

    def _link_all(self, pairs: Sequence[tuple[str, str]]) -> None:
        with self._translated("written to"):
            for existing, new in pairs:
                _link(self._path(existing), self._path(new))

    def _remove(self, name: str) -> None:
        with self._translated("written to"):
            (self._folder / name).unlink(missing_ok=True)

    def _settle(self, folders: Collection[str]) -> None:
        self._flush_all(folders)
        with suppress(OSError):  # others are in it, or it is not there
            (self._folder / PARTS).rmdir()

    def _flush_all(self, folders: Collection[str]) -> None:
        with self._translated("written to"):
            for folder in folders:
                flush(self._folder / folder)


def _link(existing: str, new: str) -> None:
    try:
        try:
            os.link(existing, new)
        except FileExistsError:
            Path(new).unlink()
            os.link(existing, new)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(existing, new)
        flush(Path(new))
