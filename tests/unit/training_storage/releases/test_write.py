from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from release_world import World, picture, record_of

from importers.training_storage.card.facts import CardRelease
from importers.training_storage.releases import write
from importers.training_storage.releases.read import (
    history,
    latest,
    read_release,
    records_of,
    tombstones_of,
)
from importers.training_storage.releases.release import BEGUN, LATEST
from importers.training_storage.releases.verify import verify
from ls_backend.errors import StorageError

PETS = {0: "cat", 1: "dog", 2: "cat", 3: "test tube", 4: "dog"}


def test_a_release_names_everything_that_it_is(releases: World) -> None:
    release = releases.release(PETS)
    assert releases.labels() == PETS
    assert release == latest(releases.storage)
    assert release.name == f"000001-{release.content[:8]}"
    assert release.labels == {"cat": 2, "dog": 2, "test tube": 1}
    assert release.splits == {"test": 1, "train": 4}
    assert release.outcomes == {"approved": 5, "rejected": 2}
    named = {file.path: file for file in release.every_file()}
    objects = {record.object_path for record in records_of(releases.storage, release)}
    there = releases.files()
    assert set(there) == {*named, *objects, LATEST, f"{release.folder}/release.json"}
    for path, file in named.items():
        assert (sha256(there[path]).hexdigest(), len(there[path])) == (file.sha256, file.bytes)
    assert there[f"{release.folder}/README.md"].decode() == f"{release.name}: 9 files\n"
    assert [r.sample for r in records_of(releases.storage, release)] == sorted(
        record_of(number, label).sample for number, label in PETS.items()
    )


def test_the_same_content_writes_nothing(releases: World) -> None:
    first = releases.release(PETS)
    before = releases.files()
    assert releases.release(PETS) == first
    assert releases.release(PETS, heal=True) == first
    assert releases.files() == before


def test_a_change_writes_what_changed_and_leaves_the_release_before(releases: World) -> None:
    first = releases.release(PETS)
    before = releases.files()
    releases.asked.clear()
    second = releases.release({**PETS, 0: "dog", 5: "cat"})
    assert second.previous == first.name
    assert second.name.startswith("000002-")
    assert releases.labels() == {**PETS, 0: "dog", 5: "cat"}
    new = record_of(5, "cat")
    changed = {record_of(5, "cat").sample}
    repacked = [
        file.path
        for file in second.files["parquet"]
        if file.path not in {f.path for f in first.files["parquet"]}
    ]
    assert len(repacked) < len(second.files["parquet"])
    assert changed <= set(releases.asked)
    assert len(set(releases.asked)) <= 2 * len(repacked)
    assert new.object_path in releases.files()
    assert before.items() - {LATEST: before[LATEST]}.items() <= releases.files().items()


def test_pictures_that_the_storage_has_are_not_asked_for(releases: World) -> None:
    releases.layouts = ("imagefolder",)
    releases.release(PETS)
    releases.asked.clear()
    releases.release({**PETS, 1: "cat", 5: "cat"})
    assert releases.asked == [record_of(5, "cat").sample]


def test_those_who_left_are_remembered_for_ever(releases: World) -> None:
    releases.release(PETS)
    second = releases.release({n: PETS[n] for n in (0, 1, 2, 3)})
    third = releases.release({n: PETS[n] for n in (0, 1, 3, 4)})
    stones = tombstones_of(releases.storage, third)
    assert [(stone.sample, stone.release) for stone in stones] == [
        (record_of(4, "dog").sample, second.name),
        (record_of(2, "cat").sample, third.name),
    ]
    first = stones[0]
    assert (first.label, first.reason, first.reviewers, first.by) == ("dog", "rejected", (7,), 9)
    assert first.sha256 == sha256(picture(4)).hexdigest()


def test_an_empty_release_says_that_nothing_is_approved(releases: World) -> None:
    releases.release(PETS)
    empty = releases.release({})
    assert (empty.samples, empty.labels) == (0, {})
    assert records_of(releases.storage, empty) == []
    assert len(tombstones_of(releases.storage, empty)) == 5


def test_another_licence_is_another_release(releases: World) -> None:
    first = releases.release(PETS)
    releases.license = "cc-by-4.0"
    second = releases.release(PETS)
    assert (first.license, second.license) == (None, "CC-BY-4.0")
    assert second.content != first.content
    assert releases.release(PETS) == second
    assert verify(releases.url).is_whole
    releases.license = None
    assert releases.release(PETS).content == first.content


def test_other_layouts_are_another_release(releases: World) -> None:
    first = releases.release(PETS)
    releases.layouts = ("imagefolder",)
    second = releases.release(PETS)
    assert second.content != first.content
    assert second.files["manifest"] == first.files["manifest"]
    assert "parquet" not in second.files


