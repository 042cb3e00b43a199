"""Vectors on disk: bounded, shared, and never needed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path

import numpy as np
import pytest

from ls_backend.vector_cache import FILE, ROW_OVERHEAD_BYTES, SWEEP_EVERY, VectorCache

MIB = 1024 * 1024


def vector(number: float) -> np.ndarray:
    return np.full(8, number, dtype=np.float32)


def test_a_vector_comes_back_under_each_key_in_another_process_too(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "new", MIB)
    cache.put(vector(1), "content", "name")
    other = VectorCache(tmp_path / "new", MIB)

    for asked in (cache, other):
        assert asked.get(["name"])["name"] == pytest.approx(vector(1))
        assert asked.get(["content"])["content"] == pytest.approx(vector(1))
        assert asked.get(["unknown"]) == {}
    cache.close()
    other.close()
    assert (tmp_path / "new" / FILE).stat().st_mode & 0o077 == 0


def test_the_least_recently_used_are_dropped(tmp_path: Path) -> None:
    keep = 100
    cache = VectorCache(tmp_path, keep * (vector(0).nbytes + ROW_OVERHEAD_BYTES))
    for number in range(SWEEP_EVERY):
        cache.put(vector(number), str(number))
        time.sleep(0.0001)
    cache.close()
    cache = VectorCache(tmp_path, keep * (vector(0).nbytes + ROW_OVERHEAD_BYTES))
    cache.put(vector(SWEEP_EVERY), str(SWEEP_EVERY))
    kept = cache.get([str(number) for number in range(SWEEP_EVERY + 1)])
    cache.close()

    assert set(kept) == {str(n) for n in range(SWEEP_EVERY - keep + 1, SWEEP_EVERY + 1)}


def test_zero_bytes_remember_nothing(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path / "none", 0)
    cache.put(vector(1), "key")

    assert cache.get(["key"]) == {}
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_used_costs_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("no folder")
    cache = VectorCache(tmp_path / "file", MIB)
    for _ in range(3):
        cache.put(vector(1), "key")
        assert cache.get(["key"]) == {}

    assert len(caplog.messages) == 1
    assert "CLIP_CACHE_DIR" in caplog.messages[0]


def test_a_damaged_file_costs_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE).write_bytes(b"not a database, whatever its name says" * 100)
    with caplog.at_level(logging.WARNING):
        cache = VectorCache(tmp_path, MIB)
        cache.put(vector(1), "key")

    assert cache.get(["key"]) == {}
    assert len(caplog.messages) == 1


def put_for_ever(folder: Path) -> None:
    cache = VectorCache(folder, 1024 * MIB)
    number = 0
    while True:
        cache.put(vector(number), f"{os.getpid()} {number}")
        number += 1


def test_writers_that_are_killed_leave_it_whole(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put_for_ever, args=(tmp_path,)) for _ in range(2)]
    for writer in writers:
        writer.start()
    until = time.monotonic() + 60
    while written(tmp_path, writers) < 2 and time.monotonic() < until:
        time.sleep(0.05)
    for writer in writers:
        assert writer.pid
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()

    cache = VectorCache(tmp_path, 1024 * MIB)
    for writer in writers:
        assert cache.get([f"{writer.pid} 0"])[f"{writer.pid} 0"] == pytest.approx(vector(0))
    cache.close()
    db = sqlite3.connect(tmp_path / FILE)
    assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


def written(folder: Path, writers: list) -> int:
    cache = VectorCache(folder, 1024 * MIB)
    count = len(cache.get([f"{writer.pid} 50" for writer in writers]))
    cache.close()
    return count
