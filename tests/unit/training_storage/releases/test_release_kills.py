"""A release killed before any step: readers see the old or the new one, whole."""

from __future__ import annotations

import pytest
from killing import Killer, watched
from release_world import World

from importers.training_storage.releases.read import history, tombstones_of
from importers.training_storage.releases.release import BEGUN
from importers.training_storage.storages.fsspec_storage import PARTS

BEFORE = {0: "cat", 1: "dog"}
WANTED = {0: "dog", 2: "test tube"}
OTHER = {1: "dog"}


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    return watched(monkeypatch)


@pytest.mark.parametrize(
    ("start", "then"), [(BEFORE, WANTED), (BEFORE, OTHER)], ids=["same answers", "new answers"]
)
def test_readers_see_the_old_release_or_the_new_one_and_the_next_run_completes(
    start: dict[int, str], then: dict[int, str], releases: World, killer: Killer
) -> None:
    moment = 0
    while True:
        world = World(f"{releases.url}/{moment}")
        world.release(start)
        draft = world.draft(WANTED)
        was_killed = killer.kills(moment, lambda world=world: world.release(WANTED))
        assert world.labels() in (start, WANTED)
        if not was_killed:
            break
        was_released = world.labels() == WANTED

        release = world.release(then)
        assert world.labels() == then
        published = history(world.storage)
        assert published.unfinished == ()
        expected = [release.previous, *(r.previous for r in published.releases[1:])]
        assert expected == [*(r.name for r in published.releases[1:]), None]
        if then == WANTED:
            assert len(tombstones_of(world.storage, release)) == len(draft.tombstones)
        left = {name for name in world.files() if name.startswith((PARTS, BEGUN))}
        assert not left or (was_released and then == WANTED and left <= set(probes(left)))
        moment += 1
    assert moment > 20


def test_a_first_release_is_seen_whole_or_not_at_all(releases: World, killer: Killer) -> None:
    moment = 0
    while killer.kills(moment, lambda: releases.release(WANTED)):
        assert releases.labels() in ({}, WANTED)
        moment += 1
    assert moment > 20
    assert releases.labels() == WANTED


def probes(names: set[str]) -> list[str]:
    """Half-written files, which only a run that writes clears."""
    return [name for name in names if name.startswith(PARTS)]
