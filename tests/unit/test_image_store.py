from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from flushed_files import flushes_in

from importers.image_store import ImageStore, image_format


def test_bytes_come_back_by_their_sha256(tmp_path: Path) -> None:
    store = ImageStore(tmp_path / "images")
    data = b"\x89PNG\r\n\x1a\n" + b"pixels"
    digest = store.put(data)
    assert digest == hashlib.sha256(data).hexdigest()
    assert store.get(digest) == data
    assert store.path(digest).suffix == ".png"


def test_storing_twice_writes_once_and_leaves_no_parts(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    digest = store.put(b"\xff\xd8\xffsame")
    before = store.path(digest).stat().st_mtime_ns
    assert store.put(b"\xff\xd8\xffsame") == digest
    assert store.path(digest).stat().st_mtime_ns == before
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".jpg"]


def test_an_image_is_on_the_disk_before_it_has_its_name(tmp_path: Path) -> None:
    store = ImageStore(tmp_path)
    with flushes_in(tmp_path) as flushed:
        file = store.path(store.put(b"\xff\xd8\xff" + bytes(5000)))
        (written,) = flushed()
    assert (written.inode, written.size) == (file.stat().st_ino, 5003)
    assert file.name not in written.names


def test_a_missing_image_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no image"):
        ImageStore(tmp_path).get("00" * 32)


def test_formats_by_their_first_bytes() -> None:
    assert image_format(b"RIFFxxxxWEBP") == "webp"
    assert image_format(b"<html>") == "bin"
