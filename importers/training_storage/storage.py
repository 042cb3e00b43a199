"""Training storage as a folder of whole files, wherever fsspec can write.

A file is there whole or not at all: on a local disk a temporary one is flushed and renamed; object
stores show an upload once it is complete; elsewhere a temporary file is moved. What a killed
process leaves is a temporary file, which `is_temporary` knows again.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from importers.training_storage.records import IMAGES
from ls_backend.errors import StorageError

_TEMPORARY = ".ls-clip-part-"
_WHOLE_UPLOADS = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl"}
_EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure"),
}


class Storage:
    """Files below one fsspec URL, by their names relative to it.

    Every method raises StorageError when the storage refuses or cannot be reached.
    """

    def __init__(self, url: str) -> None:
        self.shown = _without_password(url)
        self._secrets = _user_info(url)
        with self._translated("opened"):
            import fsspec

            self._fs, root = fsspec.core.url_to_fs(url)
        self._root = str(root).rstrip("/")
        protocol = self._fs.protocol
        self._protocols = {protocol} if isinstance(protocol, str) else set(protocol)
        self._is_local = "file" in self._protocols
        self._uploads_whole = bool(self._protocols & _WHOLE_UPLOADS)

    def images(self) -> dict[str, int]:
        """Name and size in bytes of every file below `images/`, temporary ones too."""
        with self._translated("listed"):
            self._fs.invalidate_cache()
            found: dict[str, dict[str, Any]] = self._fs.find(self._path(IMAGES), detail=True)
        return {name[len(self._root) + 1 :]: int(info["size"]) for name, info in found.items()}

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None when it is not there."""
        with self._translated("read"):
            try:
                return bytes(self._fs.cat_file(self._path(name)))
            except FileNotFoundError:
                return None

    def check_writable(self) -> None:
        """Write a small file and remove it again, before any work is done."""
        with self._translated("written to"):
            self._write(temporary("probe"), b"Written by ls-clip to see if it may write here.\n")
        self.remove(temporary("probe"))

    def put(self, name: str, data: bytes) -> None:
        """Put a file in place at once, instead of the one that may be there."""
        with self._translated("written to"):
            if self._uploads_whole:
                self._write(name, data)
            else:
                part = temporary(PurePosixPath(name).name)
                self._write(part, data)
                self._move(part, name)

    def remove(self, name: str) -> None:
        """Remove a file; nothing happens when it is not there."""
        with self._translated("written to"), suppress(FileNotFoundError):
            self._fs.rm_file(self._path(name))

    def remove_empty_folders(self, names: Iterable[str]) -> None:
        """Remove those folders that are empty; only local storage has such things.

        torchvision's ImageFolder takes a folder without images for an error.
        """
        if self._is_local:
            for name in names:
                with suppress(OSError):  # not empty, or not there
                    Path(self._path(name)).rmdir()

    def _write(self, name: str, data: bytes) -> None:
        if self._is_local:
            _write_through(Path(self._path(name)), data)
            return
        if not self._uploads_whole:  # there, a missing folder could become a new bucket
            self._fs.makedirs(self._path(IMAGES), exist_ok=True)
        self._fs.pipe_file(self._path(name), data)

    def _move(self, part: str, name: str) -> None:
        source, target = self._path(part), self._path(name)
        if self._is_local:
            Path(target).parent.mkdir(exist_ok=True)
            Path(source).replace(target)
        else:
            self._fs.makedirs(str(PurePosixPath(target).parent), exist_ok=True)
            self._fs.mv(source, target)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    @contextmanager
    def _translated(self, done: str) -> Iterator[None]:
        try:
            yield
        except StorageError:
            raise
        except ImportError as error:
            raise self._needs_extra(error) from error
        except Exception as error:
            # Each fsspec implementation raises what its own library raises: no list would be whole.
            reason = self._scrubbed(str(error) or type(error).__name__)
            raise StorageError(
                f"Training storage {self.shown} cannot be {done}: {reason}",
                hint="Check [storage] url in campaign.toml, and that you may read and write there; "
                "credentials come from the usual environment of that storage.",
            ) from error

    def _needs_extra(self, error: ImportError) -> StorageError:
        extra = _EXTRAS.get(self.shown.partition("://")[0])
        package = f"'label-studio-clip[{extra}]'" if extra else "the fsspec package it names"
        return StorageError(
            f"Training storage {self.shown} cannot be opened: {error}",
            hint=f"Install what it needs: pip install {package}",
        )

    def _scrubbed(self, text: str) -> str:
        return text.replace(self._secrets, "…@") if self._secrets else text


def temporary(name: str) -> str:
    """The name under which a file is written before it is moved into place."""
    return f"{IMAGES}/{_TEMPORARY}{name}"


def is_temporary(name: str) -> bool:
    """If this is the name of a file that was never moved into place."""
    return name.startswith(temporary(""))


def _write_through(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _without_password(url: str) -> str:
    secrets = _user_info(url)
    return url.replace(secrets, "…@", 1) if secrets else url


def _user_info(url: str) -> str:
    """`user:password@` of a URL, or nothing."""
    user, at, _ = urlsplit(url).netloc.rpartition("@")
    return f"{user}@" if at and ":" in user else ""
