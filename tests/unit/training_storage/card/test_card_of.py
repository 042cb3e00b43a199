"""The facts of a card come from the ledger, the file of the job, and the layouts as written."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import yaml
from card_release import contents, record, rows, split_card

from importers.config.job import load_job
from importers.ledger import Ledger
from importers.review import APPROVED, ONE_BY_ONE, REJECTED, Review, ReviewedTask
from importers.training_storage.card.facts import CardRelease
from importers.training_storage.card.files import card_of
from importers.training_storage.reading import Read
from importers.training_storage.rules import read_rules

CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)
PROJECT = """\
name = "birds"
project = 12
[storage]
url = "s3://key:secret@bucket/birds"
layout = ["parquet", "csv"]
"""
NOON = datetime(2026, 5, 6, 12, tzinfo=UTC)
FILES = {
    "parquet": ["parquet/test-all-1.parquet", "parquet/train-0-1.parquet", "releases/r/train.txt"],
    "csv": ["releases/r/csv/samples.csv"],
}


def reviewed(number: int, outcome: str) -> ReviewedTask:
    review = Review(outcome, reviewers=(number,), reviewed=ONE_BY_ONE)
    return ReviewedTask(number, f"sample {number}", "2026-05-04T12:00:00Z", "", review)


def test_the_card_of_a_project_that_was_not_made_here(tmp_path: Path) -> None:
    (tmp_path / "project.toml").write_text(PROJECT)
    job = load_job(tmp_path)
    read = Read({"id": 12}, read_rules(CONFIG, job.approval), 3, 3, 0, True)
    of = contents([record(1), record(2, split="test")], layout=list(job.storage.layout))
    image = b"no picture"
    with Ledger(job.ledger_path) as ledger:
        ledger.reviews.record([reviewed(1, APPROVED), reviewed(2, APPROVED)], {})
        ledger.reviews.record([reviewed(3, REJECTED)], {})
        card = card_of(job, ledger, read, of)
        files = card(
            CardRelease(
                "000004-1a2b3c4d",
                "releases/000004-1a2b3c4d",
                NOON,
                FILES,
                lambda _: image,
                lambda _: None,
                removed=5,
            )
        )

    metadata, text = split_card(files["README.md"])
    assert yaml.safe_load(metadata)["configs"] == [
        {
            "config_name": "parquet",
            "default": True,
            "data_files": [
                {"split": "train", "path": ["parquet/train-0-1.parquet"]},
                {"split": "test", "path": ["parquet/test-all-1.parquet"]},
            ],
        }
    ]
    assert ["approved as is", "2", "66.7 %"] in rows(text)
    assert "The answers that decided came from 3 people: 3 one by one." in text
    assert "releases/000004-1a2b3c4d/csv/samples.csv" in text
    assert "project 12" in text
    assert "In which order people saw the pictures is not known." in text
    assert files["campaign.toml"].decode() == PROJECT.replace("key:secret", "…")
