"""Ends a process at any moment: before the n-th step that changes a storage."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

LOCAL_STEPS = [(os, name) for name in ("mkdir", "replace", "remove", "unlink", "rmdir", "link")]
MEMORY_STEPS = [
    (MemoryFileSystem, name) for name in ("makedirs", "pipe_file", "cp_file", "rm_file")
]


_MKDIR = os.mkdir


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Counts moments down where `moments_left` is set; once there are none, every step fails."""

    def __init__(self) -> None:
        self.moments_left: int | None = None
        self._lock = Lock()

    def watch(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            if step is not _MKDIR or not Path(args[0]).is_dir():  # which changes nothing
                self._moment()
            return step(*args, **options)

        return watched

    def kills(self, moment: int, work: Callable[[], object]) -> bool:
        """Do the work and die at this moment; False when it has ended before."""
        self.moments_left = moment
        try:
            work()
        except Killed:
            return True
        finally:
            self.moments_left = None
        return False

    def _moment(self) -> None:
        with self._lock:
            if self.moments_left is not None:
                self.moments_left -= 1
                if self.moments_left < 0:
                    raise Killed


def watched(monkeypatch: pytest.MonkeyPatch) -> Killer:
    """A killer that sees every step to a local or an in-memory storage."""
    killer = Killer()
    monkeypatch.setattr(
        os, "fsync", lambda _: None
    )  # a kill, unlike a power failure, loses nothing
    for owner, name in LOCAL_STEPS + MEMORY_STEPS:
        monkeypatch.setattr(owner, name, killer.watch(getattr(owner, name)))
    return killer
