"""The card says how a release is loaded and cited, in words that hold."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from card_release import contents, facts, readme, record, tokens
from datasets import Dataset, load_dataset
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard
from PIL import Image

from importers.config.storage_sections import LayoutName
from importers.training_storage.card.files import card_files

RELEASE = "releases/000003-1a2b3c4d"


def test_datasets_finds_the_files_of_each_split(tmp_path: Path) -> None:
    storage, files = tmp_path / "storage", {}
    for split, numbers in (("train", [1, 2]), ("test", [3])):
        path = f"parquet/{split}-0-{numbers[0]:016}.parquet"
        (storage / "parquet").mkdir(parents=True, exist_ok=True)
        Dataset.from_dict({"number": numbers}).to_parquet(storage / path)
        files[split] = [path]
    shutil.copy(storage / files["test"][0], storage / "parquet/train-of-another-release.parquet")
    told = facts(data_files={"parquet": {**files, "validation": []}})
    of = contents([record(1)], layout=["imagefolder", "parquet"])
    card = card_files(of, told, lambda _: b"")["README.md"]
    configs = MetadataConfigs.from_dataset_card_data(DatasetCard(card.decode()).data)
    assert configs.get_default_config_name() == "parquet"

    (storage / "README.md").write_bytes(card)
    loaded = load_dataset(str(storage), "parquet", cache_dir=str(tmp_path / "cache"))
    assert {split: list(loaded[split]["number"]) for split in loaded} == {
        "train": [1, 2],
        "test": [3],
    }


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One picture of a cat, for validation, as each layout has it."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    root = tmp_path / "storage"
    picture = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(picture, "PNG")
    samples = {"id": 1, "label": "cat"}
    texts = {
        "parquet/validation.txt": "parquet/a.parquet\n",
        "webdataset/validation.txt": "webdataset/a.tar\n",
        "csv/samples.csv": "id,label\r\n1,cat\r\n",
        "jsonl/samples.jsonl": json.dumps(samples) + "\n",
        "coco/annotations_validation.json": json.dumps(
            {"images": [samples], "annotations": [], "categories": []}
        ),
    }
    files = {f"{RELEASE}/{name}": text.encode() for name, text in texts.items()}
    files[f"{RELEASE}/imagefolder/validation/cat/1.png"] = picture.getvalue()
    files["webdataset/a.tar"] = _tar({"1.png": picture.getvalue(), "1.cls": b"0"})
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    Dataset.from_dict({"label": ["cat"]}).to_parquet(root / "parquet/a.parquet")
    return root


def _tar(files: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return file.getvalue()


def _run(layout: LayoutName, storage: Path) -> Any:
    """What the card's lines for a layout load."""
    text = readme(contents([record(1, split="validation")], layout=[layout]), facts())
    [block] = [t.content for t in tokens(text) if t.type == "fence" and t.info == "python"]
    names: dict[str, Any] = {}
    exec(block.replace("STORAGE", str(storage)), names)
    return names["data"]


def _labels(samples: Iterable[Any]) -> list[Any]:
    return [sample["label"] for sample in samples]


def test_the_lines_that_load_tables_run(storage: Path) -> None:
    assert _labels(_run("parquet", storage)) == ["cat"]
    assert _labels(_run("csv", storage)) == ["cat"]
    assert _labels(_run("jsonl", storage)) == ["cat"]
    assert _labels(_run("coco", storage).imgs.values()) == ["cat"]


# The webdataset library leaves the last tar file to the garbage collector.
@pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <_io.FileIO:pytest.PytestUnraisableExceptionWarning"
)
def test_the_lines_that_load_pictures_run(storage: Path) -> None:
    [sample] = _run("webdataset", storage)
    assert sample["png"].size == (4, 4)
    [row] = _run("imagefolder", storage)["validation"]
    assert row["image"].size == (4, 4)


def test_the_campaign_is_cited_by_what_lies_beside_the_card() -> None:
    told = facts(name="50 % {pets}", campaign_text='# häuser\r\nname = "pets"\r\n')
    files = card_files(contents([record(1)]), told, lambda _: b"")
    assert files["campaign.toml"] == '# häuser\r\nname = "pets"\r\n'.encode()
    text = files["README.md"].decode()
    assert text.count(hashlib.sha256(files["campaign.toml"]).hexdigest()) == 2
    assert "title = {50 \\% \\{pets\\}}" in text
    assert "passwords" not in text


def test_secrets_of_the_campaign_are_left_out() -> None:
    told = facts(campaign_text='[storage]\nurl = "s3://key:secret@bucket/x?token=abc"\n')
    files = card_files(contents([record(1)]), told, lambda _: b"")
    assert files["campaign.toml"] == '[storage]\nurl = "s3://…@bucket/x?token=…"\n'.encode()
    assert "without the passwords and tokens in its URLs" in files["README.md"].decode()
    assert not any(b"secret" in data or b"abc" in data for data in files.values())
