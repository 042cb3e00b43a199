"""Releases on the hub: few commits, LATEST in the last one, and the card on the dataset's page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from dataset_hub import REPO, Blob, Commit, DatasetHub, Fault
from release_world import LABELS, LAYOUTS, World, picture

from importers.record import Record
from importers.training_storage.releases import write
from importers.training_storage.releases.prune import prune_releases
from importers.training_storage.releases.release import BEGUN, LATEST
from importers.training_storage.releases.verify import verify
from importers.training_storage.releases.write import root_card
from importers.training_storage.storages import hub_requests
from importers.training_storage.storages.hub import HubStorage
from ls_backend.errors import StorageError

# huggingface_hub hands its HTTP library a file in a way that is going out of use there.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

URL = f"hf://datasets/{REPO}"
FIRST = {number: LABELS[number % 3] for number in range(12)}
SECOND = {**FIRST, 0: "dog", 12: "cat"}


@pytest.fixture
def world(hub_server: DatasetHub, monkeypatch: pytest.MonkeyPatch) -> World:
    """An empty dataset for releases, with layouts of a few lines."""
    assert hub_server.contents() == {}
    monkeypatch.setattr(write, "layout", LAYOUTS.__getitem__)
    return World(URL)


@pytest.fixture
def storage(hub_server: DatasetHub) -> HubStorage:
    """A dataset with two pictures; nothing is asked of the hub yet."""
    opened = HubStorage(URL)
    opened.put_many([(name, picture(1)) for name in ("a.png", "b.png")])
    hub_server.asked.clear()
    return opened


def pointed_at(commits: list[Commit]) -> Iterator[str | None]:
    """What LATEST said in each commit; the release that it names is whole there."""
    for commit in commits:
        latest = commit.files.get(LATEST)
        name = latest.data.decode().strip() if latest else None
        if name:
            assert f"releases/{name}/release.json" in commit.files
            assert f"releases/{name}/README.md" in commit.files
        yield name


def test_a_release_is_one_commit(world: World, hub_server: DatasetHub) -> None:
    first = world.release(FIRST)
    assert len(hub_server.commits) == 2
    assert world.labels() == FIRST
    uploaded = hub_server.times("PUT /lfs/")
    assert uploaded == len(hub_server.stored), "what is copied in the same commit comes once"

    second = world.release(SECOND)
    assert list(pointed_at(hub_server.commits)) == [None, first.name, second.name]
    assert world.labels() == SECOND
    assert BEGUN not in hub_server.contents()
    assert hub_server.commits[-1].title.startswith("Add ")

    world.release(SECOND)
    assert len(hub_server.commits) == 3, "nothing new is no commit"
    assert verify(URL).is_whole


def test_what_is_too_much_for_one_commit_comes_before_latest(
    world: World, hub_server: DatasetHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_requests, "MOST_FILES", 10)
    steps: list[tuple[int, int]] = []

    first = world.release(FIRST, progress=lambda *step: steps.append(step))

    names = list(pointed_at(hub_server.commits))
    assert len(names) > 3
    assert [name for name in names if name] == [first.name] * names.count(first.name)
    assert names[-1] == first.name
    assert world.labels() == FIRST
    assert BEGUN not in hub_server.contents()
    assert steps[-1] == (14, 14)


def test_a_run_that_dies_between_commits_leaves_the_release_before(
    world: World, hub_server: DatasetHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.release(FIRST)
    monkeypatch.setattr(hub_requests, "MOST_FILES", 10)
    hub_server.faults += [Fault("POST", "/commit/", 403, after=1)]

    with pytest.raises(StorageError, match="no right to write"):
        world.release(SECOND)

    assert len(hub_server.commits) == 3, "one of the second release's commits was made"
    assert world.labels() == FIRST
    assert verify(URL).is_whole
    world.release(SECOND)
    assert world.labels() == SECOND
    assert verify(URL).leftovers == 0


def test_somebody_elses_commit_stops_a_release(world: World, hub_server: DatasetHub) -> None:
    world.release(FIRST)
    draft = world.draft(SECOND)

    def image(record: Record) -> bytes:
        if len(hub_server.commits) == 2:
            hub_server.commit("theirs", {**hub_server.commits[-1].files, "a": Blob(b"a", False)})
        return world.image(record)

    with pytest.raises(StorageError) as stopped:
        write.write_release(world.storage, draft, image)

    assert stopped.value.code == "storage_conflict"
    assert len(hub_server.commits) == 3
    assert world.labels() == FIRST
    world.release(SECOND)
    assert world.labels() == SECOND
    assert hub_server.contents()["a"] == b"a"


def test_old_releases_go_in_one_commit(world: World, hub_server: DatasetHub) -> None:
    world.release(FIRST)
    world.release(SECOND)
    world.release(FIRST)
    before = len(hub_server.commits)

    report = prune_releases(URL, keep=1)

    assert len(report.deleted) == 2
    assert len(hub_server.commits) == before + 1
    assert world.labels() == FIRST
    assert verify(URL).is_whole
    assert verify(URL).leftovers == 0


def test_what_is_gathered_is_seen(storage: HubStorage, hub_server: DatasetHub) -> None:
    with storage.together():
        storage.put_many([("c.png", picture(3)), ("never.txt", b"1")])
        storage.copy_many([("b.png", "copy.png"), ("c.png", "again.png"), ("copy.png", "d.png")])
        storage.remove_many(["a.png", "never.txt", "none.txt"])
        assert storage.read("c.png") == storage.read("again.png") == picture(3)
        assert storage.read("copy.png") == storage.read("d.png") == picture(1)
        assert storage.read("a.png") is storage.read("never.txt") is None
        assert [digest is None for _, digest in storage.digests(["a.png", "c.png"])] == [1, 0]
        assert hub_server.times("/commit/") == 0
        assert set(storage.sizes()) == {"again.png", "b.png", "c.png", "copy.png", "d.png"}
        assert hub_server.times("/commit/") == 1
    assert hub_server.times("/commit/") == 1
    assert set(hub_server.contents()) == set(storage.sizes())


def test_what_fails_inside_is_not_committed_later(
    storage: HubStorage, hub_server: DatasetHub
) -> None:
    def fail() -> None:
        with storage.together():
            storage.put_many([("half.png", picture(3))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    with pytest.raises(ZeroDivisionError):
        storage.put_many((f"{1 // n}.png", picture(n)) for n in (1, 0))
    storage.put_many([("whole.png", picture(4))])

    assert set(hub_server.contents()) == {"a.png", "b.png", "whole.png"}


CARD = rb"""---
configs:
- config_name: parquet
---
![cat](pictures/0000-a.png), as in [campaign.toml](campaign.toml); a label "\](pictures/x)"
[elsewhere](https://example.org/pictures/a.png)
"""


@pytest.mark.usefixtures("hub_server")
def test_the_card_at_the_root_links_into_the_release() -> None:
    storage, name = HubStorage(URL), "000001-1a2b3c4d"
    storage.put_many([(f"releases/{name}/README.md", CARD)])

    [(path, data)] = root_card(storage, name)

    assert path == "README.md"
    changed = [line for line in data.splitlines() if line not in CARD.splitlines()]
    assert changed == [
        b"![cat](releases/000001-1a2b3c4d/pictures/0000-a.png), as in "
        b"[campaign.toml](releases/000001-1a2b3c4d/campaign.toml); "
        rb'a label "\](pictures/x)"'
    ]
    assert root_card(HubStorage(f"{URL}/folder"), name) == []


def test_the_page_is_the_newest_releases_card(world: World, hub_server: DatasetHub) -> None:
    for labels in (FIRST, SECOND):
        page = f"{world.release(labels).folder}/README.md"
        assert hub_server.contents()["README.md"] == hub_server.contents()[page]
        assert hub_server.commits[-1].files["README.md"] != hub_server.commits[-2].files.get(
            "README.md"
        )
    World(f"{URL}/sub", campaign_id="c-2").release(FIRST)
    assert "sub/LATEST" in hub_server.contents()
    assert "sub/README.md" not in hub_server.contents()
    assert hub_server.contents()["README.md"] == hub_server.contents()[page]
