"""Training storage as a folder of whole files, wherever fsspec can write.

A file is there whole or not at all: object stores show an upload once it is complete; elsewhere a
temporary file is moved into place (on a local disk: flushed and renamed, see `local`). What
a killed process leaves lies in the folder `PARTS`, which the next one that writes empties.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar
from urllib.parse import urlsplit
from uuid import uuid4

from importers.progress import Progress, silent
from importers.training_storage.storages.errors import EXTRAS, is_no_bucket, meaning, persistent
from ls_backend.errors import LsClipError, StorageError

PARTS = ".ls-clip-parts"
"""The folder of files that are being written; none of them is content."""
AT_ONCE = 16
"""Number of files that are read or written at a time."""

_CHUNK = 1 << 20
"""Bytes that are read at a time, where a file is not wanted whole."""
_S3 = {"s3", "s3a"}
_WHOLE_UPLOADS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl"}
"""Kinds of URL whose servers show a file once it is complete, and have no folders."""
_CLIENT = {
    "connect_timeout": 10,
    "read_timeout": 60,
    "max_pool_connections": 32,
    "retries": {"total_max_attempts": 1, "mode": "standard"},
}
"""Of botocore; `retries` tries again, and the numbers of tries would multiply."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Storage:
    """Files below one fsspec URL, by their names relative to it.

    Every method raises StorageError when the storage refuses or cannot be reached.

    Attributes:
        shown: URL, without password.
        root_card: Whether `README.md` at the root is shown to those who look at the storage.
    """

    root_card = False

    def __init__(self, url: str) -> None:
        self._secrets = _user_info(url)
        self.shown = url.replace(self._secrets, "…@", 1) if self._secrets else url
        with self._translated("opened"):
            import fsspec

            self._fs, root = fsspec.core.url_to_fs(url, **_options(url))
        self._root = str(root).rstrip("/")
        self._read_options: dict[str, Any] = {}
        if _scheme(url) in _S3:
            self._fs.retries = 1  # of s3fs: `persistent` tries again
            self._read_options = {"max_concurrency": 1}  # more would ask for the size first
        protocol = self._fs.protocol
        protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._uploads_whole = bool(protocols & _WHOLE_UPLOADS)
        # Others, as FTP, have one connection, which two threads must not share.
        self._at_once = AT_ONCE if self._fs.async_impl else 1

    def url(self, name: str) -> str:
        """The full URL of a file, without password."""
        return f"{self.shown.rstrip('/')}/{name}"

    # -- reading -----------------------------------------------------------------------------

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None when it is not there."""
        with self._translated("read"):
            try:
                path, options = self._path(name), self._read_options
                return bytes(persistent(lambda: self._fs.cat_file(path, **options)))
            except (FileNotFoundError, NotADirectoryError) as error:
                if is_no_bucket(error):
                    raise
                return None

    def read_many(self, names: Iterable[str]) -> Iterator[tuple[str, bytes | None]]:
        """Like `read`, for several files at once, in their order; few are in memory at a time."""
        return self._many(lambda name: (name, self.read(name)), names)

    def digests(self, names: Iterable[str]) -> Iterator[tuple[str, str | None]]:
        """Name and sha256 of each file as it is read now, in order; None when it is not there."""
        return self._many(lambda name: (name, self._digest(name)), names)

    def sizes(self, folder: str = "") -> dict[str, int]:
        """Name and size in bytes of every file below a folder, or of all; sorted by name."""
        with self._translated("listed"):
            self._fs.invalidate_cache()
            found = persistent(lambda: self._fs.find(self._path(folder), detail=True))
        start = len(self._root) + 1
        return {name[start:]: int(info["size"]) for name, info in sorted(found.items())}

    # -- writing -----------------------------------------------------------------------------

    def check_writable(self) -> None:
        """Write a small file before any work is done, and clear what killed processes left."""
        probe = f"{PARTS}/probe"
        with self._translated("written to"):
            self._write(probe, b"Written by ls-clip to see if it may write here.\n")
        self.remove_many(self.sizes(PARTS).keys() | {probe})

    @contextmanager
    def together(self) -> Iterator[None]:
        """Let what is written inside appear in as few steps as this storage can make, in order.

        When this ends, everything is in place. Elsewhere than on the hub it is at once, as ever.
        """
        yield

    def put_many(
        self, files: Iterable[tuple[str, bytes | Path]], progress: Progress = silent
    ) -> None:
        """Put files in place, instead of those that may be there, several at once.

        When this returns, they are safe from a power failure. When it raises, some of them are in
        place and others are not; none is there in part.

        Args:
            files: Name, and bytes or the local file that has them; taken as they are needed.
            progress: Called with (done, total) where `files` has a length.
        """
        total = len(files) if isinstance(files, Collection) else 0
        folders: set[str] = set()
        progress(0, total)
        for done, name in enumerate(self._many(self._put, files), start=1):
            folders.add(str(PurePosixPath(name).parent))
            progress(done, total)
        self._settle(folders)

    def copy_many(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy files within the storage, (existing, new); what is at a new name is replaced.

        Several at once, by the storage's own server; hard links locally, where they can be.
        """
        with self._translated("written to"):
            if not self._uploads_whole:
                self._make_folders({str(PurePosixPath(new).parent) for _, new in pairs})
        for _ in self._many(self._copy, pairs):
            pass

    def put_and_copy(
        self, files: Sequence[tuple[str, bytes]], pairs: Sequence[tuple[str, str]]
    ) -> None:
        """`put_many`, and `copy_many` of files that were there before."""
        self.put_many(files)
        self.copy_many(pairs)

    def remove_many(self, names: Iterable[str]) -> None:
        """Remove files, several at once, and the folders that are empty then.

        Nothing happens where a file is not there.
        """
        for _ in self._many(self._remove, names):
            pass

    # -- one file ----------------------------------------------------------------------------

    def _put(self, file: tuple[str, bytes | Path]) -> str:
        name, content = file
        data = content if isinstance(content, bytes) else content.read_bytes()
        with self._translated("written to"):
            if self._uploads_whole:
                self._write(name, data)
            else:
                part = f"{PARTS}/{uuid4().hex}"
                self._write(part, data)
                self._make_folders({str(PurePosixPath(name).parent)})
                self._fs.mv(self._path(part), self._path(name))
        return name

    def _write(self, name: str, data: bytes) -> None:
        if not self._uploads_whole:  # there, a missing folder could become a new bucket
            self._make_folders({str(PurePosixPath(name).parent)})
        persistent(lambda: self._fs.pipe_file(self._path(name), data))

    def _copy(self, pair: tuple[str, str]) -> None:
        existing, new = (self._path(name) for name in pair)
        with self._translated("written to"):
            persistent(lambda: self._fs.cp_file(existing, new))

    def _remove(self, name: str) -> None:
        with self._translated("written to"), suppress(FileNotFoundError):
            persistent(lambda: self._fs.rm_file(self._path(name)))

    def _digest(self, name: str) -> str | None:
        with self._translated("read"):
            try:
                return persistent(lambda: self._digest_once(name))
            except (FileNotFoundError, NotADirectoryError):
                return None

    def _digest_once(self, name: str) -> str:
        digest = hashlib.sha256()
        with self._fs.open(self._path(name), "rb", block_size=_CHUNK) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
        return digest.hexdigest()

    # -- folders -----------------------------------------------------------------------------

    def _make_folders(self, names: Iterable[str]) -> None:
        for name in sorted(names):
            self._fs.makedirs(self._path(name), exist_ok=True)

    def _settle(self, folders: Collection[str]) -> None:
        """Have new names in these folders outlast a power failure, where that is not so anyway."""

    def _many(self, work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        return bounded_map(work, items, self._at_once)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    @contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except LsClipError:
            raise
        except ImportError as error:
            raise self._needs_extra(error) from error
        except Exception as error:
            # Each fsspec implementation raises what its own library raises: no list would be whole.
            raise self._refused(error, done) from error

    def _refused(self, error: Exception, done: str) -> StorageError:
        why, hint = map(self._scrubbed, meaning(error, self.shown, done))
        return StorageError(f"Training storage {self.shown} cannot be {done}: {why}", hint=hint)

    def _needs_extra(self, error: ImportError) -> StorageError:
        extra = EXTRAS.get(_scheme(self.shown))
        package = f"'label-studio-clip[{extra}]'" if extra else "the fsspec package it names"
        return StorageError(
            f"Training storage {self.shown} cannot be opened: {error}",
            hint=f"Install what it needs: pip install {package}",
        )

    def _scrubbed(self, text: str) -> str:
        return text.replace(self._secrets, "…@") if self._secrets else text


def bounded_map(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[Result]:
    """`map` with `workers` threads, which takes from `items` only what it is about to need.

    What the work or `items` raises is raised here, after what runs has ended; what waits is not
    begun.
    """
    items = iter(items)
    head = list(islice(items, 2))
    items = chain(head, items)
    if workers == 1 or len(head) < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) >= 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _options(url: str) -> dict[str, Any]:
    """Of the file system; what fsspec's own configuration says of an S3 client wins."""
    from fsspec.config import conf

    scheme = _scheme(url)
    # A listing that is kept would hide what others have written or removed since.
    kept: dict[str, Any] = {"use_listings_cache": False} if scheme in _WHOLE_UPLOADS else {}
    if scheme in _S3:
        kept["config_kwargs"] = {**_CLIENT, **conf.get("s3", {}).get("config_kwargs", {})}
    return kept


def _scheme(url: str) -> str:
    return url.partition("://")[0]


def _user_info(url: str) -> str:
    """`user:password@` of a URL, or nothing."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    return f"{user}@" if at and ":" in user else ""
