"""Packed layouts are loaded by the libraries that they are for."""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import webdataset
from packed_world import (
    CLASSES,
    LAYOUTS,
    Folder,
    colour,
    contents,
    laid_out,
    picture,
    sample,
    samples,
)
from PIL import Image

from importers.record import SPLITS, Record
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts.folders import class_names
from ls_backend.errors import StorageError

DOCS = Path(__file__).parents[4] / "docs" / "training-storage.md"
RECORDS = samples(60)
BY_KEY = {record.sample: record for record in RECORDS}

Load = Callable[[str, Folder], Any]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Loads all splits of a folder as Hugging Face's `datasets` does, without a network."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    import datasets

    datasets.disable_progress_bars()

    def load_dataset(builder: str, folder: Folder) -> Any:
        files = {split: folder.of(split) for split in SPLITS}
        return datasets.load_dataset(builder, data_files=files, cache_dir=str(tmp_path / "cache"))

    return load_dataset


def shows(image: Image.Image, record: Record) -> bool:
    return image.size == (16, 12) and image.getpixel((3, 3)) == colour(record.task_id)


# The library leaves the last file of a list to the garbage collector.
leaves_files_open = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)


@leaves_files_open
def test_webdataset_reads_each_split(tmp_path: Path) -> None:
    folder = laid_out("webdataset", contents(RECORDS), tmp_path)
    for split in SPLITS:
        urls = folder.of(split)
        dataset = webdataset.WebDataset(urls, shardshuffle=False, empty_check=False)
        found = list(dataset.decode("pil").to_tuple("__key__", "png", "cls", "json"))
        expected = {record.sample for record in RECORDS if record.split == split}
        assert {key for key, *_ in found} == expected
        assert len(found) == len(expected)
        for key, image, number, text in found:
            assert shows(image, BY_KEY[key])
            assert number == BY_KEY[key].class_id
            assert text["label"] == CLASSES.names[number]


@leaves_files_open
def test_pictures_keep_their_format(tmp_path: Path) -> None:
    records = [sample(0), sample(2, file_format="jpg")]
    folder = laid_out("webdataset", contents(records), tmp_path)
    dataset = webdataset.WebDataset(folder.of("train"), shardshuffle=False)
    found = dict(dataset.to_tuple("__key__", "png;jpg"))
    assert found == {r.sample: picture(r.task_id, r.format) for r in records}


def test_tar_members_say_nothing_of_where_they_were_made(tmp_path: Path) -> None:
    folder = laid_out("webdataset", contents(RECORDS), tmp_path)
    with tarfile.open(folder.of("train")[0]) as tar:
        members = tar.getmembers()
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {
        (0, 0, 0, "", "", 0o644)
    }
    keys = [member.name.partition(".")[0] for member in members[::3]]
    assert keys == sorted(keys)
    assert [m.name for m in members[:3]] == [f"{keys[0]}.{end}" for end in ("png", "cls", "json")]


def test_datasets_read_webdataset_shards(tmp_path: Path, load: Load) -> None:
    loaded = load("webdataset", laid_out("webdataset", contents(RECORDS), tmp_path))
    rows = [row for split in SPLITS for row in loaded[split]]
    assert {row["__key__"].rpartition("/")[2] for row in rows} == set(BY_KEY)
    for row in rows:
        record = BY_KEY[row["json"]["sample"]]
        assert shows(row["png"], record)
        assert row["cls"] == record.class_id
        assert row["json"]["prompt"] == record.prompt


def test_the_order_of_unknown_values_does_not_matter_to_datasets(
    tmp_path: Path, load: Load
) -> None:
    # It takes the types from the first few samples: here these have no prompt and no parents.
    ordered = sorted(RECORDS, key=lambda record: record.sample)
    records = [
        replace(
            record,
            split="test",
            sample=f"{place:032x}",
            prompt="a cat" if place > 40 else None,
            parents=("ab" * 32,) if place > 40 else (),
            parameters={"quality": "low" if place > 40 else 3},
        )
        for place, record in enumerate(ordered)
    ]
    folder = laid_out("webdataset", contents(records, 1000), tmp_path)
    folder.lists = {f"{split}.txt": folder.lists["test.txt"] for split in SPLITS}
    assert len(load("webdataset", folder)["test"]) == len(records)


