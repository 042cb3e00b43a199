from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, ClassVar

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from importers.training_storage.storage import Storage, is_temporary, temporary
from ls_backend.errors import StorageError


@pytest.fixture(params=["local", "memory"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "local":
        return Storage(str(tmp_path / "train #1 [new]"))
    return Storage(request.getfixturevalue("memory_url"))


def test_files_are_put_listed_read_and_removed(storage: Storage) -> None:
    assert storage.images() == {}
    assert storage.read("metadata.jsonl") is None
    storage.put("metadata.jsonl", b"{}\n")
    storage.put("images/a cat/1.png", b"one")
    storage.put("images/a cat/1.png", b"other")
    assert storage.images() == {"images/a cat/1.png": 5}
    assert storage.read("images/a cat/1.png") == b"other"
    assert storage.read("metadata.jsonl") == b"{}\n"
    storage.remove("images/a cat/1.png")
    storage.remove("images/a cat/1.png")
    assert storage.images() == {}


def test_the_write_probe_leaves_nothing(storage: Storage) -> None:
    storage.check_writable()
    assert storage.images() == {}


def test_temporary_names_are_known_again() -> None:
    assert is_temporary(temporary("metadata.jsonl"))
    assert not is_temporary("images/cat/1.png")


def test_a_file_url_is_a_local_folder(tmp_path: Path) -> None:
    Storage(f"file://{tmp_path}/training").put("images/cat/1.png", b"one")
    assert (tmp_path / "training/images/cat/1.png").read_bytes() == b"one"


def test_only_empty_folders_are_removed(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    storage.put("images/cat/1.png", b"one")
    (tmp_path / "images/dog").mkdir()
    storage.remove_empty_folders(["images/cat", "images/dog", "images/fish"])
    assert [folder.name for folder in (tmp_path / "images").iterdir()] == ["cat"]


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
    storage = Storage("gs://bucket/training")
    storage.put("images/cat/1.png", b"one")
    assert Bucket.asked == [("put", "gs://bucket/training/images/cat/1.png")]
    storage.check_writable()
    assert [operation for operation, *_ in Bucket.asked] == ["put", "put"]
    assert storage.images() == {"images/cat/1.png": 3}


def test_a_place_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"file/training cannot be written to: .*directory"):
        Storage(str(tmp_path / "file/training")).check_writable()


def test_an_unknown_kind_of_storage_says_so() -> None:
    with pytest.raises(StorageError, match="Protocol not known: floppy") as error:
        Storage("floppy://a/training")
    assert "[storage] url" in error.value.hint


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(StorageError) as error:
        Storage("s3://bucket/training")
    assert error.value.hint.endswith("pip install 'label-studio-clip[s3]'")


def test_no_password_is_shown() -> None:
    with pytest.raises(StorageError) as error:
        Storage("ftp://me:hush@127.0.0.1:1/training")
    assert "hush" not in error.value.message
    assert "ftp://…@127.0.0.1:1/training" in error.value.message
