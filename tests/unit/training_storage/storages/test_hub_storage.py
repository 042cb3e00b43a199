"""Training storage on the Hugging Face hub, against a real server that speaks its wire format."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from dataset_hub import PAGE, REPO, Blob, DatasetHub

from importers.training_storage.storages import hub_requests, open_storage
from importers.training_storage.storages.hub import HubStorage

# huggingface_hub hands its HTTP library a file in a way that is going out of use there.
pytestmark = [
    pytest.mark.usefixtures("hub_server"),
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]

URL = f"hf://datasets/{REPO}"
PNG = b"\x89PNG and pixels"


@pytest.fixture
def storage() -> HubStorage:
    """The repository as a storage that may be written."""
    opened = HubStorage(URL)
    opened.check_writable()
    return opened


def test_files_are_put_in_one_commit_and_read_again(
    storage: HubStorage, hub_server: DatasetHub, tmp_path: Path
) -> None:
    (tmp_path / "b.png").write_bytes(PNG + b"b")
    steps: list[tuple[int, int]] = []
    files = [("objects/a.png", PNG), ("objects/b.png", tmp_path / "b.png"), ("LATEST", b"1\n")]

    storage.put_many(files, lambda done, total: steps.append((done, total)))

    assert hub_server.contents() == {
        "objects/a.png": PNG,
        "objects/b.png": PNG + b"b",
        "LATEST": b"1\n",
    }
    assert len(hub_server.commits) == 2
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
    storage: HubStorage, hub_server: DatasetHub
) -> None:
    storage.put_many([("a.png", PNG)])
    storage.put_many([("b.png", PNG), ("note.txt", b"text")])

    assert hub_server.times("PUT /lfs/") == 1
    assert hub_server.commits[-1].files["b.png"].lfs
    assert not hub_server.commits[-1].files["note.txt"].lfs


def test_many_files_become_several_commits(
    storage: HubStorage, hub_server: DatasetHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_requests, "MOST_FILES", 100)
    monkeypatch.setattr(hub_requests, "MOST_BYTES", 600)

    storage.put_many((f"{number:03}.txt", b"0123456789") for number in range(150))

    assert [len(each.files) - 1 for each in hub_server.commits] == [0, 60, 120, 150]


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


def test_a_folder_of_the_repository_is_a_storage_of_its_own(hub_server: DatasetHub) -> None:
    storage = open_storage(f"{URL}/sets/cats/")
    storage.put_many([("a/1.png", PNG)])

    assert hub_server.contents() == {"sets/cats/a/1.png": PNG}
    assert storage.sizes("") == {"a/1.png": len(PNG)}
    assert storage.read("a/1.png") == PNG
    assert storage.url("a/1.png") == f"{URL}/sets/cats/a/1.png"
    assert HubStorage(URL).root_card
    assert not storage.root_card


def test_copies_are_made_by_the_hub(storage: HubStorage, hub_server: DatasetHub) -> None:
    storage.put_many([("objects/a.png", PNG), ("note.txt", b"text")])

    storage.copy_many([("objects/a.png", "cat/1.png"), ("note.txt", "cat/note.txt")])

    assert storage.read("cat/1.png") == PNG
    assert storage.read("cat/note.txt") == b"text"
    assert hub_server.times("PUT /lfs/") == 1
    assert hub_server.times("GET /cdn/") == 1, "a picture was downloaded to be copied"


def test_files_are_removed_and_missing_ones_are_no_error(
    storage: HubStorage, hub_server: DatasetHub
) -> None:
    storage.put_many([("a.png", PNG), ("b.png", PNG)])

    storage.remove_many(["a.png", "never-there.png"])
    storage.remove_many(["a.png"])

    assert hub_server.contents() == {"b.png": PNG}
    assert len(hub_server.commits) == 3


def test_the_write_probe_commits_nothing(storage: HubStorage, hub_server: DatasetHub) -> None:
    storage.check_writable()

    assert len(hub_server.commits) == 1
    assert hub_server.times("/commit/") == 0


def test_the_same_again_is_no_commit(storage: HubStorage, hub_server: DatasetHub) -> None:
    storage.put_many([("a.png", PNG)])
    storage.put_many([("a.png", PNG)])
    storage.put_many([("b.png", PNG)])

    assert [sorted(each.files)[1:] for each in hub_server.commits] == [
        [],
        ["a.png"],
        ["a.png", "b.png"],
    ]


def test_reading_stays_with_one_commit(hub_server: DatasetHub, storage: HubStorage) -> None:
    storage.put_many([("LATEST", b"1")])
    hub_server.commit("Somebody else", {"LATEST": Blob(b"2", False)})

    assert storage.read("LATEST") == b"1"
    assert HubStorage(URL).read("LATEST") == b"2"