def test_datasets_read_parquet_with_images_and_classes(tmp_path: Path, load: Load) -> None:
    import datasets

    loaded = load("parquet", laid_out("parquet", contents(RECORDS), tmp_path))
    features = loaded["train"].features
    assert features["image"] == datasets.Image()
    assert features["label"] == datasets.ClassLabel(names=class_names(CLASSES))
    assert features["label"].int2str(3) == "test tube"
    assert features["cost_usd"] == datasets.Value("float64")
    rows = [row for split in SPLITS for row in loaded[split]]
    assert {row["sample"] for row in rows} == set(BY_KEY)
    for row in rows:
        record = BY_KEY[row["sample"]]
        assert shows(row["image"], record)
        assert row["label"] == record.class_id
        assert row["label_name"] == record.label
        assert row["reviewers"] == ["7"]
        assert row["parents"] == list(record.parents)
        assert (row["seed"], row["cost_usd"]) == (record.seed, record.cost_usd)
        assert json.loads(row["boxes"])[0]["rotation"] == 0.0
        factors = row["factors"]
        assert (json.loads(factors) if factors else None) == record.factors


def test_parquet_files_are_alike_whatever_is_known(tmp_path: Path) -> None:
    folder = laid_out("parquet", contents([sample(1), sample(2)], 1), tmp_path)
    one, other = (pyarrow.parquet.read_table(path) for path in folder.of("train"))
    assert one.schema.equals(other.schema, check_metadata=True)
    assert one.column_names[:4] == ["image", "label", "label_name", "sample"]
    [row] = pyarrow.parquet.read_table(folder.of("train")[0]).to_pylist()
    record = next(r for r in (sample(1), sample(2)) if r.sample == row["sample"])
    assert row["image"]["path"] == record.file_name
    assert Image.open(io.BytesIO(row["image"]["bytes"])).size == (16, 12)


def test_row_groups_are_small(tmp_path: Path) -> None:
    many = [sample(number) for number in range(250)]
    big = [replace(record, bytes=20 * 2**20) for record in many[:5]]
    folder = laid_out("parquet", contents(many, 1000), tmp_path)
    assert _groups(folder.of("train")[0]) == [100, 100, 50]
    folder = laid_out("parquet", contents(big, 1000), tmp_path)
    assert _groups(folder.of("train")[0]) == [1] * 5


def test_a_class_in_use_no_more_keeps_its_number() -> None:
    assert class_names(ClassList(("cat", None, None, "dog"))) == [
        "cat",
        "(no class 1)",
        "(no class 2)",
        "dog",
    ]


def test_without_pyarrow_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(StorageError, match="layout parquet") as caught:
        laid_out("parquet", contents(RECORDS), tmp_path)
    assert "'label-studio-clip[parquet]'" in caught.value.hint


def _groups(path: str) -> list[int]:
    metadata = pyarrow.parquet.read_metadata(path)
    return [metadata.row_group(index).num_rows for index in range(metadata.num_row_groups)]


@leaves_files_open
@pytest.mark.usefixtures("load")
def test_the_lines_in_the_docs_load_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    release = tmp_path / "releases" / "000001-1a2b3c4d"
    left: dict[str, Any] = {}
    code = {
        layout: block
        for block in re.findall(r"```python\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
        for layout in LAYOUTS
        if f'"{layout}/' in block
    }
    for layout in LAYOUTS:
        folder = laid_out(layout, contents(RECORDS), tmp_path)
        (release / layout).mkdir(parents=True)
        for name, paths in folder.lists.items():
            (release / layout / name).write_text("".join(f"{path}\n" for path in paths))
        monkeypatch.chdir(release)
        exec(compile(code[layout], str(DOCS), "exec"), left)
    expected = {record.sample for record in RECORDS if record.split == "train"}
    assert {record["sample"] for _, _, record in left["train"]} == expected
    assert set(left["dataset"]["train"]["sample"]) == expected
    assert left["names"] == class_names(CLASSES)
