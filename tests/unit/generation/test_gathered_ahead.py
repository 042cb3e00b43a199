"""What is counted before a run: source images that no run has gathered yet; nothing is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from importers import cli
from importers.generation.forecast import forecast
from importers.generation.plan import known_to, plan, planned_samples
from importers.generation.prompt_plan import prompt_plan
from importers.generation.sources import gather, gathered_ahead
from importers.ledger import Ledger
from importers.sample import SourceImage

Write = Callable[..., bytes]

VARIATION = {
    "name": "variation",
    "source": "folder:photos",
    "per_image": 2,
    "templates": ["this {label}, {place}"],
    "factors": {"place": ["inside", "outside"]},
}
INPAINTING = {
    "name": "inpainting",
    "source": "folder:photos",
    "mask": "background",
    "templates": ["the {label} on the moon"],
}
PROJECT = {**INPAINTING, "source": "label-studio:7", "mask": "annotation"}
TOML = """
name = "pets"
labels = ["cat", "dog"]
samples = 4
[prompts]
templates = ["a {label}"]
[[technique]]
name = "vanilla"
[[technique]]
name = "variation"
source = "folder:photos"
templates = ["this {label} on the beach"]
[[technique]]
name = "inpainting"
source = "label-studio:7"
mask = "annotation"
templates = ["the {label} on the beach"]
[generator]
model = "sketch-1"
"""


@pytest.fixture(autouse=True)
def photos(picture: Write) -> None:
    picture("photos/cat/1.png", "white")
    picture("photos/dog/1.png", "brown")


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def test_what_is_counted_is_what_a_run_plans(make_campaign: Any, tmp_path: Path) -> None:
    campaign = make_campaign(VARIATION, INPAINTING)
    before = contents(tmp_path)
    with gathered_ahead(campaign) as (ahead, not_looked_at):
        counted = planned_samples(campaign, known_to(ahead))
    assert not_looked_at == ()
    assert forecast(campaign).images == len(counted) == 20 + 4 + 2
    assert contents(tmp_path) == before
    with Ledger(campaign.ledger_path) as ledger:
        gather(campaign, ledger)
        assert plan(campaign, ledger) == counted


def test_a_ledger_stays_as_it_is(
    make_campaign: Any, ledger: Ledger, picture: Write, tmp_path: Path
) -> None:
    campaign = make_campaign(VARIATION)
    gather(campaign, ledger)
    (tmp_path / "photos/cat/1.png").unlink()
    picture("photos/dog/2.png", "black")
    before, files = ledger.sources.all(), contents(campaign.images_path)
    with gathered_ahead(campaign) as (ahead, _):
        assert [s.label for s in ahead.sources.all()] == ["", "dog", "dog"]
    assert (ledger.sources.all(), contents(campaign.images_path)) == (before, files)


def test_prompts_of_pictures_are_counted(make_campaign: Any) -> None:
    report = prompt_plan(make_campaign(VARIATION, INPAINTING))
    groups = {(group.label, group.technique): group.prompts for group in report.groups}
    assert groups["cat", "variation"] == groups["dog", "variation"] == 2
    assert groups["cat", "inpainting"] == 1
    assert (report.prompts, report.images) == (26, 26)


def test_label_studio_is_not_asked(make_campaign: Any, ledger: Ledger) -> None:
    campaign = make_campaign(PROJECT)
    ledger.sources.add([SourceImage("0" * 64, 1, "label-studio:7/task/1", "cat", "1" * 64)])
    report = forecast(campaign)
    assert report.images == 20 + 1
    (told,) = report.not_looked_at
    assert (told.technique, told.source, told.known) == ("inpainting", "label-studio:7", 1)


@pytest.mark.parametrize("command", [("generate", "--dry-run"), ("prompts", "plan")])
def test_people_are_told_what_is_not_counted(command: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text(TOML)
    said = CliRunner().invoke(cli.app, [*command, str(tmp_path)])
    assert said.exit_code == 0, said.output
    told = "Not counted: the inpainting of label-studio:7. Label Studio is not asked before a run."
    assert told in said.stdout
    reported = json.loads(CliRunner().invoke(cli.app, [*command, str(tmp_path), "--json"]).stdout)
    assert reported["images"] == 4 + 2
    assert not (tmp_path / "ledger.sqlite").exists()
