"""`torn` names every kind of torn kinship, and empty splits say why; `classes` shows them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from split_records import looks, record, sha
from typer.testing import CliRunner

from importers import cli
from importers.config.campaign import NONE_OF_THESE
from importers.config.storage_sections import SplitSettings
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.record import Record
from importers.training_storage.classes import (
    ClassList,
    classes_json,
    decisions,
)
from importers.training_storage.releases.split_check import empty_splits, torn

PARENT = (sha("photo"),)


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.mark.parametrize(
    ("kinship", "one", "two"),
    [
        ("family", {"family": "f"}, {"family": "f"}),
        ("prompt", {"prompt": "a red cat"}, {"prompt": "a red cat"}),
        ("same picture", {"sha256": sha("same")}, {"sha256": sha("same")}),
        ("ancestor", {"sha256": sha("photo")}, {"parents": PARENT, "ancestors": PARENT}),
        ("ancestor", {"ancestors": PARENT}, {"ancestors": PARENT}),
        ("near duplicate", {}, {}),
    ],
)
def test_each_kind_of_kinship(kinship: str, one: dict[str, Any], two: dict[str, Any]) -> None:
    apart = [
        record("a", split="train", **{"family": "x", **one}),
        record("b", split="test", **{"family": "y", **two}),
        record("c", split="validation", family="z"),
    ]
    alike = kinship == "near duplicate"
    vectors = looks(a=0, b=1, c=45) if alike else {}
    [found] = torn(apart, vectors, 0.99)
    assert found.kinship == kinship
    assert set(found.samples) == {apart[0].sample, apart[1].sample}
    assert found.splits == ("train", "test")
    assert torn([replace(r, split="train") for r in apart[:2]], vectors, 0.99) == []


ONE = record("a", family="1")
MANY = [record(n, family=str(n)) for n in range(200)]


def drawn(records: list[Record]) -> list[Record]:
    return [replace(r, synthetic=True) for r in records]


@pytest.mark.parametrize(
    ("cause", "settings", "records", "why", "hint"),
    [
        (
            "share 0",
            {"train": 0.9, "validation": 0.1, "test": 0},
            MANY,
            "its share is 0",
            "Set test under [storage.splits]",
        ),
        (
            "generated pictures kept out",
            {},
            drawn(MANY),
            "generated pictures are kept out of it, and there are no others",
            "synthetic_in_test = true under [storage.splits]",
        ),
        (
            "generated pictures kept out",
            {},
            [*drawn([ONE]), record("b", family="1")],
            "generated pictures are kept out of it, and all others are kin of some",
            'Add real pictures, as a campaign with kind = "folder"',
        ),
        (
            "one family",
            {"synthetic_in_test": True},
            drawn([ONE, record("b", family="1")]),
            "all 2 samples are one family, and a family is never split",
            "Use more prompts",
        ),
        (
            "too few families",
            {},
            [*drawn(MANY), record("photo 1"), record("photo 2", family="photo")],
            "2 families may be in it, too few for a share of 10 %",
            "with 29 families it is hardly ever empty",
        ),
        ("too few families", {}, [ONE], "1 family may be in it", "with 29 families"),
        ("split before", {}, MANY, "what was split under other settings", "families that come"),
    ],
)
def test_why_test_is_empty(
    cause: str, settings: dict[str, Any], records: list[Record], why: str, hint: str
) -> None:
    """All records are in train and validation."""
    put = [replace(r, split=("train", "validation")[n % 2]) for n, r in enumerate(records)]
    found = {e.split: e for e in empty_splits(put, SplitSettings(**settings))}["test"]
    assert found.cause == cause
    assert found.why.startswith(f"no test split: {why}")
    assert hint in found.hint


def test_every_split_may_be_empty_but_not_where_there_is_nothing() -> None:
    settings = SplitSettings()
    [validation, test] = empty_splits([replace(ONE, split="train")], settings)
    assert (validation.split, test.split) == ("validation", "test")
    [train, _] = empty_splits([replace(ONE, split="validation")], settings)
    assert train.hint.endswith("with 2 families it is hardly ever empty.")
    whole = [record(name, split=name, family=name) for name in ("train", "validation", "test")]
    assert list(empty_splits(whole, settings)) == []
    assert list(empty_splits([], settings)) == []


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A campaign with the labels cat, dog and test tube."""
    (tmp_path / "pets").mkdir()
    write_labels(tmp_path / "pets", "cat", "dog", "test tube")
    return tmp_path / "pets"


