"""Only images that nobody will see and nothing needs are deleted, and the ledger remembers them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from review_records import record_review
from selection_world import VERSION, World
from typer.testing import CliRunner

from importers import cli
from importers.config.campaign import load_campaign
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt, SourceImage
from importers.scoring.prune import prune

MakeWorld = Callable[..., World]


def has_image(world: World, sample: PlannedSample) -> bool:
    try:
        ImageStore(world.campaign.images_path).path(world.sample(sample.key).sha256 or "")
    except FileNotFoundError:
        return False
    return True


def held_world(make_world: MakeWorld) -> tuple[World, list[PlannedSample]]:
    """Two groups of three: the best of each is kept; one of the others is blank."""
    world = make_world(samples=2, images_per_prompt=3)
    planned = world.plan()
    for sample in planned:
        world.draw(sample)
    world.score({s.key: p for s, p in zip(planned, (0.9, 0.5, 0.4) * 2, strict=True)})
    world.see({}, {planned[5].key: "blank"})
    world.select()
    return world, planned


def test_what_people_will_not_see_is_deleted_once(make_world: MakeWorld) -> None:
    world, planned = held_world(make_world)
    kept = [planned[0], planned[3]]
    report = prune(world.campaign, world.ledger)
    assert (report.images, report.bytes) == (4, 4 * 32)
    assert report.reasons == {"not among the best of their prompt": 3, "blank": 1}
    assert [sample for sample in planned if has_image(world, sample)] == kept
    for sample in planned:
        assert (world.sample(sample.key).collected_at is None) == (sample in kept)
        assert world.sample(sample.key).sha256 is not None
    assert prune(world.campaign, world.ledger).images == 0
    world.select()
    assert world.to_push() == [sample.key for sample in kept]
    assert world.because(planned)[5] == "blank"


def test_a_dry_run_says_the_same_and_deletes_nothing(make_world: MakeWorld) -> None:
    world, planned = held_world(make_world)
    dry = prune(world.campaign, world.ledger, dry_run=True)
    assert all(has_image(world, sample) for sample in planned)
    assert all(sample.collected_at is None for sample in world.ledger.samples())
    assert vars(dry) == {**vars(prune(world.campaign, world.ledger)), "dry_run": True}


def test_what_was_deleted_is_not_drawn_scored_or_pushed_again(make_world: MakeWorld) -> None:
    world, _planned = held_world(make_world)
    prune(world.campaign, world.ledger)
    world.plan()
    assert world.ledger.to_generate() == []
    assert len(world.ledger.to_score("clip:test@2")) == 2
    assert len(world.ledger.to_push()) == 2
    assert world.ledger.vectors.lacking(VERSION) == {
        sample.key for sample in world.ledger.to_push()
    }


def pushed(world: World, sample: PlannedSample) -> None:
    world.ledger.record_tasks({sample.key: 3}, VERSION)


def uploaded(world: World, sample: PlannedSample) -> None:
    world.ledger.record_uploads({sample.key: "/data/upload/1/a.png"})


def approved(world: World, sample: PlannedSample) -> None:
    record_review(world.ledger, sample.key, "approved", "cat")


def has_a_child(world: World, sample: PlannedSample) -> None:
    parents = (world.sample(sample.key).sha256 or "",)
    prompt = Prompt("another cat", "cat", "variation", {})
    world.ledger.plan([PlannedSample("child", prompt, "m", "8x8", {}, 0, parents=parents)])


def is_a_mask(world: World, sample: PlannedSample) -> None:
    prompt = Prompt("another cat", "cat", "inpainting", {})
    mask = world.sample(sample.key).sha256
    child = PlannedSample("child", prompt, "m", "8x8", {}, 0, parents=("0" * 64,), mask=mask)
    world.ledger.plan([child])


def is_a_source(world: World, sample: PlannedSample) -> None:
    digest = world.sample(sample.key).sha256 or ""
    world.ledger.sources.add([SourceImage(digest, 0, f"approved:{sample.key}", "cat")])


def masks_a_source(world: World, sample: PlannedSample) -> None:
    digest = world.sample(sample.key).sha256
    world.ledger.sources.add([SourceImage("0" * 64, 0, "folder:a.png", "cat", digest)])


def is_shared(world: World, sample: PlannedSample) -> None:
    prompt = Prompt("the same cat", "cat", "vanilla", {})
    twin = PlannedSample("twin", prompt, "m", "8x8", {}, 0)
    world.ledger.plan([twin])
    world.draw(twin, sample.key.encode())


@pytest.mark.parametrize(
    "use",
    [
        pushed,
        uploaded,
        approved,
        has_a_child,
        is_a_mask,
        is_a_source,
        masks_a_source,
        is_shared,
    ],
)
def test_an_image_that_something_needs_stays(
    use: Callable[[World, PlannedSample], None], make_world: MakeWorld
) -> None:
    world, planned = held_world(make_world)
    use(world, planned[1])
    assert prune(world.campaign, world.ledger).images == 3
    assert has_image(world, planned[1])
    assert world.sample(planned[1].key).collected_at is None


def test_a_group_that_waits_loses_nothing(make_world: MakeWorld) -> None:
    world = make_world(samples=1, images_per_prompt=2)
    planned = world.plan()
    world.draw(planned[0])
    world.score({planned[0].key: 0.1})
    world.select()
    assert prune(world.campaign, world.ledger).images == 0


def test_killed_between_deleting_and_recording_the_next_run_records(make_world: MakeWorld) -> None:
    world, planned = held_world(make_world)
    store = ImageStore(world.campaign.images_path)
    store.path(world.sample(planned[1].key).sha256 or "").unlink()
    assert prune(world.campaign, world.ledger).images == 3
    assert world.sample(planned[1].key).collected_at is not None


def test_what_a_killed_process_left_half_written_goes(make_world: MakeWorld) -> None:
    world, planned = held_world(make_world)
    beside = ImageStore(world.campaign.images_path).path(world.sample(planned[0].key).sha256 or "")
    half = beside.parent / ".part-abc"
    half.write_bytes(b"12345")
    dry = prune(world.campaign, world.ledger, dry_run=True)
    assert (dry.unfinished, dry.bytes) == (1, 4 * 32 + 5)
    assert half.exists()
    prune(world.campaign, world.ledger)
    assert not half.exists()
    assert has_image(world, planned[0])


WriteCampaign = Callable[..., Path]


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def test_the_command_shows_what_would_go_and_what_went(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    best = 'model = "sketch"\n[selection]\nimages_per_prompt = 2'
    folder = write_campaign(images_api.base_url, samples="3", score=best)
    early = ls_clip("prune", folder)
    assert early.exit_code == 1
    assert "ls-clip score" in early.stderr
    assert ls_clip("generate", folder).exit_code == 0
    scored = json.loads(ls_clip("score", folder, "--json").stdout)
    assert scored["held"] == {"not among the best of their prompt": 3}
    assert "3 not among the best" in ls_clip("status", folder).stdout
    would = ls_clip("prune", folder, "--dry-run").stdout
    assert "would go   3 images" in would
    assert "deleted    3 images" in ls_clip("prune", folder).stdout
    assert "nothing to do" in ls_clip("prune", folder).stdout
    again = json.loads(ls_clip("score", folder, "--json").stdout)
    assert (again["scored"], again["unreadable"]) == (0, 0)
    assert json.loads(ls_clip("generate", folder, "--json").stdout)["generated"] == 0
    with Ledger(load_campaign(folder).ledger_path) as ledger:
        assert len(ledger.to_push()) == 3


def test_nothing_goes_by_a_selection_that_campaign_toml_has_outgrown(
    write_campaign: WriteCampaign, images_api: Any
) -> None:
    best = 'model = "sketch"\n[selection]\nimages_per_prompt = 2'
    folder = write_campaign(images_api.base_url, samples="3", score=best)
    ls_clip("generate", folder)
    ls_clip("score", folder)
    write_campaign(images_api.base_url, samples="3", score=f"{best}\nkeep_best = 2")
    result = ls_clip("prune", folder)
    assert result.exit_code == 1
    assert "[selection] has changed" in result.stderr
    ls_clip("score", folder)
    assert "nothing to do" in ls_clip("prune", folder).stdout
