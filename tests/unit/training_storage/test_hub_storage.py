"""Training storage on the Hugging Face hub, against a real server that speaks its wire format."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from dataset_hub import PAGE, REPO, Blob, DatasetHub, Fault, dataset_hub

from importers.training_storage import hub, hub_requests, storage_retries
from importers.training_storage.hub import HubStorage
from importers.training_storage.storage import open_storage
from ls_backend.errors import StorageError

# huggingface_hub hands its HTTP library a file in a way that is going out of use there.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

URL = f"hf://datasets/{REPO}"
PNG = b"\x89PNG and pixels"


@pytest.fixture(autouse=True)
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[DatasetHub]:
    """A hub where HF_ENDPOINT points, a token that may write, short waits between tries."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", "hf_writer")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-login"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub_requests, "_TRIES", {"max_retries": 2, "base_wait_time": 0})
    monkeypatch.setattr(storage_retries, "_backoff", lambda _: 0.01)
    with dataset_hub() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@pytest.fixture
def storage() -> HubStorage:
    """The repository as a storage that may be written."""
    opened = HubStorage(URL)
    opened.check_writable()
    return opened


def refused(action: Any) -> StorageError:
    with pytest.raises(StorageError) as caught:
        action()
    assert "hf_" not in caught.value.message + caught.value.hint
    return caught.value


def test_files_are_put_in_one_commit_and_read_again(
    storage: HubStorage, server: DatasetHub, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(PNG + b"b")
    steps: list[tuple[int, int]] = []
    files = [("objects/a.png", PNG), ("objects/b.png", tmp_path / "b.png"), ("LATEST", b"1\n")]

    storage.put_many(files, lambda done, total: steps.append((done, total)))

    assert server.contents() == {
        "objects/a.png": PNG,
        "objects/b.png": PNG + b"b",
        "LATEST": b"1\n",
    }
    assert len(server.commits) == 2
    assert steps == [(0, 3), (3, 3)]
    assert storage.read("objects/a.png") == PNG
    assert storage.read("LATEST") == b"1\n"
    assert storage.read("objects/none.png") is None
    assert list(storage.digests(["objects/a.png", "none"])) == [
        ("objects/a.png", hashlib.sha256(PNG).hexdigest()),
        ("none", None),
    ]
    assert not (tmp_path / "cache").exists()


def test_pictures_are_uploaded_by_lfs_and_only_once(
    storage: HubStorage, server: DatasetHub
) -> None:
    storage.put_many([("a.png", PNG)])
    storage.put_many([("b.png", PNG), ("note.txt", b"text")])

    assert server.times("PUT /lfs/") == 1
    assert server.commits[-1].files["b.png"].lfs
    assert not server.commits[-1].files["note.txt"].lfs


def test_many_files_become_several_commits(
    storage: HubStorage, server: DatasetHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_OPERATIONS", 100)
    monkeypatch.setattr(hub, "_BYTES", 600)

    storage.put_many((f"{number:03}.txt", b"0123456789") for number in range(150))

    assert [len(each.files) - 1 for each in server.commits] == [0, 60, 120, 150]


def test_sizes_come_from_all_pages_without_the_repositorys_own_files(
    storage: HubStorage,
) -> None:
    assert storage.sizes("") == {}
    storage.put_many((f"objects/{number:03}.png", PNG[:number]) for number in range(PAGE * 2 + 5))
    storage.put_many([("LATEST", b"1"), ("README.md", b"---\nlicense: mit\n---\n")])

    sizes = storage.sizes("objects")

    assert sizes == {f"objects/{number:03}.png": min(number, 15) for number in range(PAGE * 2 + 5)}
    assert set(storage.sizes("")) == {*sizes, "LATEST"}
    assert storage.sizes("none") == {}


def test_a_folder_of_the_repository_is_a_storage_of_its_own(server: DatasetHub) -> None:
    storage = open_storage(f"{URL}/sets/cats/")
    storage.put_many([("a/1.png", PNG)])

    assert server.contents() == {"sets/cats/a/1.png": PNG}
    assert storage.sizes("") == {"a/1.png": len(PNG)}
    assert storage.read("a/1.png") == PNG
    assert storage.url("a/1.png") == f"{URL}/sets/cats/a/1.png"
    assert HubStorage(URL).root_card
    assert not storage.root_card


def test_copies_are_made_by_the_hub(storage: HubStorage, server: DatasetHub) -> None:
    storage.put_many([("objects/a.png", PNG), ("note.txt", b"text")])

    storage.copy_many([("objects/a.png", "cat/1.png"), ("note.txt", "cat/note.txt")])

    assert storage.read("cat/1.png") == PNG
    assert storage.read("cat/note.txt") == b"text"
    assert server.times("PUT /lfs/") == 1
    assert server.times("GET /cdn/") == 1, "a picture was downloaded to be copied"


def test_files_are_removed_and_missing_ones_are_no_error(
    storage: HubStorage, server: DatasetHub
) -> None:
    storage.put_many([("a.png", PNG), ("b.png", PNG)])

    storage.remove_many(["a.png", "never-there.png"])
    storage.remove_many(["a.png"])

    assert server.contents() == {"b.png": PNG}
    assert len(server.commits) == 3


def test_the_write_probe_commits_nothing(storage: HubStorage, server: DatasetHub) -> None:
    storage.check_writable()

    assert len(server.commits) == 1
    assert server.times("/commit/") == 0


def test_the_same_again_is_no_commit(storage: HubStorage, server: DatasetHub) -> None:
    storage.put_many([("a.png", PNG)])
    storage.put_many([("a.png", PNG)])
    storage.put_many([("b.png", PNG)])

    assert [sorted(each.files)[1:] for each in server.commits] == [
        [],
        ["a.png"],
        ["a.png", "b.png"],
    ]


@pytest.mark.parametrize("again", [False, True], ids=["new file", "file that is there"])
def test_two_writers_do_not_mix(server: DatasetHub, storage: HubStorage, again: bool) -> None:
    storage.put_many([("a.png", PNG)])
    other = {**server.commits[-1].files, "theirs.txt": Blob(b"theirs", False)}
    server.commit("Somebody else", other)

    error = refused(lambda: storage.put_many([("a.png" if again else "b.png", PNG)]))

    assert error.code == "storage_conflict"
    assert "somebody else" in error.message
    assert server.contents() == {"a.png": PNG, "theirs.txt": b"theirs"}
    storage.check_writable()
    storage.put_many([("b.png", PNG)])
    assert set(server.contents()) == {"a.png", "b.png", "theirs.txt"}


def test_reading_stays_with_one_commit(server: DatasetHub, storage: HubStorage) -> None:
    storage.put_many([("LATEST", b"1")])
    server.commit("Somebody else", {"LATEST": Blob(b"2", False)})

    assert storage.read("LATEST") == b"1"
    assert HubStorage(URL).read("LATEST") == b"2"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_commit_that_fails_in_passing_is_made_again(
    server: DatasetHub, storage: HubStorage, status: int
) -> None:
    headers = {"Retry-After": "0"}
    server.faults += [Fault("POST", "/commit/", status, headers) for _ in range(2)]

    storage.put_many([("a.png", PNG)])

    assert server.contents() == {"a.png": PNG}
    assert len(server.commits) == 2


def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    server: DatasetHub, storage: HubStorage
) -> None:
    server.faults.append(Fault("POST", "/commit/", 500, acts=True))

    storage.put_many([("a.png", PNG)])
    storage.put_many([("b.png", PNG)])

    assert [len(each.files) for each in server.commits] == [1, 2, 3]


def test_an_upload_that_fails_in_passing_is_made_again(
    server: DatasetHub, storage: HubStorage
) -> None:
    server.faults.append(Fault("PUT", "/lfs/", 500, {"Retry-After": "0"}))

    storage.put_many([("a.png", PNG)])

    assert server.contents() == {"a.png": PNG}


def test_what_keeps_failing_is_told(server: DatasetHub, storage: HubStorage) -> None:
    server.faults += [Fault("POST", "/commit/", 503) for _ in range(20)]

    error = refused(lambda: storage.put_many([("a.png", PNG)]))

    assert f"{URL} cannot be written to: the hub cannot be reached" in error.message
    assert "503" in error.message
    assert 3 <= server.times("/commit/") <= 6


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "3600"}, {"RateLimit": '"api";r=0;t=3600'}],
    ids=["Retry-After", "RateLimit"],
)
def test_an_hour_is_not_waited_for(
    server: DatasetHub, storage: HubStorage, headers: dict[str, str]
) -> None:
    server.faults.append(Fault("POST", "/preupload/", 429, headers))

    assert "asks to wait for 3600 s" in refused(lambda: storage.put_many([("a.png", PNG)])).message


