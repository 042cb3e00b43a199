"""Lines of metadata.jsonl that a release takes over from the one before it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from file_output import contents_of, sample_records

from importers.record import Record
from importers.training_storage.layouts import imagefolder
from importers.training_storage.releases.read import latest, records_of
from importers.training_storage.releases.release import Release
from importers.training_storage.releases.write import NewRelease, write_release
from importers.training_storage.storages import open_storage

NAMES = ["cat", "dog"]
SHOWN = [(label, split) for split in ("train", "validation") for label in NAMES * 3]


@pytest.fixture
def records(tmp_path: Path) -> list[Record]:
    return sample_records(tmp_path / "pictures", NAMES, SHOWN)


@pytest.fixture
def changed(tmp_path: Path, records: list[Record]) -> list[Record]:
    """Another prompt, another label, another split, one that left, one that came."""
    first, second, third, *others, _ = records
    [*_, new] = sample_records(tmp_path / "pictures", NAMES, [*SHOWN, ("dog", "train")])
    return [
        dataclasses.replace(first, prompt="a cat\u2028on two lines"),
        dataclasses.replace(second, label="cat", class_id=0),
        dataclasses.replace(third, split="validation"),
        *others,
        new,
    ]


def test_a_second_release_has_the_bytes_of_a_first_one(
    tmp_path: Path, records: list[Record], changed: list[Record]
) -> None:
    release(tmp_path / "twice", records)
    release(tmp_path / "twice", changed)
    assert tree(tmp_path / "twice") == fresh(tmp_path, changed)


def test_only_lines_of_what_changed_are_made(
    tmp_path: Path, records: list[Record], changed: list[Record], monkeypatch: pytest.MonkeyPatch
) -> None:
    release(tmp_path / "twice", records)
    made = watch_lines(monkeypatch)
    release(tmp_path / "twice", changed)
    assert sorted(made) == sorted(r.sample for r in (*changed[:3], changed[-1]))


def test_a_line_that_somebody_damaged_is_made_anew(
    tmp_path: Path, records: list[Record], changed: list[Record]
) -> None:
    first = release(tmp_path / "twice", records)
    file = tmp_path / "twice" / first.folder / "imagefolder" / "train" / "metadata.jsonl"
    file.write_bytes(file.read_bytes().replace(b"number", b"nUmber"))
    release(tmp_path / "twice", changed)
    assert tree(tmp_path / "twice") == fresh(tmp_path, changed)


def test_lines_of_another_version_are_not_taken_over(
    tmp_path: Path, records: list[Record], changed: list[Record]
) -> None:
    with pytest.MonkeyPatch.context() as older:
        older.setattr(imagefolder, "VERSION", "imagefolder 0")
        older.setattr(imagefolder, "_line", lambda record: f"{record.sample}\n".encode())
        release(tmp_path / "twice", records)
    release(tmp_path / "twice", changed)
    assert tree(tmp_path / "twice") == fresh(tmp_path, changed)


def test_lines_that_are_not_those_of_the_records_before_are_made_anew(
    tmp_path: Path, records: list[Record], changed: list[Record]
) -> None:
    release(tmp_path / "twice", records)
    release(tmp_path / "twice", changed, before=records[1:])
    assert tree(tmp_path / "twice") == fresh(tmp_path, changed)


def fresh(folder: Path, records: Iterable[Record]) -> dict[str, bytes]:
    """The tree of these records in a storage that never had others."""
    release(folder / "once", records)
    return tree(folder / "once")


def watch_lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Samples whose line is made from now on."""
    made: list[str] = []
    line = imagefolder._line

    def noted(record: Record) -> bytes:
        made.append(record.sample)
        return line(record)

    monkeypatch.setattr(imagefolder, "_line", noted)
    return made


def release(
    folder: Path, records: Iterable[Record], before: Iterable[Record] | None = None
) -> Release:
    """Write a release, which knows the records of the one before unless others are given."""
    storage = open_storage(str(folder))
    previous = latest(storage)
    known = records_of(storage, previous) if previous and before is None else before or ()
    contents = dataclasses.replace(
        contents_of(records, NAMES), before={record.sample: record for record in known}
    )
    draft = NewRelease(contents, "pets", "c1", 1, previous, [], {}, lambda _: {})
    return write_release(storage, draft, lambda r: folder.parent / "pictures" / r.object_path)


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of the newest tree, which has a line for each sample."""
    storage = open_storage(str(folder))
    newest = latest(storage)
    assert newest is not None
    root = folder / newest.folder / "imagefolder"
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}
    lines = [line for path in files if path.endswith(".jsonl") for line in files[path].splitlines()]
    samples = [json.loads(line)["sample"] for line in lines]
    assert sorted(samples) == [record.sample for record in records_of(storage, newest)]
    return files
