"""`ls-clip sync` to a dataset on a hub: a commit a run, and a page that `load_dataset` follows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import CommandLine
from dataset_hub import REPO, DatasetHub, dataset_hub
from hugging_face import open_datasets
from synced_campaign import synced_campaign

from ls_backend.label_studio import LabelStudio

URL = f"hf://datasets/{REPO}"


@pytest.fixture
def hub() -> Iterator[DatasetHub]:
    with dataset_hub() as running:
        yield running


def test_a_sync_is_a_commit_and_the_page_loads_the_newest_release(
    hub: DatasetHub, command_line: CommandLine, ls: LabelStudio, tmp_path: Path
) -> None:
    signed_in = {"HF_ENDPOINT": hub.url, "HF_TOKEN": "hf_writer", "HF_HOME": str(tmp_path / "hf")}
    pets = synced_campaign(ls, tmp_path / "pets", URL, ["imagefolder", "csv"], 7)
    pets.approve(*range(6))
    assert command_line.report("sync", pets.folder, **signed_in)["added"] == 6
    assert len(hub.commits) == 2
    pets.approve(6)
    pets.approve(0, label="fish")

    report = command_line.report("sync", pets.folder, **signed_in)

    assert (report["added"], report["moved"]) == (1, 1)
    assert len(hub.commits) == 3
    files = hub.contents()
    assert files["LATEST"].decode().strip() == report["release"]
    page = files["README.md"].decode()
    links = re.findall(r"(?<!\\)\]\(([^)]+)\)", page)
    assert {link for link in links if "://" not in link} <= files.keys()
    assert f"releases/{report['release']}/campaign.toml" in links

    copy = tmp_path / "copy"
    for path, data in files.items():
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes(data)
    load = open_datasets(tmp_path / "hugging-face")
    data = load(str(copy))
    rows = [row for split in data.values() for row in split]
    assert len({row["sample"] for row in rows}) == len(rows) == 7
    names = ["cat", "cat", "dog", "dog", "fish", "fish", "fish"]
    assert sorted(row["label"] for row in rows) == names
    assert {row["image"].size for row in rows} == {(8, 8)}
