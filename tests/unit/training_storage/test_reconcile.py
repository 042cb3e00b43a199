from __future__ import annotations

import json
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

import fsspec
import pytest
from training_world import MakeWorld, World, push_sample

from importers.campaign import NONE_OF_THESE
from importers.training_storage.reconcile import Changes
from ls_backend.errors import LedgerError, StorageError

FIRST = {0: "cat", 1: "dog", 2: "cat", 5: "test tube"}
THEN = {0: "cat", 1: "cat", 3: "cat", 5: "test tube"}


def snapshot(root: Path) -> dict[Path, tuple[int, bytes]]:
    """Every file and folder with its time and content."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in [root, *root.rglob("*")]
    }


@pytest.fixture(params=["local", "memory"])
def world(request: pytest.FixtureRequest, make_world: MakeWorld) -> World:
    url = "training" if request.param == "local" else request.getfixturevalue("memory_url")
    return make_world(url)


def test_what_is_approved_comes_moves_and_goes(world: World) -> None:
    world.decide(FIRST)
    assert world.run() == Changes(added=4, moved=0, removed=0, unchanged=0)
    world.check(FIRST)
    world.decide(THEN)
    assert world.run() == Changes(added=1, moved=1, removed=1, unchanged=2)
    world.check(THEN)
    world.decide({})
    assert world.run() == Changes(added=0, moved=0, removed=4, unchanged=0)
    world.check({})


def test_rejected_and_skipped_samples_stay_out(world: World) -> None:
    world.decide({0: "cat"})
    [verdict] = [s.verdict for s in world.ledger.samples() if s.verdict]
    for number, kind in enumerate(["rejected", "skipped"], start=1):
        other = type(verdict)(kind, None, 200 + number, verdict.decided_at, 7)
        world.ledger.record_verdicts({world.samples[number].key: other})
    world.run()
    world.check({0: "cat"})


def test_what_shows_none_of_the_labels_has_a_folder_of_its_own_once_a_person_agrees(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    push_sample(world.campaign, world.ledger, len(world.samples), NONE_OF_THESE)
    world.samples = world.ledger.samples()
    world.run()
    world.check({})
    *others, none = range(len(world.samples))
    world.decide({none: NONE_OF_THESE})
    world.run()
    world.check({none: NONE_OF_THESE})
    [found] = world.metadata()
    assert (found["verdict"], found["label"]) == ("approved", NONE_OF_THESE)
    folder = PurePosixPath(found["file_name"]).parent.name
    assert folder == "None of these %2F unusable"
    assert unquote(folder) == NONE_OF_THESE
    world.decide({others[0]: "cat"})
    world.run()
    world.check({others[0]: "cat"})
    assert not (Path(world.campaign.storage_url) / "images" / folder).exists()


def test_a_second_run_touches_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    world.decide(FIRST)
    world.run()
    before = snapshot(Path(world.campaign.storage_url))
    assert world.run() == Changes(added=0, moved=0, removed=0, unchanged=4)
    assert snapshot(Path(world.campaign.storage_url)) == before


def test_the_record_of_a_sample(make_world: MakeWorld) -> None:
    world = make_world()
    world.decide({1: "cat"})
    world.run()
    sample = world.ledger.samples()[1]
    assert sample.sha256 is not None
    assert sample.stored_at is not None
    [found] = world.metadata()
    assert list(found.items()) == [
        ("file_name", f"images/cat/{sample.sha256[:16]}-{sample.key[:8]}.png"),
        ("label", "cat"),
        ("verdict", "relabelled"),
        ("prompt", "a dog, number 1"),
        ("prompt_label", "dog"),
        ("technique", "vanilla"),
        ("factors", {"color": "red"}),
        ("label_probability", 0.25),
        ("similarity", 0.125),
        ("predicted_label", "fish"),
        ("model_version", "clip:test@1"),
        ("generator", "sketch-1"),
        ("parameters", {"size": "64x64", "quality": "low"}),
        ("seed", 1),
        ("parents", None),
        ("cost_usd", 0.011),
        ("request_id", "req-1"),
        ("annotation_id", 101),
        ("reviewer", 7),
        ("decided_at", "2026-05-04T12:00:01+00:00"),
        ("generated_at", sample.stored_at.isoformat()),
        ("sha256", sample.sha256),
        ("sample", sample.key),
        ("synthetic", True),
        ("terms", None),
        ("campaign", "pets"),
        ("campaign_id", world.ledger.campaign_id),
    ]


def test_a_new_answer_with_the_same_label_changes_only_the_record(make_world: MakeWorld) -> None:
    world = make_world()
    world.decide({0: "cat"})
    world.run()
    root = Path(world.campaign.storage_url)
    [image] = root.rglob("*.png")
    before = image.stat().st_mtime_ns
    [verdict] = [s.verdict for s in world.ledger.samples() if s.verdict]
    again = type(verdict)("approved", "cat", 300, verdict.decided_at, 8)
    world.ledger.record_verdicts({world.samples[0].key: again})
    assert world.run() == Changes(added=0, moved=0, removed=0, unchanged=1)
    assert [found["annotation_id"] for found in world.metadata()] == [300]
    assert image.stat().st_mtime_ns == before


def test_damaged_and_missing_images_are_put_back(world: World) -> None:
    world.decide(FIRST)
    world.run()
    fs, root = fsspec.core.url_to_fs(world.campaign.storage_url)
    first, second, *_ = [found["file_name"] for found in world.metadata()]
    fs.rm_file(f"{root}/{first}")
    fs.pipe_file(f"{root}/{second}", b"torn")
    assert world.run() == Changes(added=0, moved=0, removed=0, unchanged=4)
    world.check(FIRST)


def test_files_of_others_stay(world: World) -> None:
    world.decide(FIRST)
    world.run()
    fs, root = fsspec.core.url_to_fs(world.campaign.storage_url)
    ours = Path(world.metadata()[0]["file_name"])
    others = [
        "README.md",
        "images/cat/mine.png",
        "images/cat/0123456789abcdef-01234567.png",
        f"images/cat/deeper/{ours.name}",
        f"images/{ours.name}",
        "images/.part",
    ]
    for name in others:
        fs.makedirs(f"{root}/{Path(name).parent}", exist_ok=True)
        fs.pipe_file(f"{root}/{name}", b"precious")
    world.decide({})
    world.run()
    assert world.files() == {"metadata.jsonl", *others}


def test_a_folder_without_images_goes(make_world: MakeWorld) -> None:
    world = make_world()
    world.decide({0: "cat", 1: "dog"})
    world.run()
    images = Path(world.campaign.storage_url) / "images"
    (images / "tes%74 tube").mkdir()  # what a killed run may leave
    world.decide({1: "dog"})
    world.run()
    assert [folder.name for folder in images.iterdir()] == ["dog"]


def test_torchvision_loads_it(make_world: MakeWorld) -> None:
    from torchvision.datasets import ImageFolder

    world = make_world()
    world.decide(FIRST)
    world.run()
    images = ImageFolder(f"{world.campaign.storage_url}/images")
    assert images.classes == ["cat", "dog", "tes%74 tube"]
    assert len(images) == 4


def test_the_folder_of_another_campaign_is_refused(world: World, make_world: MakeWorld) -> None:
    world.decide(FIRST)
    world.run()
    other = make_world(world.campaign.storage_url, name="zoo")
    other.decide({0: "cat"})
    with pytest.raises(StorageError, match="belongs to another campaign, 'pets'") as error:
        other.run()
    assert "[storage] url" in error.value.hint
    world.check(FIRST)


@pytest.mark.parametrize("theirs", ['{"file_name": "images/cat/1.png"}\n', "not json"])
def test_a_foreign_metadata_file_is_refused(make_world: MakeWorld, theirs: str) -> None:
    world = make_world()
    root = Path(world.campaign.storage_url)
    root.mkdir()
    (root / "metadata.jsonl").write_text(theirs)
    with pytest.raises(StorageError, match="did not write"):
        world.run()
    assert (root / "metadata.jsonl").read_text() == theirs


def test_a_lost_original_changes_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    world.decide(FIRST)
    world.run()
    next(world.campaign.images_path.rglob("*.png")).unlink()
    before = snapshot(Path(world.campaign.storage_url))
    world.decide(dict.fromkeys(range(6), "dog"))
    with pytest.raises(LedgerError, match=r"is not in .*images any more"):
        world.run()
    assert snapshot(Path(world.campaign.storage_url)) == before


def test_storage_that_refuses_to_write_is_told_before_anything_is_done(
    make_world: MakeWorld, memory_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(memory_url)
    world.decide(FIRST)
    monkeypatch.setattr(type(fsspec.filesystem("memory")), "pipe_file", refuse)
    with pytest.raises(StorageError, match=r"memory://bucket/training .*: AccessDenied"):
        world.run()
    assert world.files() == set()


def refuse(*_: object) -> None:
    raise PermissionError("AccessDenied")


def test_metadata_is_utf8_json(make_world: MakeWorld) -> None:
    world = make_world()
    world.decide({0: "cat"})
    world.run()
    text = (Path(world.campaign.storage_url) / "metadata.jsonl").read_text(encoding="utf-8")
    assert text.endswith("\n")
    assert json.loads(text)["label"] == "cat"
