"""Of several images of a prompt the best are pushed, once all of them are there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import pytest
from selection_world import NEWER, World, campaign_with

from importers.sample import PlannedSample
from importers.scoring.select import is_confident

MakeWorld = Callable[..., World]
VERSION_OF_PUSH = "clip:test@1"


def groups(planned: Sequence[PlannedSample]) -> list[list[PlannedSample]]:
    return [list(members) for _, members in groupby(planned, lambda sample: sample.group)]


def drawn(world: World, samples: Sequence[PlannedSample], *probabilities: float) -> None:
    for sample in samples:
        world.draw(sample)
    world.score(dict(zip((s.key for s in samples), probabilities, strict=True)))


def test_the_best_are_kept_and_the_others_stay_in_ledger_and_store(make_world: MakeWorld) -> None:
    world = make_world(samples=2, images_per_prompt=3, keep_best=2)
    cats, dogs = groups(world.plan())
    drawn(world, cats, 0.2, 0.9, 0.5)
    drawn(world, dogs, 0.8, 0.1, 0.7)
    world.select()
    assert world.kept(cats) == [False, True, True]
    assert world.kept(dogs) == [True, False, True]
    assert world.to_push() == [cats[1].key, cats[2].key, dogs[0].key, dogs[2].key]
    for sample in world.ledger.samples():
        assert (world.campaign.images_path / (sample.sha256 or "")[:2]).is_dir()


def test_ties_go_by_similarity_then_key(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=4)
    (members,) = groups(world.plan())
    drawn(world, members, 0.5, 0.5, 0.5, 0.5)
    world.select()
    best = min(sample.key for sample in members)
    assert world.to_push() == [best]


def test_of_equal_probabilities_the_better_fit_to_the_prompt_is_kept(
    make_world: MakeWorld,
) -> None:
    world = make_world(samples=1, images_per_prompt=3, keep_best=2)
    (members,) = groups(world.plan())
    drawn(world, members, 0.5, 0.5, 0.5)
    fits = dict(zip((sample.key for sample in members), (0.1, 0.3, 0.2), strict=True))
    world.score(dict.fromkeys(fits, 0.5), prompt_fits=fits)
    world.select()
    assert world.kept(members) == [False, True, True]


@pytest.mark.parametrize(("probability", "confident"), [(0.79, False), (0.8, True), (0.9, True)])
def test_a_sample_is_confident_from_accept_above_on(
    make_world: MakeWorld, probability: float, confident: bool
) -> None:
    world = make_world(samples=1, accept_above=0.8)
    [sample] = world.plan()
    world.draw(sample)
    assert not is_confident(world.sample(sample.key), world.campaign), "it has no score"
    world.score({sample.key: probability})
    assert is_confident(world.sample(sample.key), world.campaign) is confident
    assert not is_confident(world.sample(sample.key), campaign_with(world.campaign.folder))


def test_a_group_waits_while_the_campaign_still_draws_for_it(make_world: MakeWorld) -> None:
    world = make_world(samples=2, images_per_prompt=2)
    cats, dogs = groups(world.plan())
    drawn(world, cats[:1], 0.9)
    drawn(world, dogs, 0.1, 0.2)
    world.select()
    assert world.kept(cats) == [None, None]
    assert world.because(cats) == ["waiting for other images of their prompt", None]
    assert world.to_push() == [dogs[1].key]
    drawn(world, cats[1:], 0.3)
    world.select()
    assert world.kept(cats) == [True, False]


def test_a_refused_a_broken_and_a_given_up_image_are_not_waited_for(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=4)
    (members,) = groups(world.plan())
    refused, broken, given_up, good = members
    drawn(world, [good], 0.4)
    requests = world.ledger.requests
    requests.ended(requests.begin(refused.key), "refused", "moderation")
    world.draw(broken)
    world.see({}, {broken.key: "broken"})
    requests.ended(requests.begin(given_up.key), "unknown", "timeout")
    world.select()
    assert world.to_push() == []
    requests.ended(requests.begin(given_up.key), "unknown", "timeout")
    world.select()
    assert world.to_push() == [good.key]


def test_an_unusable_picture_is_not_the_best(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=2)
    (members,) = groups(world.plan())
    drawn(world, members, 0.9, 0.4)
    world.see({}, {members[0].key: "blank"})
    world.select()
    assert world.because(members) == ["blank", None]


def test_what_was_pushed_stays_and_counts_among_the_best(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=3)
    (members,) = groups(world.plan())
    drawn(world, members, 0.9, 0.4, 0.3)
    world.select()
    world.ledger.record_tasks({members[0].key: 7}, VERSION_OF_PUSH)
    world.score({members[0].key: 0.1, members[1].key: 0.8, members[2].key: 0.9}, NEWER)
    world.select(NEWER)
    assert world.kept(members) == [True, False, False]
    assert world.to_push(NEWER) == []


def test_what_a_killed_push_uploaded_stays_too(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=2)
    (members,) = groups(world.plan())
    drawn(world, members, 0.9, 0.4)
    world.select()
    world.ledger.record_uploads({members[0].key: "/data/upload/1/a.png"})
    world.score({members[0].key: 0.1, members[1].key: 0.8}, NEWER)
    world.select(NEWER)
    assert world.to_push(NEWER) == [members[0].key]


def test_scores_of_an_older_version_do_not_compete(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=2)
    (members,) = groups(world.plan())
    drawn(world, members, 0.9, 0.4)
    world.score({members[1].key: 0.4}, NEWER)
    world.select(NEWER)
    assert world.kept(members) == [False, True]


def test_more_images_per_prompt_later_join_what_was_drawn_before(make_world: MakeWorld) -> None:
    world = make_world(samples=16)  # each text is told twice
    first = world.plan()
    drawn(world, first, *[0.5] * 16)
    world.campaign = campaign_with(world.campaign.folder, samples=16, images_per_prompt=3)
    planned = world.plan()
    assert [members[0].key for members in groups(planned)] == [sample.key for sample in first]
    assert len({sample.key for sample in planned}) == 48
    assert {world.sample(s.key).planned.group == s.group for s in planned} == {True}
    world.select()
    assert world.to_push() == []
    new = [sample for members in groups(planned) for sample in members[1:]]
    drawn(world, new, *[0.4, 0.6] * 16)
    world.select()
    assert world.to_push() == [members[2].key for members in groups(planned)]


def test_no_more_are_drawn_of_a_prompt_that_people_have_their_fill_of(
    make_world: MakeWorld,
) -> None:
    world = make_world(samples=2)
    seen, unseen = world.plan()
    drawn(world, [seen, unseen], 0.2, 0.6)
    world.ledger.record_tasks({seen.key: 1}, VERSION_OF_PUSH)
    world.campaign = campaign_with(world.campaign.folder, samples=2, images_per_prompt=3)
    assert [sample.group for sample in world.plan()] == [seen.key, *[unseen.key] * 3]
    two = {"images_per_prompt": 3, "keep_best": 2}
    world.campaign = campaign_with(world.campaign.folder, samples=2, **two)
    planned = world.plan()
    assert [sample.group for sample in planned] == [*[seen.key] * 3, *[unseen.key] * 3]
    drawn(world, planned[1:3], 0.9, 0.3)
    world.select()
    assert world.kept(planned[:3]) == [True, True, False]
    world.ledger.record_tasks({planned[1].key: 2}, VERSION_OF_PUSH)
    assert world.plan() == planned


def test_fewer_images_per_prompt_later_choose_among_what_was_drawn(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=3)
    (members,) = groups(world.plan())
    drawn(world, members[:2], 0.2, 0.6)
    world.select()
    assert world.to_push() == []
    world.campaign = campaign_with(world.campaign.folder, samples=1)
    world.plan()
    world.select()
    assert world.to_push() == [members[1].key]


def test_one_image_per_prompt_is_a_choice_of_none(make_world: MakeWorld) -> None:
    world = make_world(samples=3)
    planned = world.plan()
    drawn(world, planned[:2], 0.2, 0.6)
    world.select()
    assert world.to_push() == [sample.key for sample in planned[:2]]
    assert world.kept(planned) == [None, None, None]
