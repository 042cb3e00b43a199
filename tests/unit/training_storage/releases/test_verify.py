from __future__ import annotations

import pytest
from killing import Killer, watched
from release_world import World, record_of

from importers.training_storage.releases.release import BEGUN, LATEST
from importers.training_storage.releases.verify import VerifyReport, verify
from importers.training_storage.storages.fsspec_storage import PARTS
from ls_backend.errors import StorageError

PETS = {0: "cat", 1: "dog", 2: "cat", 3: "test tube"}


def paths(report: VerifyReport) -> tuple[list[str], list[str], list[str]]:
    missing = [fault.path for fault in report.missing]
    return missing, [fault.path for fault in report.changed], report.extra


def test_what_was_written_is_whole(releases: World) -> None:
    first = releases.release(PETS)
    second = releases.release({0: "dog"})
    seen: list[tuple[int, int]] = []
    report = verify(releases.url, progress=lambda done, total: seen.append((done, total)))
    assert report.is_whole
    assert report.releases == [second.name, first.name]
    unlisted = {LATEST, f"{first.folder}/release.json", f"{second.folder}/release.json"}
    held = {name: data for name, data in releases.files().items() if name not in unlisted}
    assert (report.files, report.bytes) == (len(held), sum(map(len, held.values())))
    assert seen[-1] == (report.files, report.files)
    assert report.leftovers == 0


@pytest.mark.parametrize("part", ["object", "manifest", "parquet", "imagefolder", "about"])
def test_each_missing_and_each_changed_file_is_named(releases: World, part: str) -> None:
    release = releases.release(PETS)
    name = record_of(0, "cat").object_path if part == "object" else release.files[part][0].path
    data = releases.files()[name]
    releases.change(name, bytes([data[0] ^ 1]) + data[1:])
    assert paths(verify(releases.url)) == ([], [name], [])
    releases.change(name, data + b" and more")
    assert paths(verify(releases.url)) == ([], [name], [])
    releases.storage.remove_many([name])
    report = verify(releases.url)
    assert (paths(report), report.is_whole) == (([name], [], []), False)
    assert report.missing[0].release == release.name


def test_release_json_is_compared_with_its_name(releases: World) -> None:
    release = releases.release(PETS)
    path = f"{release.folder}/release.json"
    data = releases.files()[path]
    for other in (
        data.replace(b'"cat"', b'"cow"', 1),
        data.replace(release.files["manifest"][0].sha256.encode(), b"0" * 64),
        data[:-20],
    ):
        assert other != data
        releases.change(path, other)
        assert path in paths(verify(releases.url))[1]
    releases.storage.remove_many([path])
    assert paths(verify(releases.url))[0] == [path]


def test_files_of_others_are_extra(releases: World) -> None:
    release = releases.release(PETS)
    others = [
        "notes.txt",
        "objects/mine.png",
        "parquet/mine.parquet",
        f"{release.folder}/imagefolder/train/cat/unapproved.png",
        "releases/notes/todo.txt",
    ]
    for name in others:
        releases.change(name, b"mine")
    assert paths(verify(releases.url)) == ([], [], sorted(others))
    assert paths(verify(releases.url, release.name)) == ([], [], [])


def test_one_release_may_be_asked_for(releases: World) -> None:
    first, second = releases.release(PETS), releases.release({0: "cat"})
    releases.storage.remove_many([first.files["imagefolder"][0].path])
    assert not verify(releases.url).is_whole
    assert verify(releases.url, second.name).is_whole
    assert not verify(releases.url, first.name).is_whole
    with pytest.raises(StorageError, match=r"has no release 000007-12345678"):
        verify(releases.url, "000007-12345678")


def test_a_storage_without_a_release_is_no_success(releases: World) -> None:
    with pytest.raises(StorageError, match="holds no release"):
        verify(releases.url)


def test_what_killed_runs_leave_is_no_fault(
    releases: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    releases.release(PETS)
    killer: Killer = watched(monkeypatch)
    moment, most = 0, 0
    while True:
        was_killed = killer.kills(moment, lambda: releases.release({0: "dog", 5: "cat"}))
        report = verify(releases.url)
        assert report.is_whole
        most = max(most, report.leftovers)
        if not was_killed:
            break
        moment += 9
    assert most > 3
    names = releases.files()
    assert not any(name.startswith((PARTS, BEGUN)) for name in names)
