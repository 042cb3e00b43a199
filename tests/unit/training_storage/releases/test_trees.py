"""Trees of pictures, loaded by what trains on them: datasets, torchvision, Ultralytics' rules."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import yaml
from file_output import (
    UNKNOWN,
    FileOutput,
    contents_of,
    lay_out,
    sample_record,
    sample_records,
)
from hugging_face import LoadDataset
from PIL import Image

from importers.record import Record
from importers.review import Box

LABELS = ["train", "test tube", "a/b", "Löwe 🦁", "cat"]
NAMES = ["train", "cat", None, "Löwe 🦁", "a/b", "test tube"]
SHOWN = [(label, split) for label in LABELS for split in ("train", "train", "validation", "test")]


def test_datasets_loads_all_columns_of_an_imagefolder(
    tmp_path: Path, load_dataset: LoadDataset
) -> None:
    records = sample_records(tmp_path, NAMES, SHOWN)
    out = lay_out("imagefolder", contents_of(records, NAMES), tmp_path)

    loaded = load_dataset("imagefolder", data_dir=str(out.folder))

    assert list(loaded) == ["train", "validation", "test"]
    fields = {field.name for field in dataclasses.fields(Record)}
    for split, rows in loaded.items():
        assert set(rows.column_names) == {"image"} | fields
        assert {row["sample"]: _without_image(row) for row in rows} == {
            record.sample: _as_column_values(record) for record in records if record.split == split
        }
        for row in rows:
            assert row["image"].size == (row["width"], row["height"])


@pytest.mark.parametrize("unknown_in", ["train", "validation", "test"])
def test_datasets_loads_splits_of_which_one_has_nothing_in_a_column(
    tmp_path: Path, load_dataset: LoadDataset, unknown_in: str
) -> None:
    shown = [("cat", split) for split in ("train", "validation", "test")]
    records = [
        dataclasses.replace(record, **UNKNOWN) if record.split == unknown_in else record
        for record in sample_records(tmp_path, NAMES, shown, boxes=(Box("cat", 1, 2, 3, 4),))
    ]
    out = lay_out("imagefolder", contents_of(records, NAMES), tmp_path)

    loaded = load_dataset("imagefolder", data_dir=str(out.folder))

    [row] = loaded[unknown_in]
    assert row["prompt"] == ""
    assert math.isnan(row["label_probability"])
    assert json.loads(row["synthetic"]) is json.loads(row["seed"]) is None
    known = loaded["test" if unknown_in == "train" else "train"][0]
    assert (known["label_probability"], known["cost_usd"]) == (0.25, 1.0)
    assert json.loads(known["synthetic"]) is True
    assert json.loads(known["seed"]) >= 2**62
    assert len({str(rows.features) for rows in loaded.values()}) == 1


def test_a_split_without_samples_does_not_keep_others_from_loading(
    tmp_path: Path, load_dataset: LoadDataset
) -> None:
    records = sample_records(tmp_path, NAMES, [("cat", "train"), ("train", "validation")])
    out = lay_out("imagefolder", contents_of(records, NAMES), tmp_path)
    loaded = load_dataset("imagefolder", data_dir=str(out.folder))
    assert {split: rows.num_rows for split, rows in loaded.items()} == {"train": 1, "validation": 1}


def test_torchvision_loads_each_split_of_an_imagefolder(tmp_path: Path) -> None:
    from torchvision.datasets import ImageFolder

    records = sample_records(tmp_path, NAMES, SHOWN[:-1])
    out = lay_out("imagefolder", contents_of(records, NAMES), tmp_path)

    classes = (out.folder / "classes.txt").read_text(encoding="utf-8").split("\n")
    assert classes == ["train", "cat", "(no class 2)", "Löwe 🦁", "a/b", "test tube", ""]
    for split in ("train", "validation", "test"):
        dataset = ImageFolder(out.folder / split)
        ids = [classes.index(unquote(folder)) for folder in dataset.classes]
        dataset.target_transform = ids.__getitem__
        assert _pictures_and_ids(dataset) == _expected(tmp_path, records, split)


def test_yolo_gives_each_class_its_number_in_every_split(tmp_path: Path) -> None:
    """By the rules of Ultralytics, which reads with torchvision; tests/extra has it itself."""
    from torchvision.datasets import ImageFolder

    # Fewer classes in validation, none but the last in test: the numbers must not move.
    shown = [("test tube", "train"), ("a/b", "train"), ("cat", "validation"), ("test tube", "test")]
    records = sample_records(tmp_path, NAMES, shown)
    out = lay_out("yolo", contents_of(records, NAMES), tmp_path)

    names = yaml.safe_load((out.folder / "names.yaml").read_text(encoding="utf-8"))["names"]
    assert names == dict(enumerate(name or "(no class 2)" for name in NAMES))
    for split, folder in (("train", "train"), ("validation", "val"), ("test", "test")):
        dataset = ImageFolder(out.folder / folder, allow_empty=True)
        assert [unquote(name.partition("-")[2]) for name in dataset.classes] == list(names.values())
        assert _pictures_and_ids(dataset) == _expected(tmp_path, records, split)


def test_yolo_leaves_out_a_split_without_samples_but_train(tmp_path: Path) -> None:
    records = sample_records(tmp_path, NAMES, [("cat", "test")])
    out = lay_out("yolo", contents_of(records, NAMES), tmp_path)
    assert {path.name for path in out.folder.iterdir()} == {"train", "test", "names.yaml"}


@pytest.mark.parametrize("name", ["imagefolder", "yolo"])
def test_the_same_contents_give_the_same_files(tmp_path: Path, name: str) -> None:
    assert _tree(tmp_path / "a", name).files() == _tree(tmp_path / "b", name).files()


def _tree(root: Path, name: str) -> FileOutput:
    return lay_out(name, contents_of(sample_records(root, NAMES, SHOWN), NAMES), root)


def test_a_new_class_and_a_new_sample_leave_the_files_of_others_where_they_are(
    tmp_path: Path,
) -> None:
    before = _tree(tmp_path / "a", "yolo").files()
    names = [*NAMES, "a new class"]
    records = [
        *sample_records(tmp_path / "b", names, SHOWN),
        sample_record(tmp_path / "b", 99, "a new class", "train", 6),
    ]
    after = lay_out("yolo", contents_of(records, names), tmp_path / "b").files()
    assert before.items() - after.items() == {("names.yaml", before["names.yaml"])}


def _as_column_values(record: Record) -> dict[str, Any]:
    """As datasets gives them; what has parts is JSON."""
    values = dataclasses.asdict(record)
    for name in ("reviewers", "factors", "parameters", "parents", "ancestors", "boxes"):
        values[name] = json.dumps(values[name], ensure_ascii=False)
    for name in ("seed", "synthetic"):
        values[name] = json.dumps(values[name])
    values["decided_at"] = "2026-05-04T12:00:03.000000+00:00"
    values["generated_at"] = "2026-05-04T11:00:00.000000+00:00"
    return values


def _without_image(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "image"}


def _pictures_and_ids(dataset: Any) -> set[tuple[bytes, int]]:
    return {(picture.tobytes(), class_id) for picture, class_id in dataset}


def _expected(root: Path, records: list[Record], split: str) -> set[tuple[bytes, int]]:
    return {
        (_pixels(root / record.object_path), record.class_id)
        for record in records
        if record.split == split
    }


def _pixels(path: Path) -> bytes:
    return Image.open(io.BytesIO(path.read_bytes())).convert("RGB").tobytes()