def test_releases_are_listed_newest_first_without_what_was_not_finished(releases: World) -> None:
    names = [releases.release({0: label}).name for label in ("cat", "dog", "test tube")]
    releases.change("releases/000009-00000000/imagefolder/a.png", b"half")
    early = names[1].replace("000002", "000001")
    first = json.loads(releases.files()[f"releases/{names[0]}/release.json"])
    releases.change(f"releases/{early}/release.json", json.dumps({**first, "name": early}).encode())
    found = history(releases.storage)
    assert [release.name for release in found.releases][:2] == names[::-1][:2]
    assert "000009-00000000" in found.unfinished
    assert read_release(releases.storage, names[0]).labels == {"cat": 1}


@pytest.mark.parametrize("part", ["object", "parquet", "imagefolder", "manifest", "about"])
def test_healing_puts_back_what_is_missing(releases: World, part: str) -> None:
    first = releases.release(PETS)
    name = record_of(0, "cat").object_path if part == "object" else first.files[part][0].path
    draft, storage = releases.draft(PETS), releases.storage
    storage.remove_many([name])
    assert write.write_release(storage, draft, releases.image) == first
    healed = write.write_release(storage, draft, releases.image, heal=True)
    assert healed.content == first.content
    assert healed.name.startswith("000002-")
    assert releases.labels() == PETS
    assert releases.release(PETS, heal=True) == healed


def test_healing_keeps_the_tombstones_that_are_left(releases: World) -> None:
    releases.release(PETS)
    second = releases.release({0: "cat"})
    third = releases.release({0: "dog"})
    releases.storage.remove_many([f"{third.folder}/removed.jsonl"])
    healed = releases.release({0: "dog"}, heal=True)
    assert tombstones_of(releases.storage, healed) == tombstones_of(releases.storage, second)


def test_a_killed_first_sync_does_not_upload_again(
    releases: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = dict.fromkeys(range(150), "cat")
    releases.layouts = ("imagefolder",)

    def fails(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(write, "layout", lambda _: fails)
        with pytest.raises(RuntimeError):
            releases.release(many)
    assert len(releases.asked) == 150
    releases.asked.clear()
    assert releases.release(many).name.startswith("000002-")
    assert releases.asked == []
    assert releases.labels() == many
    assert not any(name.startswith("releases/000001") for name in releases.files())
    assert BEGUN not in releases.files()


def test_another_campaign_is_refused(releases: World) -> None:
    releases.release(PETS)
    before = releases.files()
    other = World(releases.url, campaign_id="c-2")
    with pytest.raises(StorageError, match="belongs to another 'pets' \\(id c-1\\)"):
        other.release({0: "dog"})
    assert releases.files() == before


def test_what_an_older_version_wrote_is_refused(releases: World) -> None:
    releases.change("metadata.jsonl", b'{"sample": "1"}\n')
    with pytest.raises(StorageError, match=r"metadata\.jsonl and no LATEST") as error:
        releases.release(PETS)
    assert "Name another folder" in error.value.hint
    assert list(releases.files()) == ["metadata.jsonl"]


def test_a_release_written_meanwhile_stands(releases: World) -> None:
    releases.release(PETS)
    mine, theirs = releases.draft({0: "dog"}), releases.draft({0: "test tube"})

    def card_while_others_write(release: CardRelease) -> dict[str, bytes]:
        write.write_release(releases.storage, theirs, releases.image)
        return {"README.md": release.name.encode()}

    late = write.NewRelease(**{**vars(mine), "card": card_while_others_write})
    with pytest.raises(StorageError, match="Another process wrote release 000003-"):
        write.write_release(releases.storage, late, releases.image)
    assert releases.labels() == {0: "test tube"}
    assert not any(name.startswith("releases/000002-") for name in releases.files())
    with pytest.raises(StorageError, match="Another process wrote"):
        write.write_release(releases.storage, mine, releases.image)
    assert releases.release({0: "dog"}).name.startswith("000004-")


def test_a_picture_that_is_not_what_was_approved_is_not_stored(releases: World) -> None:
    draft = releases.draft(PETS)
    with pytest.raises(StorageError, match="is not what was approved"):
        write.write_release(releases.storage, draft, lambda _: b"another picture")
    with pytest.raises(StorageError, match="is missing"):
        write.write_release(releases.storage, draft, lambda _: None)
    assert not any(name.startswith("objects/") for name in releases.files())
    assert latest(releases.storage) is None


def test_originals_may_be_local_files(releases: World, tmp_path: Path) -> None:
    def original(record: Any) -> Path:
        path = tmp_path / record.file_name
        path.write_bytes(picture(int(record.family)))
        return path

    write.write_release(releases.storage, releases.draft(PETS), original)
    assert releases.labels() == PETS


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        (LATEST, b"the newest one\n", "LATEST does not name a release"),
        ("release.json", b"{", "release.json: "),
        ("release.json", b'{"format": 2}', "newer ls-clip"),
    ],
)
def test_damage_is_named(releases: World, name: str, data: bytes, says: str) -> None:
    release = releases.release(PETS)
    releases.change(name if name == LATEST else f"{release.folder}/{name}", data)
    with pytest.raises(StorageError, match=says):
        latest(releases.storage)


def test_progress_counts_pictures_and_layouts(releases: World) -> None:
    seen: list[tuple[int, int]] = []
    releases.release(PETS, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 7)
    assert seen[-1] == (7, 7)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
