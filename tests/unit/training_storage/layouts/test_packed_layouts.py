"""Packed layouts write the files that a change touches, keep all others, and stay within memory."""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pyarrow
import pytest
from packed_world import CLASSES, LAYOUTS, Folder, contents, laid_out, sample, samples

from importers.record import Record
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts import packed
from importers.training_storage.layouts.packed import shards

MEGABYTE = 2**20

pytestmark = pytest.mark.parametrize("layout", list(LAYOUTS))


def group_of(records: Sequence[Record], key: str, most: int = 8) -> list[str]:
    """Keys of the samples that must be in a file with this one."""
    [split] = {record.split for record in records if record.sample == key}
    groups = shards((r.sample for r in records if r.split == split), most).values()
    return next(group for group in groups if key in group)


def test_the_same_contents_give_the_same_bytes(layout: str, tmp_path: Path) -> None:
    one = laid_out(layout, contents(samples(40)), tmp_path / "one")
    other = laid_out(layout, contents(reversed(samples(40))), tmp_path / "other")
    assert one.lists == other.lists
    assert len(one.files) > 5
    for path in one.files:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "other" / path).read_bytes()


def test_each_file_is_listed_in_its_split(layout: str, tmp_path: Path) -> None:
    folder = laid_out(layout, contents(samples(40)), tmp_path)
    assert list(folder.lists) == ["train.txt", "validation.txt", "test.txt"]
    for name, paths in folder.lists.items():
        start = f"{layout}/{name.removesuffix('.txt')}-"
        assert paths
        assert all(path.startswith(start) for path in paths)
    listed = [path for paths in folder.lists.values() for path in paths]
    assert sorted(listed) == sorted(folder.files)


def test_a_split_without_samples_has_no_file(layout: str, tmp_path: Path) -> None:
    folder = laid_out(layout, contents([sample(0)]), tmp_path)
    assert [len(paths) for paths in folder.lists.values()] == [1, 0, 0]
    [path] = folder.files
    assert path.startswith(f"{layout}/train-all-")


def test_nothing_changed_reads_no_picture(layout: str, tmp_path: Path) -> None:
    first = laid_out(layout, contents(samples(40)), tmp_path)
    second = laid_out(layout, contents(samples(40)), tmp_path, first)
    assert second.kept == first.files
    assert not second.written
    assert not second.opened
    assert second.lists == first.lists


def test_a_sample_that_comes_and_goes_changes_its_own_file(layout: str, tmp_path: Path) -> None:
    few, many = samples(40), [*samples(40), sample(1000)]
    before = laid_out(layout, contents(few), tmp_path)
    with_it = laid_out(layout, contents(many), tmp_path, before)
    new = group_of(many, sample(1000).sample)
    assert sorted(with_it.opened) == new  # no split of the file here
    assert len(with_it.written) == len(before.files - with_it.files) == 1
    without = laid_out(layout, contents(few), tmp_path, with_it)
    assert without.files == before.files
    assert sorted(without.opened) == [key for key in new if key != sample(1000).sample]


@pytest.mark.parametrize("change", [{"label": "dog", "class_id": 1}, {"reviewers": (7, 9)}])
def test_a_changed_record_changes_its_own_file(
    layout: str, change: dict[str, object], tmp_path: Path
) -> None:
    records = samples(40)
    before = laid_out(layout, contents(records), tmp_path)
    changed = [replace(records[0], **change), *records[1:]]
    after = laid_out(layout, contents(changed), tmp_path, before)
    assert sorted(after.opened) == group_of(records, records[0].sample)
    assert len(after.written) == len(before.files - after.files) == 1


def test_a_full_file_is_split_and_no_other_changes(layout: str, tmp_path: Path) -> None:
    few = samples(40)
    before = laid_out(layout, contents(few), tmp_path)
    for number in range(1000, 1100):  # until one comes into a file that is full
        many = [*few, sample(number)]
        after = laid_out(layout, contents(many), tmp_path, before)
        if len(after.written) > 1:
            break
        few, before = many, after
    assert len(before.files - after.files) == 1
    assert len(after.opened) == 9


def test_files_are_limited_in_bytes_of_pictures(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = [replace(record, bytes=1000) for record in samples(40)]
    monkeypatch.setattr(packed, "MOST_BYTES", 3500)
    folder = laid_out(layout, contents([replace(records[0], bytes=9999), *records[1:]]), tmp_path)
    assert len(folder.opened) == 40
    assert len(folder.files) >= 40 / 3


def test_memory_is_that_of_one_file(
    layout: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "MOST_BYTES", 2 * MEGABYTE)
    records = [replace(sample(number), bytes=MEGABYTE // 2) for number in range(60)]
    folder = Folder(tmp_path, image_of=lambda _: random.Random(0).randbytes(MEGABYTE // 2))
    laid_out(layout, contents(records[:1]), tmp_path)  # imports what it needs: not counted
    usual = pyarrow.default_memory_pool()
    counted = pyarrow.proxy_memory_pool(usual)
    pyarrow.set_memory_pool(counted)
    tracemalloc.start()
    try:
        LAYOUTS[layout](contents(records, 1000), folder)  # type: ignore[arg-type]
        peak = tracemalloc.get_traced_memory()[1] + (counted.max_memory() or 0)
    finally:
        tracemalloc.stop()
        pyarrow.set_memory_pool(usual)
    total = sum(path.stat().st_size for path in tmp_path.rglob("*.*"))
    assert total > 30 * MEGABYTE
    assert 2 * MEGABYTE < peak < 12 * MEGABYTE


def test_a_new_class(layout: str, tmp_path: Path) -> None:
    before = laid_out(layout, contents(samples(20)), tmp_path)
    longer = ClassList((*CLASSES.names, "bird"))
    after = laid_out(layout, contents(samples(20), classes=longer), tmp_path, before)
    # The names of all classes stand in each parquet file.
    assert (after.kept == before.files) == (layout == "webdataset")
    assert bool(after.written) == (layout == "parquet")
