"""samples.csv and samples.jsonl, loaded by pandas and datasets."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pandas
import pytest
from file_output import UNKNOWN, contents_of, lay_out, sample_record, sample_records
from hugging_face import LoadDataset

from importers.record import Record, record_json
from importers.review import Box

NAMES = ["NA", "None", "cat"]
SHOWN = [("NA", "train"), ("None", "train"), ("cat", "validation"), ("cat", "test")]
# A class may be called what pandas takes for a missing value.
AS_WRITTEN = {"keep_default_na": False, "na_values": [""]}
FORMULA = '=HYPERLINK("http://elsewhere")'


def _records(root: Path) -> list[Record]:
    records = sample_records(root, NAMES, SHOWN)
    unknown = dataclasses.replace(records[0], **UNKNOWN)
    boxes = (Box("cat", 1.5, 2, 3, 4),)
    return [unknown, *records[1:], sample_record(root, 9, "cat", "train", 2, boxes=boxes)]


def test_every_row_starts_with_the_url_of_its_picture(tmp_path: Path) -> None:
    contents = contents_of(_records(tmp_path), NAMES)
    for name in ("csv", "jsonl"):
        [(file, data)] = lay_out(name, contents, tmp_path).files().items()
        assert file == f"samples.{name}"
        assert data.startswith(b"url,sample," if name == "csv" else b'{"url": "')
        frame = _frame(name, tmp_path / "releases/000001-1a2b3c4d" / name / file)
        assert list(frame.columns) == ["url", *(field.name for field in dataclasses.fields(Record))]
        assert list(frame["sample"]) == [record.sample for record in contents.records]
        for url, record in zip(frame["url"], contents.records, strict=True):
            assert Path(unquote(urlsplit(url).path)) == tmp_path / record.object_path


def _frame(name: str, path: Path) -> pandas.DataFrame:
    if name == "csv":
        return pandas.read_csv(path, **AS_WRITTEN)
    return pandas.read_json(path, lines=True)


def test_csv_has_every_value(tmp_path: Path) -> None:
    records = {record.sample: record for record in _records(tmp_path)}
    out = lay_out("csv", contents_of(records.values(), NAMES), tmp_path)
    rows = pandas.read_csv(out.folder / "samples.csv", dtype=str, **AS_WRITTEN)
    for row in rows.to_dict("records"):
        assert _from_text(row) == json.loads(record_json(records[row["sample"]]))


def _from_text(row: Mapping[str, Any]) -> dict[str, Any]:
    kinds = Record.__annotations__
    return {
        name: None
        if not isinstance(value, str)
        else value
        if kinds[name].startswith("str")
        else json.loads(value)
        for name, value in row.items()
        if name != "url"
    }


def test_csv_text_is_no_formula_in_a_spreadsheet(tmp_path: Path) -> None:
    texts = [FORMULA, "+1", "-1", "@SUM(A1)", "\t=1", "a = b", "1\r2"]
    records = [
        sample_record(tmp_path, n, "cat", "train", 2, original_name=text, cost_usd=-0.5)
        for n, text in enumerate(texts)
    ]
    out = lay_out("csv", contents_of(records, NAMES), tmp_path)
    rows = pandas.read_csv(out.folder / "samples.csv", **AS_WRITTEN)
    written = dict(zip(rows["task_id"], rows["original_name"], strict=True))
    assert [written[n] for n in range(7)] == [*(f"'{text}" for text in texts[:5]), *texts[5:]]
    assert set(rows["cost_usd"]) == {-0.5}


def test_datasets_loads_both(tmp_path: Path, load_dataset: LoadDataset) -> None:
    contents = contents_of(_records(tmp_path), NAMES)
    csv, jsonl = (lay_out(name, contents, tmp_path).folder for name in ("csv", "jsonl"))
    from_csv = load_dataset("csv", data_files=str(csv / "samples.csv"), split="train", **AS_WRITTEN)
    from_jsonl = load_dataset("json", data_files=str(jsonl / "samples.jsonl"), split="train")
    labels = [record.label for record in contents.records]
    for rows in (from_csv, from_jsonl):
        assert list(rows["label"]) == labels
        assert list(rows["class_id"]) == [record.class_id for record in contents.records]
    assert list(from_jsonl["seed"]) == [record.seed for record in contents.records]
    assert list(from_jsonl["factors"]) == [record.factors for record in contents.records]


@pytest.mark.parametrize("name", ["csv", "jsonl"])
def test_the_same_contents_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    contents = contents_of(_records(tmp_path), NAMES)
    first = lay_out(name, contents, tmp_path)
    data = first.files()
    (first.folder / f"samples.{name}").unlink()
    assert lay_out(name, contents, tmp_path).files() == data
