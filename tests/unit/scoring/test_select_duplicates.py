"""Near duplicates and unusable pictures are not pushed, however the work was cut into runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import pytest
from selection_world import World, campaign_with

from importers.sample import PlannedSample

MakeWorld = Callable[..., World]
NEAR = 0.999  # about 2.6 degrees


def cats(world: World) -> list[PlannedSample]:
    return [sample for sample in world.plan() if sample.prompt.label == "cat"]


def drawn_at(world: World, samples: Sequence[PlannedSample], *degrees: float) -> None:
    for sample in samples:
        world.draw(sample)
    keys = [sample.key for sample in samples]
    world.score(dict.fromkeys(keys, 0.5))
    world.see(dict(zip(keys, degrees, strict=True)))


def test_the_first_in_the_plan_stays(make_world: MakeWorld) -> None:
    world = make_world(samples=8, near_duplicates=NEAR)
    planned = cats(world)
    drawn_at(world, planned, 0, 45, 1, 46)
    world.select()
    first, second, *_ = planned
    assert world.flaws(planned) == [
        None,
        None,
        f"near duplicate of {first.key}",
        f"near duplicate of {second.key}",
    ]
    assert world.because(planned) == [None, None, "near duplicate", "near duplicate"]
    assert world.to_push() == [first.key, second.key]


def test_another_label_may_look_the_same(make_world: MakeWorld) -> None:
    world = make_world(samples=2, near_duplicates=NEAR)
    planned = world.plan()
    drawn_at(world, planned, 10, 10)
    world.select()
    assert world.flaws(planned) == [None, None]


def test_the_same_bytes_are_a_near_duplicate(make_world: MakeWorld) -> None:
    world = make_world(samples=4, near_duplicates=0.999999)
    first, second = cats(world)
    for sample in (first, second):
        world.draw(sample, b"the same bytes")
    world.score({first.key: 0.1, second.key: 0.9})
    world.see({first.key: 37.0})
    world.select()
    assert world.flaws([first, second]) == [None, f"near duplicate of {first.key}"]


def test_at_one_all_are_kept_also_those_marked_before(make_world: MakeWorld) -> None:
    world = make_world(samples=4, near_duplicates=NEAR)
    planned = cats(world)
    drawn_at(world, planned, 0, 1)
    world.select()
    assert len(world.to_push()) == 1
    world.campaign = campaign_with(world.campaign.folder, near_duplicates=1)
    world.select()
    assert world.flaws(planned) == [None, None]
    assert len(world.to_push()) == 2


def test_what_people_see_already_leads(make_world: MakeWorld) -> None:
    world = make_world(samples=6, near_duplicates=NEAR)
    early, middle, late = cats(world)
    drawn_at(world, [middle, late], 0, 30)
    world.select()
    world.ledger.record_tasks({middle.key: 1}, "clip:test@1")
    drawn_at(world, [early], 1)
    world.select()
    assert world.flaws([early, middle, late]) == [f"near duplicate of {middle.key}", None, None]


def test_what_is_not_among_the_best_is_compared_with_nothing(make_world: MakeWorld) -> None:
    world = make_world(samples=4, images_per_prompt=2, near_duplicates=NEAR)
    worse, better, *others = cats(world)
    drawn_at(world, [worse, better, *others], 0, 60, 1, 120)
    world.score({worse.key: 0.1, better.key: 0.9, others[0].key: 0.9, others[1].key: 0.1})
    world.select()
    assert world.to_push() == [better.key, others[0].key]


@pytest.mark.parametrize("seed", range(5))
def test_neither_batches_nor_runs_make_a_difference(seed: int, make_world: MakeWorld) -> None:
    dice = random.Random(seed)
    world = make_world(samples=40, near_duplicates=NEAR)
    planned = cats(world)
    degrees = {sample.key: dice.uniform(0, 40) for sample in planned}
    waiting = list(planned)
    dice.shuffle(waiting)
    while waiting:
        batch = [waiting.pop() for _ in range(min(dice.randint(1, 7), len(waiting)))]
        drawn_at(world, batch, *(degrees[sample.key] for sample in batch))
        world.select()
    in_steps = world.flaws(planned)
    world.ledger.record_selection(dict.fromkeys(degrees, (None, None)))
    world.select()
    assert world.flaws(planned) == in_steps
    assert 5 < len(world.to_push()) < 20


def test_unusable_pictures_are_held_or_pushed_as_the_campaign_says(make_world: MakeWorld) -> None:
    world = make_world(samples=6)
    planned = cats(world)
    drawn_at(world, planned, 0, 30, 60)
    blank, broken, good = planned
    world.see({}, {blank.key: "blank", broken.key: "broken"})
    world.select()
    assert world.to_push() == [good.key]
    assert world.because(planned) == ["blank", "broken", None]
    world.campaign = campaign_with(world.campaign.folder, unusable="push")
    world.select()
    assert world.to_push() == [blank.key, good.key]
    assert world.flaws(planned) == ["blank", "broken", None]
