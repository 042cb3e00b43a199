"""A sync killed before or after any step: readers see no gap, and the next run repairs it."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem
from training_world import MakeWorld, World

STAGES = [
    {},
    {0: "cat", 1: "dog", 2: "cat"},
    {0: "cat", 1: "cat", 3: "cat", 5: "test tube"},
]
LOCAL_STEPS = [(os, "mkdir"), (os, "fsync"), (os, "replace"), (os, "remove"), (os, "rmdir")]
MEMORY_STEPS = [
    (MemoryFileSystem, name) for name in ("makedirs", "pipe_file", "cp_file", "rm_file")
]


class Killed(BaseException):
    """The process is gone."""


class Killer:
    """Ends the process at one moment: before or after the n-th step that changes the storage."""

    def __init__(self) -> None:
        self.moments_left: int | None = None

    def watch(self, step: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any, **options: Any) -> Any:
            self._moment()
            result = step(*args, **options)
            self._moment()
            return result

        return watched

    def _moment(self) -> None:
        if self.moments_left is not None:
            self.moments_left -= 1
            if self.moments_left < 0:
                raise Killed


@pytest.fixture
def killer(monkeypatch: pytest.MonkeyPatch) -> Killer:
    killer = Killer()
    for owner, name in LOCAL_STEPS + MEMORY_STEPS:
        monkeypatch.setattr(owner, name, killer.watch(getattr(owner, name)))
    return killer


@pytest.mark.parametrize("kind", ["local", "memory"])
@pytest.mark.parametrize("new_answers", [False, True], ids=["same answers", "new answers"])
def test_the_next_run_repairs_whatever_a_killed_one_left(
    kind: str,
    new_answers: bool,
    make_world: MakeWorld,
    killer: Killer,
    memory_url: str,
    tmp_path: Path,
) -> None:
    world = make_world(memory_url if kind == "memory" else str(tmp_path / "training"))
    for before, wanted in pairwise(STAGES):
        moment = 0
        while kill_at(killer, moment, world, before, wanted):
            held = {found["sample"]: found["label"] for found in world.metadata()}
            assert held in (in_keys(world, before), in_keys(world, wanted))
            after = before if new_answers else wanted
            world.decide(after)
            world.run()
            world.check(after)
            moment += 1
        assert moment > 10
        world.check(wanted)


def kill_at(
    killer: Killer, moment: int, world: World, before: dict[int, str], wanted: dict[int, str]
) -> bool:
    """Go from `before` towards `wanted` and die at this moment; False when there is none such."""
    world.decide(before)
    world.run()
    world.decide(wanted)
    killer.moments_left = moment
    try:
        world.run()
    except Killed:
        return True
    finally:
        killer.moments_left = None
    return False


def in_keys(world: World, labels: dict[int, str]) -> dict[str, str]:
    return {world.samples[number].key: label for number, label in labels.items()}
