"""What was brought to the disk: files as they were when their content was flushed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class FlushedFile:
    """One call of fsync.

    Attributes:
        inode: The file's number, which a rename does not change.
        size: Bytes that it held.
        names: Names of all files that lay in the folder then.
    """

    inode: int
    size: int
    names: list[str]


@contextmanager
def flushes_in(folder: Path) -> Iterator[Callable[[], list[FlushedFile]]]:
    """Record the calls of the real fsync; gives those so far."""
    seen: list[FlushedFile] = []
    fsync = os.fsync

    def recording(handle: int) -> None:
        fsync(handle)
        about = os.fstat(handle)
        names = sorted(path.name for path in folder.rglob("*") if path.is_file())
        seen.append(FlushedFile(about.st_ino, about.st_size, names))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", recording)
        yield lambda: list(seen)
