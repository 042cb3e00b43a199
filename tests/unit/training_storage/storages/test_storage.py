from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from importers.training_storage.storages import open_storage
from importers.training_storage.storages.fsspec_storage import PARTS, Storage, bounded_map
from ls_backend.errors import LedgerError, StorageError


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return open_storage(str(tmp_path / "train #1 [new]"))
    return open_storage(request.getfixturevalue("memory_url"))


def test_files_are_put_listed_read_and_removed(storage: Storage, tmp_path: Path) -> None:
    (tmp_path / "original.png").write_bytes(b"other")
    assert storage.sizes() == {}
    assert storage.read("LATEST") is None
    storage.put_many([("LATEST", b"1\n"), ("objects/a [1]/1.png", b"one")])
    storage.put_many([("objects/a [1]/1.png", tmp_path / "original.png")])
    assert storage.sizes() == {"LATEST": 2, "objects/a [1]/1.png": 5}
    assert storage.sizes("objects") == {"objects/a [1]/1.png": 5}
    assert storage.read("objects/a [1]/1.png") == b"other"
    names = ["LATEST", "nowhere", "objects/a [1]/1.png"]
    assert dict(storage.read_many(names)) == dict(zip(names, [b"1\n", None, b"other"], strict=True))
    other = hashlib.sha256(b"other").hexdigest()
    assert list(storage.digests(names[1:])) == [("nowhere", None), (names[2], other)]
    storage.remove_many(names)
    storage.remove_many(names)
    assert storage.sizes() == {}


def test_many_files_at_once_tell_how_far_they_are(storage: Storage) -> None:
    files = {f"objects/{number % 7}/{number}": b"%d" % number for number in range(300)}
    seen: list[tuple[int, int]] = []
    storage.put_many(files.items(), lambda done, total: seen.append((done, total)))
    assert seen == [(done, 300) for done in range(301)]
    assert dict(storage.read_many(files)) == files
    assert storage.sizes() == {name: len(data) for name, data in sorted(files.items())}


def test_copies_have_the_bytes_and_replace_what_is_there(storage: Storage) -> None:
    storage.put_many([("objects/1", b"one"), ("objects/2", b"two"), ("tree/cat/a", b"old")])
    storage.copy_many([("objects/1", "tree/cat/a"), ("objects/2", "tree/dog/b")])
    assert storage.read("tree/cat/a") == b"one"
    assert storage.read("tree/dog/b") == b"two"
    storage.remove_many(["tree/cat/a"])
    assert storage.read("objects/1") == b"one"
    with pytest.raises(StorageError, match="cannot be written to"):
        storage.copy_many([("objects/none", "tree/cat/c")])


def test_local_copies_are_hard_links_where_the_disk_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = open_storage(str(tmp_path))
    storage.put_many([("objects/1", b"one")])
    storage.copy_many([("objects/1", "tree/1")])
    assert (tmp_path / "tree/1").stat().st_ino == (tmp_path / "objects/1").stat().st_ino

    def no_links(*_: Any, **__: Any) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", no_links)
    storage.copy_many([("objects/1", "tree/2")])
    assert (tmp_path / "tree/2").stat().st_ino != (tmp_path / "objects/1").stat().st_ino
    assert storage.read("tree/2") == b"one"


def test_the_write_probe_leaves_nothing_and_clears_what_was_killed(storage: Storage) -> None:
    storage.put_many([(f"{PARTS}/1234", b"half a pict"), ("LATEST", b"1\n")])
    storage.check_writable()
    assert storage.sizes() == {"LATEST": 2}


def test_a_file_url_is_a_local_folder(tmp_path: Path) -> None:
    storage = open_storage(f"file://{tmp_path}/training")
    storage.put_many([("objects/1.png", b"one")])
    assert (tmp_path / "training/objects/1.png").read_bytes() == b"one"
    assert storage.url("objects/1.png") == f"file://{tmp_path}/training/objects/1.png"


def test_folders_go_with_their_last_file(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    storage.put_many([("tree/cat/1", b"one"), ("tree/dog/2", b"two")])
    storage.remove_many(["tree/cat/1"])
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]
    assert [path.name for path in (tmp_path / "tree").iterdir()] == ["dog"]
    storage.remove_many(["tree/dog/2"])
    assert list(tmp_path.iterdir()) == []


def test_what_the_files_themselves_raise_is_not_taken_for_the_storage(storage: Storage) -> None:
    def files() -> Any:
        yield "objects/1", b"one"
        raise LedgerError("The original is gone.", hint="Restore it.")

    with pytest.raises(LedgerError, match="original is gone"):
        storage.put_many(files())
    with pytest.raises(FileNotFoundError):
        storage.put_many([("objects/2", Path("/nowhere/original.png"))])
    assert set(storage.sizes()) <= {"objects/1"}


def test_few_items_are_taken_ahead_of_need() -> None:
    taken: list[int] = []

    def items() -> Any:
        for number in range(100):
            taken.append(number)
            yield number

    for workers in (1, 4):
        taken.clear()
        results = bounded_map(str, items(), workers)
        assert next(results) == "0"
        assert len(taken) <= max(2, 2 * workers)
        assert list(results) == [str(number) for number in range(1, 100)]


class Bucket(MemoryFileSystem):  # type: ignore[misc]
    """An object store: what it is asked to do, by name."""

    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    protocol = "gs"
    asked: ClassVar[list[tuple[str, ...]]] = []

    def pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
        self.asked.append(("put", path))
        super().pipe_file(path, value, **kwargs)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        self.asked.append(("create a bucket", path))
        super().makedirs(path, exist_ok)

    def cp_file(self, path1: str, path2: str, **kwargs: Any) -> None:
        self.asked.append(("copy", path1, path2))
        super().cp_file(path1, path2, **kwargs)


def test_an_object_store_gets_one_whole_upload_per_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_registry, "gs", Bucket)
    storage = open_storage("gs://bucket/training")
    storage.put_many([("objects/1.png", b"one")])
    assert Bucket.asked == [("put", "gs://bucket/training/objects/1.png")]
    storage.check_writable()
    assert [operation for operation, *_ in Bucket.asked] == ["put", "put"]
    assert storage.sizes() == {"objects/1.png": 3}
    storage.copy_many([("objects/1.png", "tree/1.png")])
    assert [operation for operation, *_ in Bucket.asked[2:]] == ["copy"]
    assert storage.url("tree/1.png") == "gs://bucket/training/tree/1.png"


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    storage = open_storage(str(tmp_path / "file/training"))
    with pytest.raises(StorageError, match=r"file/training cannot be written to: .*directory"):
        storage.check_writable()
    assert storage.read("LATEST") is None


def test_an_unknown_kind_of_storage_says_so() -> None:
    with pytest.raises(StorageError, match="Protocol not known: floppy") as error:
        open_storage("floppy://a/training")
    assert "url under [storage]" in error.value.hint


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StorageError) as error:
        open_storage("s3://bucket/training")
    assert error.value.hint.endswith("pip install 'label-studio-clip[s3]'")


def test_no_password_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StorageError) as error:
        open_storage("ftp://me:hush@127.0.0.1:1/training")
    assert "hush" not in error.value.message
    assert "ftp://…@127.0.0.1:1/training" in error.value.message
    monkeypatch.setitem(_registry, "gs", Bucket)
    assert open_storage("gs://me:hush@bucket/a").url("b") == "gs://…@bucket/a/b"
