"""`ls-clip verify` proves the splits of the newest release, with whatever is known of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from release_world import LAYOUTS, World, picture, record_of
from split_records import looks, sha
from typer.testing import CliRunner

from importers import cli
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.record import Record
from importers.training_storage.releases import write


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A campaign without a release."""
    monkeypatch.setattr(write, "layout", LAYOUTS.__getitem__)
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets/campaign.toml").write_text(
        'name = "pets"\nlabels = ["cat", "dog"]\nsamples = 2\n'
        '[prompts]\ntemplates = ["a {label}"]\n[generator]\nmodel = "sketch-1"\n'
    )
    return tmp_path / "pets"


def released(folder: Path, *records: Record, angles: tuple[float, ...] = ()) -> World:
    """A release of these records, in whose ledger pictures look as alike as angles are."""
    world = World(str(folder / "training"), layouts=("parquet",))
    draft = world.draft({})
    contents = replace(draft.contents, records=sorted(records, key=lambda r: r.sample))
    pictures = {r.sample: picture(n) for n in range(len(records)) for r in [numbered(n)]}
    write.write_release(
        world.storage, replace(draft, contents=contents), lambda r: pictures[r.sample]
    )
    vectors = looks(**{str(n): angle for n, angle in enumerate(angles)})
    known = {numbered(n).sha256: vectors[sha(n)] for n in range(len(angles))}
    with Ledger(folder / "ledger.sqlite") as ledger:
        ledger.set_note(Note.MODEL_VERSION, "clip:test@1")
        ledger.vectors.record({}, known, "clip:test@1")
    return world


def numbered(number: int, **values: Any) -> Record:
    return replace(record_of(number, "cat"), **values)


def test_splits_that_are_apart_and_one_that_is_empty(pets: Path) -> None:
    released(pets, numbered(0, split="train"), numbered(1, split="test"), angles=(0, 90))
    done = ls_clip("verify", pets)
    assert done.exit_code == 0, done.output
    assert "every file is as its release says" in done.stdout
    assert "no family lies in two splits" in done.stdout
    assert "no validation split: " in done.stdout
    splits = json.loads(ls_clip("verify", pets, "--json").stdout)["splits"]
    assert splits["labels"] == {"cat": {"train": 1, "validation": 0, "test": 1}}
    assert (splits["families"], splits["torn"], splits["without_vector"]) == (2, [], 0)
    assert [empty["split"] for empty in splits["empty"]] == ["validation"]


def test_splits_that_are_torn_name_the_samples(pets: Path) -> None:
    one, two = numbered(0, split="train"), numbered(1, split="validation")
    made = numbered(2, split="test", synthetic=True)
    world = released(pets, one, two, made, angles=(0, 1))
    done = ls_clip("verify", pets)
    assert done.exit_code == 1
    for key in (one.sample, two.sample, made.sample):
        assert key in done.stdout
    assert "near duplicate" in done.stdout
    assert f"ls-clip sync {pets}" in done.stdout
    done = ls_clip("verify", pets, "--json")
    assert done.exit_code == 1
    report = json.loads(done.stdout)
    assert (report["missing"], report["changed"], report["extra"]) == ([], [], [])
    splits = report["splits"]
    assert splits["synthetic_in_test"] == [made.sample]
    assert splits["without_vector"] == 1
    assert [tear["samples"] for tear in splits["torn"]] == [sorted([one.sample, two.sample])]
    # Of the storage alone, neither looks nor settings are known.
    assert ls_clip("verify", world.url).exit_code == 0


def test_the_storage_alone_tells_of_families(pets: Path) -> None:
    kin = {"prompt": "a cat"}
    world = released(pets, numbered(0, split="train", **kin), numbered(1, split="test", **kin))
    done = ls_clip("verify", world.url, "--json")
    assert done.exit_code == 1
    splits = json.loads(done.stdout)["splits"]
    assert [tear["kinship"] for tear in splits["torn"]] == ["prompt"]
    assert (splits["wanted"], splits["empty"], splits["without_vector"]) == ({}, [], 2)
    assert "ls-clip sync CAMPAIGN" in ls_clip("verify", world.url).stdout


def test_a_manifest_that_is_gone_is_a_fault_and_no_crash(pets: Path) -> None:
    world = released(pets, numbered(0, split="train"))
    shard = next(name for name in world.files() if name.startswith("manifest/"))
    world.change(shard, b"nonsense")
    done = ls_clip("verify", pets)
    assert done.exit_code == 1
    assert shard in done.stdout
    assert "not looked at: the release cannot be read" in done.stdout
    assert json.loads(ls_clip("verify", pets, "--json").stdout)["splits"] is None
