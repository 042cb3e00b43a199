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
PAGE_BYTES = 16_384
"""Of which a vector of usual length wastes little; SQLite's own 4096 hold one of 512 numbers."""
LOG_PAGES = 256
"""After which what is written ahead goes into the file."""
KEYS_AT_ONCE = 400
"""In one question; SQLite takes 999 values everywhere, and each key is named twice."""
SWEEP_EVERY = 512
"""Vectors put between two looks at the bound."""
SWEPT_TO = 0.9
"""How much of the bound a sweep leaves filled, so that the next one is not soon."""
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
        """The vectors of those keys and names that are known."""
        with self._lock:
            if self._db is None:
                return {}
            try:
                rows = [row for part in _parts(keys) for row in _select(self._db, part)]
                stale = {
                    key for _, key, _, used in rows if time.time() - used > TOUCH_AFTER_SECONDS
                }
                if stale:
                    touched = [(time.time(), key) for key in stale]
                    with self._db:
                        self._db.executemany("UPDATE vectors SET used = ? WHERE key = ?", touched)
            except sqlite3.Error as error:
                self._failed(error)
                return {}
        return {asked: np.frombuffer(data, dtype=np.float32) for asked, _, data, _ in rows}

    def put(self, vector: Vector, key: str, *names: str) -> None:
        """Remember the vector, shape (d,), under the key, and that the names stand for the key."""
        with self._lock:
            if self._db is None:
                return
            data, now = vector.astype(np.float32).tobytes(), time.time()
            try:
                with self._db:
                    self._db.execute(
                        "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", (key, data, now)
                    )
                    self._db.executemany(
                        "INSERT OR REPLACE INTO names VALUES (?, ?)",
                        [(name, key) for name in names],
                    )
                    self._puts += 1
                    if self._puts >= SWEEP_EVERY:
                        self._puts = 0
                        self._sweep(self._db)
            except sqlite3.Error as error:
                self._failed(error)

    def close(self) -> None:
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _sweep(self, db: sqlite3.Connection) -> None:
        share = SWEPT_TO * self._max_bytes / _bytes_used(db)
        if share >= SWEPT_TO:
            return
        (count,) = db.execute("SELECT count(*) FROM vectors").fetchone()
        db.execute(
            "DELETE FROM vectors WHERE key IN (SELECT key FROM vectors ORDER BY used LIMIT ?)",
            (count - int(count * share),),
        )
        db.execute("DELETE FROM names WHERE key NOT IN (SELECT key FROM vectors)")

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


def _select(db: sqlite3.Connection, asked: Sequence[str]) -> list[tuple[str, str, bytes, float]]:
    """What was asked for, be it a key or a name; its key, its vector, and when it was used."""
    marks = ", ".join("?" * len(asked))
    return db.execute(
        f"SELECT key, key, vector, used FROM vectors WHERE key IN ({marks}) UNION ALL "
        f"SELECT name, key, vector, used FROM names JOIN vectors USING (key) "
        f"WHERE name IN ({marks})",
        (*asked, *asked),
    ).fetchall()


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + KEYS_AT_ONCE] for start in range(0, len(keys), KEYS_AT_ONCE))


def _bytes_used(db: sqlite3.Connection) -> int:
    pages, free, size = (
        db.execute(f"PRAGMA {what}").fetchone()[0]
        for what in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _opened(folder: Path) -> sqlite3.Connection:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.touch(mode=0o600)
    db = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level="DEFERRED", check_same_thread=False
    )
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES}")
        with db:
            db.execute(
                "CREATE TABLE IF NOT EXISTS vectors "
                "(key TEXT PRIMARY KEY, vector BLOB NOT NULL, used REAL NOT NULL)"
            )
            db.execute(
                "CREATE TABLE IF NOT EXISTS names "
                "(name TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID"
            )
            db.execute("CREATE INDEX IF NOT EXISTS by_use ON vectors (used)")
    except sqlite3.Error:
        db.close()
        raise
    return db