def write_labels(folder: Path, *labels: str) -> None:
    (folder / "campaign.toml").write_text(
        f'name = "pets"\nlabels = {json.dumps(labels)}\nsamples = 3\n'
        '[prompts]\ntemplates = ["a {label}"]\n[generator]\nmodel = "sketch-1"\n'
    )


def release(folder: Path, classes: ClassList, *records: Record) -> None:
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.set_note(Note.MODEL_VERSION, "clip:test@1")
        ledger.vectors.record({}, looks(a=0, b=1), "clip:test@1")
        notes = {Note.CLASSES: classes_json(classes)}
        ledger.reviews.released("000001-0a1b2c3d", records, [], [], notes)


CLASSES = ClassList(("cat", "dog", "test tube"))


def states(folder: Path) -> list[tuple[int, str | None, int, str, str | None]]:
    report = json.loads(ls_clip("classes", "list", folder, "--json").stdout)
    return [tuple(row.values()) for row in report["classes"]]


def test_classes_from_a_rename_to_its_decision(pets: Path) -> None:
    assert "first sync makes the list" in ls_clip("classes", "list", pets).stdout
    release(pets, CLASSES, record("a", split="train"), record("b", split="train", label="dog"))
    write_labels(pets, "kitten", "test tube")
    assert states(pets) == [
        (0, "cat", 1, "gone", None),
        (1, "dog", 1, "gone", None),
        (2, "test tube", 0, "in use", None),
        (3, "kitten", 0, "new", None),
    ]
    assert f"ls-clip classes map {pets} cat NEW" in ls_clip("classes", "list", pets).stdout
    done = ls_clip("classes", "map", pets, "cat", "kitten")
    assert done.exit_code == 0, done.output
    assert "cat counts as kitten: 1 sample" in done.stdout
    assert "kitten takes its number, 0" in done.stdout
    assert f"nothing is changed before the next sync: ls-clip sync {pets}" in done.stdout
    done = ls_clip("classes", "map", pets, "dog", "test tube")
    assert "test tube has the number 2; number 1 is retired for ever" in done.stdout
    assert states(pets)[:2] == [
        (0, "cat", 1, "renamed", "kitten"),
        (1, "dog", 1, "merged", "test tube"),
    ]
    done = ls_clip("classes", "drop", pets, "dog")
    assert "dog: 1 sample will leave the training set" in done.stdout
    assert states(pets)[1] == (1, "dog", 1, "dropped", None)
    with Ledger(pets / "ledger.sqlite", writing=False) as ledger:
        assert decisions(ledger) == {"cat": "kitten", "dog": None}
        assert len(ledger.reviews.records()) == 2
    release(pets, ClassList(("kitten", None, "test tube")))
    assert states(pets)[1] == (1, None, 0, "retired", None)
    assert "samples of dog leave" in ls_clip("classes", "list", pets).stdout


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (("map", "test tube", "kitten"), "still a label", "Take it out"),
        (("map", "catt", "kitten"), "never was a class", "Did you mean 'cat'?"),
        (("map", "cat", "kiten"), "not a label", "Did you mean 'kitten'?"),
        (("map", "cat", "whale"), "not a label", "There are: kitten, 'test tube'."),
        (("drop", "whale"), "never was a class", "`ls-clip classes list`"),
        (("drop", "test tube"), "still a label", "Take it out"),
        (("drop", NONE_OF_THESE), "always an answer", "change their annotations"),
    ],
)
def test_what_cannot_be_decided(
    pets: Path, arguments: tuple[str, ...], says: str, hint: str
) -> None:
    release(pets, CLASSES, record("a", split="train"))
    write_labels(pets, "kitten", "test tube")
    done = ls_clip("classes", arguments[0], pets, *arguments[1:])
    assert done.exit_code == 1
    assert says in done.stderr
    assert hint in done.stderr
    with Ledger(pets / "ledger.sqlite", writing=False) as ledger:
        assert decisions(ledger) == {}
