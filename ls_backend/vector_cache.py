"""Image vectors on disk: the same image is encoded once per model, whoever asks.

One SQLite file in write-ahead mode: several processes may share it, and a kill at any moment leaves
it whole. It is a help and never a need: where the disk fails, the backend goes on without it.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FILE = "vectors.sqlite3"
BUSY_SECONDS = 2.0
ROW_OVERHEAD_BYTES = 256
"""Key, times and page waste of one row, beside its vector."""
KEYS_AT_ONCE = 500
"""In one question to SQLite, which takes 999 everywhere."""
SWEEP_EVERY = 512
"""Vectors put between two looks at the bound."""
TOUCH_AFTER_SECONDS = 3600.0
"""How stale the time of last use may be: so reading mostly writes nothing."""

Vector = NDArray[np.float32]

log = logging.getLogger(__name__)


class VectorCache:
    """Vectors by key, the least recently used dropped first. Safe between threads and processes.

    Args:
        folder: Made where it does not exist.
        max_bytes: What the vectors may take on disk, about; 0 remembers nothing.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        self._lock = threading.Lock()
        self._puts = SWEEP_EVERY  # the first put looks, however short processes live
        self._db: sqlite3.Connection | None = None
        if max_bytes > 0:
            try:
                self._db = _opened(folder)
            except (OSError, sqlite3.Error) as error:
                self._give_up(error)

    def get(self, keys: Sequence[str]) -> dict[str, Vector]:
        """The vectors put under those of the keys that are known."""
        with self._lock:
            if self._db is None:
                return {}
            try:
                rows = [row for part in _parts(keys) for row in _select(self._db, part)]
                stale = [row[0] for row in rows if time.time() - row[2] > TOUCH_AFTER_SECONDS]
                if stale:
                    touched = [(time.time(), key) for key in stale]
                    with self._db:
                        self._db.executemany("UPDATE vectors SET used = ? WHERE key = ?", touched)
            except sqlite3.Error as error:
                self._failed(error)
                return {}
        return {key: np.frombuffer(data, dtype=np.float32) for key, data, _ in rows}

    def put(self, vector: Vector, *keys: str) -> None:
        """Remember the vector, shape (d,), under each of the keys."""
        with self._lock:
            if self._db is None:
                return
            data, now = vector.astype(np.float32).tobytes(), time.time()
            try:
                with self._db:
                    self._db.executemany(
                        "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                        [(key, data, now) for key in keys],
                    )
                    self._puts += len(keys)
                    if self._puts >= SWEEP_EVERY:
                        self._puts = 0
                        self._sweep(self._db, len(data))
            except sqlite3.Error as error:
                self._failed(error)

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _sweep(self, db: sqlite3.Connection, vector_bytes: int) -> None:
        most = self._max_bytes // (vector_bytes + ROW_OVERHEAD_BYTES)
        db.execute(
            "DELETE FROM vectors WHERE key IN "
            "(SELECT key FROM vectors ORDER BY used DESC LIMIT -1 OFFSET ?)",
            (most,),
        )

    def _failed(self, error: sqlite3.Error) -> None:
        if getattr(error, "sqlite_errorname", "") != "SQLITE_BUSY":  # another process is slow
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        log.warning(
            "image vectors are no longer remembered: %s in %s. Mend the folder, or name another: "
            "CLIP_CACHE_DIR; CLIP_CACHE_MAX_BYTES=0 switches it off.",
            error,
            self._folder,
        )
        if self._db is not None:
            self._db.close()
            self._db = None


def _select(db: sqlite3.Connection, keys: Sequence[str]) -> list[tuple[str, bytes, float]]:
    marks = ", ".join("?" * len(keys))
    return db.execute(
        f"SELECT key, vector, used FROM vectors WHERE key IN ({marks})", keys
    ).fetchall()


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + KEYS_AT_ONCE] for start in range(0, len(keys), KEYS_AT_ONCE))


def _opened(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.touch(mode=0o600)
    db = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level="DEFERRED", check_same_thread=False
    )
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        with db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(key TEXT PRIMARY KEY, vector BLOB NOT NULL, used REAL NOT NULL) WITHOUT ROWID"
            )
            db.execute("CREATE INDEX IF NOT EXISTS by_use ON vectors (used)")
    except sqlite3.Error:
        db.close()
        raise
    return db
