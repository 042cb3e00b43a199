"""Files are whole and on the disk before they have their name, and stay as they were otherwise."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from flushed_files import FlushedFile, flushes_in

from ls_backend.whole_files import flush, put_in_place, write_whole


def test_the_content_is_on_the_disk_before_the_name_is_there(tmp_path: Path) -> None:
    target, part = tmp_path / "file", tmp_path / "part"
    with flushes_in(tmp_path) as flushed:
        write_whole(target, b"0123456789", part)
        assert flushed() == [FlushedFile(target.stat().st_ino, 10, ["part"])]
    assert target.read_bytes() == b"0123456789"
    assert not part.exists()


def test_a_file_that_was_there_is_replaced_and_nothing_else_left(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")
    write_whole(target, b"new")
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, f"No space left for {handle}")

    target, part = tmp_path / "file", tmp_path / "part"
    target.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new")
    assert list(tmp_path.iterdir()) == [target]
    with pytest.raises(OSError, match="No space"):
        write_whole(target, b"new", part)
    assert (target.read_bytes(), part.read_bytes()) == (b"old", b"new")


def test_a_file_of_others_is_flushed_before_it_has_its_name(tmp_path: Path) -> None:
    part, target = tmp_path / "part", tmp_path / "file"
    part.write_bytes(b"content")
    with flushes_in(tmp_path) as flushed:
        put_in_place(part, target)
        assert flushed() == [FlushedFile(target.stat().st_ino, 7, ["part"])]


def test_a_folder_can_be_flushed(tmp_path: Path) -> None:
    with flushes_in(tmp_path) as flushed:
        flush(tmp_path)
        assert [each.inode for each in flushed()] == [tmp_path.stat().st_ino]
