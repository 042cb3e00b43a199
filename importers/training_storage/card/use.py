"""Sections of the dataset card: how a release is loaded, verified and cited."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from importers.record import SPLITS
from importers.training_storage.card.facts import CardFacts
from importers.training_storage.card.text import bibtex, plain
from importers.training_storage.layouts.base import Contents

_FILES = """\
names = Path("STORAGE/releases/{release}/{layout}/{split}.txt").read_text().split()
files = [f"STORAGE/{{name}}" for name in names]
"""

_LOADING = {
    "imagefolder": """\
from datasets import load_dataset

data = load_dataset("imagefolder", data_dir="STORAGE/releases/{release}/imagefolder")""",
    "parquet": f"""\
from pathlib import Path

from datasets import load_dataset

{_FILES}data = load_dataset("parquet", data_files={{{{"{{split}}": files}}}})["{{split}}"]""",
    "webdataset": f"""\
from pathlib import Path

import webdataset

{_FILES}data = webdataset.WebDataset(files, shardshuffle=False).decode("pil")""",
    "coco": """\
from pycocotools.coco import COCO

data = COCO("STORAGE/releases/{release}/coco/annotations_{split}.json")  # files: below STORAGE""",
    "yolo": """\
from ultralytics import YOLO

YOLO("yolo11n-cls.pt").train(data="STORAGE/releases/{release}/yolo")""",
    "csv": """\
import csv

with open("STORAGE/releases/{release}/csv/samples.csv", encoding="utf-8", newline="") as file:
    data = list(csv.DictReader(file))""",
    "jsonl": """\
import json

with open("STORAGE/releases/{release}/jsonl/samples.jsonl", encoding="utf-8") as file:
    data = [json.loads(line) for line in file]""",
}


def use_sections(contents: Contents, facts: CardFacts, campaign: str) -> Iterator[str]:
    """How to load, verify and cite.

    Args:
        campaign: Text of the campaign file as it lies beside the card.
    """
    if contents.records:
        yield from _loading(contents, facts)
    yield "## Verifying"
    yield (
        "This checks every file of the storage, `STORAGE`, against the manifest's sha256:\n\n"
        "```sh\nls-clip verify STORAGE\n```"
    )
    yield "## Citation"
    yield _citation(facts, campaign)


def _loading(contents: Contents, facts: CardFacts) -> Iterator[str]:
    present = {record.split for record in contents.records}
    split = next(split for split in SPLITS if split in present)
    yield "## Loading"
    yield "`STORAGE` stands for this storage, or a copy of it."
    for layout in contents.settings.layout:
        code = _LOADING[layout].format(release=facts.release, split=split, layout=layout)
        yield f"As `{layout}`:\n\n```python\n{code}\n```"


def _citation(facts: CardFacts, campaign: str) -> str:
    digest = hashlib.sha256(campaign.encode()).hexdigest()
    taken_out = ", without the passwords and tokens in its URLs" * (campaign != facts.campaign_text)
    return (
        f"The campaign file ({plain(facts.campaign_file)}) lies beside this card as "
        f"[campaign.toml](campaign.toml){taken_out}. Its sha256 is `{digest}`.\n\n"
        "```bibtex\n"
        f"@misc{{ls-clip-{facts.release},\n"
        f"  title = {{{bibtex(facts.name)}}},\n"
        f"  year = {{{facts.date.year}}},\n"
        f"  version = {{{facts.release}}},\n"
        f"  note = {{Label Studio project {facts.project}, campaign.toml sha256 {digest}}}\n"
        "}\n```"
    )
