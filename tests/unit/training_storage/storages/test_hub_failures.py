"""What goes wrong with training storage on the hub: passing troubles, refusals, other writers."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from dataset_hub import REPO, Blob, DatasetHub, Fault

from importers.training_storage.storages.hub import HubStorage
from ls_backend.errors import StorageError

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


def refused(action: Any) -> StorageError:
    with pytest.raises(StorageError) as caught:
        action()
    assert "hf_" not in caught.value.message + caught.value.hint
    return caught.value


@pytest.mark.parametrize("again", [False, True], ids=["new file", "file that is there"])
def test_two_writers_do_not_mix(hub_server: DatasetHub, storage: HubStorage, again: bool) -> None:
    storage.put_many([("a.png", PNG)])
    other = {**hub_server.commits[-1].files, "theirs.txt": Blob(b"theirs", False)}
    hub_server.commit("Somebody else", other)

    error = refused(lambda: storage.put_many([("a.png" if again else "b.png", PNG)]))

    assert error.code == "storage_conflict"
    assert "somebody else" in error.message
    assert hub_server.contents() == {"a.png": PNG, "theirs.txt": b"theirs"}
    storage.check_writable()
    storage.put_many([("b.png", PNG)])
    assert set(hub_server.contents()) == {"a.png", "b.png", "theirs.txt"}


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_commit_that_fails_in_passing_is_made_again(
    hub_server: DatasetHub, storage: HubStorage, status: int
) -> None:
    headers = {"Retry-After": "0"}
    hub_server.faults += [Fault("POST", "/commit/", status, headers) for _ in range(2)]

    storage.put_many([("a.png", PNG)])

    assert hub_server.contents() == {"a.png": PNG}
    assert len(hub_server.commits) == 2


def test_a_commit_whose_answer_is_lost_is_not_made_twice(
    hub_server: DatasetHub, storage: HubStorage
) -> None:
    hub_server.faults.append(Fault("POST", "/commit/", 500, acts=True))

    storage.put_many([("a.png", PNG)])
    storage.put_many([("b.png", PNG)])

    assert [len(each.files) for each in hub_server.commits] == [1, 2, 3]


def test_an_upload_that_fails_in_passing_is_made_again(
    hub_server: DatasetHub, storage: HubStorage
) -> None:
    hub_server.faults.append(Fault("PUT", "/lfs/", 500, {"Retry-After": "0"}))

    storage.put_many([("a.png", PNG)])

    assert hub_server.contents() == {"a.png": PNG}


def test_what_keeps_failing_is_told(hub_server: DatasetHub, storage: HubStorage) -> None:
    hub_server.faults += [Fault("POST", "/commit/", 503) for _ in range(20)]

    error = refused(lambda: storage.put_many([("a.png", PNG)]))

    assert f"{URL} cannot be written to: the hub cannot be reached" in error.message
    assert "503" in error.message
    assert 3 <= hub_server.times("/commit/") <= 6


@pytest.mark.parametrize(
    "headers",
    [{"Retry-After": "3600"}, {"RateLimit": '"api";r=0;t=3600'}],
    ids=["Retry-After", "RateLimit"],
)
def test_an_hour_is_not_waited_for(
    hub_server: DatasetHub, storage: HubStorage, headers: dict[str, str]
) -> None:
    hub_server.faults.append(Fault("POST", "/preupload/", 429, headers))

    assert "asks to wait for 3600 s" in refused(lambda: storage.put_many([("a.png", PNG)])).message


def test_reads_are_tried_again(hub_server: DatasetHub, storage: HubStorage) -> None:
    storage.put_many([("a.png", PNG)])
    hub_server.faults += [
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
    hub_server: DatasetHub, storage: HubStorage
) -> None:
    hub_server.ignored = (".png",)

    error = refused(lambda: storage.put_many([("a.png", PNG), ("b.txt", b"text")]))

    assert "leaves out 1 file, as its .gitignore says: a.png" in error.message


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)

    assert refused(lambda: HubStorage(URL)).hint.endswith("pip install 'label-studio-clip[hf]'")
