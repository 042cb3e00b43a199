"""`ls-clip releases` and `ls-clip verify`, as they are typed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from release_world import LAYOUTS, World
from typer.testing import CliRunner

from importers import cli
from importers.ledger import Ledger
from importers.training_storage.releases import write
from importers.training_storage.releases.release import LATEST

PETS = {0: "cat", 1: "dog", 2: "cat"}


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The storage of the campaign `pets` beside it, with two releases."""
    monkeypatch.setattr(write, "layout", LAYOUTS.__getitem__)
    world = World(str(tmp_path / "pets/training"))
    (tmp_path / "pets").mkdir()
    (tmp_path / "pets/campaign.toml").write_text(
        'name = "pets"\nlabels = ["cat", "dog"]\nsamples = 2\n'
        '[prompts]\ntemplates = ["a {label}"]\n[generator]\nmodel = "sketch-1"\n'
    )
    world.release(PETS)
    world.release({0: "cat"})
    return world


def ls_clip(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def names(world: World) -> list[str]:
    return json.loads(ls_clip("verify", world.url, "--json").stdout)["releases"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("place", ["campaign", "file", "folder", "URL"])
def test_a_storage_is_named_in_any_way(storage: World, place: str) -> None:
    campaign = Path(storage.url).parent
    named = {
        "campaign": campaign,
        "file": campaign / "campaign.toml",
        "folder": storage.url,
        "URL": f"file://{storage.url}",
    }[place]
    result = ls_clip("releases", "list", named)
    assert result.exit_code == 0, result.output
    newest, oldest = names(storage)
    assert result.stdout.index(newest) < result.stdout.index(oldest)


def test_a_release_is_shown(storage: World) -> None:
    newest, oldest = names(storage)
    assert "removed    2 rejected; 2 ever" in ls_clip("releases", "show", storage.url).stdout
    shown = ls_clip("releases", "show", storage.url, oldest).stdout
    assert "labels     2 cat, 1 dog" in shown
    assert "before     none: this is the first" in shown
    told = json.loads(ls_clip("releases", "show", storage.url, "--json").stdout)
    assert (told["name"], told["previous"], told["samples"]) == (newest, oldest, 1)
    by_number = json.loads(ls_clip("releases", "show", storage.url, "1", "--json").stdout)
    assert by_number["name"] == oldest
    wrong = ls_clip("releases", "show", storage.url, "3")
    assert wrong.exit_code == 1
    for said in ("has no release 3.", newest, oldest, "ls-clip releases list"):
        assert said in wrong.stderr
    whole = json.loads(ls_clip("verify", storage.url, "--release", "1", "--json").stdout)
    assert whole["releases"] == [oldest]


def test_verify_ends_with_1_where_something_is_wrong(storage: World) -> None:
    whole = ls_clip("verify", storage.url)
    assert (whole.exit_code, "every file is as its release says" in whole.stdout) == (0, True)
    storage.change("notes [1].txt", b"mine")
    picture = next(name for name in storage.files() if name.startswith("objects/"))
    storage.change(picture, b"another")
    result = ls_clip("verify", storage.url)
    assert result.exit_code == 1
    assert f"{picture} (of " in result.stdout
    assert "notes [1].txt" in result.stdout
    told = ls_clip("verify", storage.url, "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["extra"] == ["notes [1].txt"]


def test_prune_says_what_it_deletes(storage: World) -> None:
    campaign = Path(storage.url).parent
    before = storage.files()
    told = ls_clip("releases", "prune", campaign, "--keep", 1, "--dry-run")
    assert "to delete  1 release, " in told.stdout
    assert storage.files() == before
    assert "deleted    1 release, " in ls_clip("releases", "prune", campaign, "--keep", 1).stdout
    assert "nothing to delete" in ls_clip("releases", "prune", campaign, "--keep", 1).stdout
    assert ls_clip("releases", "prune", campaign, "--keep", 0).exit_code == 2
    assert ls_clip("verify", campaign).exit_code == 0


def test_prune_waits_for_no_sync_but_stops(storage: World) -> None:
    campaign = Path(storage.url).parent
    with Ledger(campaign / "ledger.sqlite"):
        result = ls_clip("releases", "prune", campaign, "--keep", 1)
    assert result.exit_code == 1
    assert len(names(storage)) == 2


def test_a_storage_without_releases_says_so(tmp_path: Path) -> None:
    assert ls_clip("verify", f"file://{tmp_path}").exit_code == 1
    assert "no release yet" in ls_clip("releases", "list", f"file://{tmp_path}").stdout
    (tmp_path / LATEST).write_text("nonsense")
    assert "does not name a release" in ls_clip("releases", "list", tmp_path).stderr
