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

from ls_backend.images.vector_cache import FILE, SWEEP_EVERY, VectorCache

MIB = 1024 * 1024


def vector(number: float) -> np.ndarray:
    return np.full(8, number, dtype=np.float32)


def long_vector(number: float) -> np.ndarray:
    return np.full(512, number, dtype=np.float32)


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


def on_disk(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


def test_the_least_recently_used_are_dropped_and_the_file_stays_small(tmp_path: Path) -> None:
    many = 2 * SWEEP_EVERY
    cache = VectorCache(tmp_path, MIB)
    for number in range(many):
        cache.put(long_vector(number), str(number), f"name of {number}")
        time.sleep(0.0001)
    cache.close()
    cache = VectorCache(tmp_path, MIB)
    cache.put(long_vector(many), str(many))  # the first put looks at the bound
    kept = sorted(int(key) for key in cache.get([str(number) for number in range(many + 1)]))
    named = cache.get([f"name of {number}" for number in range(many)])
    cache.close()

    assert kept == list(range(kept[0], many + 1))
    assert set(named) == {f"name of {number}" for number in kept[:-1]}
    assert 0.5 * MIB < len(kept) * long_vector(0).nbytes < MIB


def test_a_full_cache_grows_no_further(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path, MIB)
    for number in range(8 * SWEEP_EVERY):
        cache.put(long_vector(number), str(number), f"name of {number}")
    cache.close()

    between_two_looks = SWEEP_EVERY * long_vector(0).nbytes
    assert on_disk(tmp_path) < MIB + 1.5 * between_two_looks


def test_a_name_costs_a_fraction_of_a_vector(tmp_path: Path) -> None:
    for folder, names in ((tmp_path / "bare", 0), (tmp_path / "named", 2)):
        cache = VectorCache(folder, 100 * MIB)
        for number in range(500):
            key = f"{number:064}"
            cache.put(long_vector(number), key, *(f"{key} {name}" for name in range(names)))
        cache.close()

    bare, named = on_disk(tmp_path / "bare"), on_disk(tmp_path / "named")
    assert bare < 500 * long_vector(0).nbytes * 1.4
    assert named < 1.3 * bare


def test_a_file_of_an_earlier_version_goes_on(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / FILE)
    db.execute(
        "CREATE TABLE vectors "
        "(key TEXT PRIMARY KEY, vector BLOB NOT NULL, used REAL NOT NULL) WITHOUT ROWID"
    )
    for key in ("content", "name"):
        db.execute("INSERT INTO vectors VALUES (?, ?, ?)", (key, vector(1).tobytes(), time.time()))
    db.commit()
    db.close()
    cache = VectorCache(tmp_path, MIB)
    cache.put(vector(2), "other content", "other name")

    expected = {"content": 1, "name": 1, "other content": 2, "other name": 2}
    assert {key: found[0] for key, found in cache.get(list(expected)).items()} == expected
    cache.close()


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