def test_reads_are_tried_again(server: DatasetHub, storage: HubStorage) -> None:
    storage.put_many([("a.png", PNG)])
    server.faults += [
        Fault("GET", "/resolve/", 500),
        Fault("GET", "/cdn/", 503),
        Fault("GET", "/tree/", 429, {"Retry-After": "0"}),
    ]

    assert storage.read("a.png") == PNG
    assert storage.sizes("") == {"a.png": len(PNG)}


def test_a_token_that_may_only_read_is_found_out_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_reader")
    storage = HubStorage(URL)

    error = refused(storage.check_writable)

    assert f"no right to write to the dataset {REPO}" in error.message
    assert "role write" in error.hint
    assert storage.sizes("") == {}


def test_no_token_and_a_wrong_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_mistyped")
    assert "does not accept the token" in refused(HubStorage(URL).check_writable).message
    monkeypatch.delenv("HF_TOKEN")
    error = refused(HubStorage(URL).check_writable)
    assert "there is no token" in error.message
    assert "hf auth login" in error.hint


def test_a_dataset_that_is_not_there() -> None:
    error = refused(HubStorage("hf://datasets/pets/other").check_writable)

    assert "there is no dataset pets/other" in error.message
    assert "hf repo create pets/other --repo-type dataset" in error.hint


def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")

    error = refused(HubStorage(URL).check_writable)

    assert "the hub cannot be reached" in error.message
    assert "HF_ENDPOINT" in error.hint


@pytest.mark.parametrize("url", ["hf://pets/training", "hf://datasets/pets", "hf://models/a/b"])
def test_an_address_that_is_no_dataset(url: str) -> None:
    assert "hf://datasets/OWNER/NAME" in refused(lambda: HubStorage(url)).hint


def test_files_that_the_repository_ignores_are_told(
    server: DatasetHub, storage: HubStorage
) -> None:
    server.ignored = (".png",)

    error = refused(lambda: storage.put_many([("a.png", PNG), ("b.txt", b"text")]))

    assert "leaves out 1 file, as its .gitignore says: a.png" in error.message


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    assert refused(lambda: HubStorage(URL)).hint.endswith("pip install 'label-studio-clip[hf]'")
