from __future__ import annotations

import pytest
from killing import watched
from release_world import World, record_of

from importers.training_storage.releases.prune import prune_releases
from importers.training_storage.releases.read import history, latest
from importers.training_storage.releases.release import BEGUN
from importers.training_storage.releases.verify import verify
from ls_backend.errors import StorageError

STAGES = ({0: "cat", 1: "dog"}, {1: "dog", 2: "cat"}, {2: "cat", 3: "test tube"}, {3: "test tube"})


def with_releases(world: World) -> list[str]:
    """Names, newest first."""
    return [world.release(stage).name for stage in STAGES][::-1]


def test_old_releases_go_with_what_only_they_need(releases: World) -> None:
    names = with_releases(releases)
    before = releases.files()
    told = prune_releases(releases.url, 2, dry_run=True)
    assert releases.files() == before
    report = prune_releases(releases.url, 2)
    assert (report.kept, report.deleted) == (names[:2], names[2:])
    assert (told.files, told.bytes) == (report.files, report.bytes)
    after = releases.files()
    gone = before.keys() - after.keys()
    assert report.files == len(gone)
    assert report.bytes == sum(len(before[name]) for name in gone)
    assert [release.name for release in history(releases.storage).releases] == names[:2]
    assert record_of(0, "cat").object_path in gone
    assert record_of(2, "cat").object_path in after
    found = verify(releases.url)
    assert (found.is_whole, found.leftovers) == (True, 0)
    assert prune_releases(releases.url, 2).files == 0


def test_the_newest_always_stays_and_numbers_go_on(releases: World) -> None:
    names = with_releases(releases)
    assert prune_releases(releases.url, 1).kept == names[:1]
    assert releases.labels() == STAGES[-1]
    assert releases.release(STAGES[0]).name.startswith("000005-")
    assert releases.labels() == STAGES[0]


def test_files_of_others_stay(releases: World) -> None:
    with_releases(releases)
    others = ["notes.txt", "objects/mine.png", "parquet/mine.parquet", "releases/notes/todo.txt"]
    for name in others:
        releases.change(name, b"mine")
    prune_releases(releases.url, 1)
    assert set(others) <= set(releases.files())


def test_nothing_is_deleted_while_a_release_is_begun(releases: World) -> None:
    with_releases(releases)
    releases.change(BEGUN, b"000005-12345678\n")
    before = releases.files()
    with pytest.raises(StorageError, match=r"000005-12345678 .* begun and not finished"):
        prune_releases(releases.url, 1)
    assert releases.files() == before


def test_a_damaged_storage_is_left_as_it_is(releases: World) -> None:
    with_releases(releases)
    newest = latest(releases.storage)
    assert newest is not None
    releases.storage.remove_many([newest.files["manifest"][0].path])
    before = releases.files()
    with pytest.raises(StorageError, match=r"is damaged: manifest/.* is missing"):
        prune_releases(releases.url, 1)
    assert releases.files() == before


def test_a_kill_leaves_every_kept_release_whole(
    releases: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = watched(monkeypatch)
    moment = 0
    while True:
        world = World(f"{releases.url}/{moment}")
        names = with_releases(world)
        was_killed = killer.kills(moment, lambda world=world: prune_releases(world.url, 2))
        assert verify(world.url).is_whole
        assert world.labels() == STAGES[-1]
        prune_releases(world.url, 2)
        found = verify(world.url)
        assert (found.releases, found.leftovers, found.is_whole) == (names[:2], 0, True)
        if not was_killed:
            break
        moment += 3
    assert moment > 10
