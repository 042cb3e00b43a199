from __future__ import annotations

import re
from pathlib import Path

import pytest

from importers.config.campaign import Campaign, load_campaign
from importers.config.new import EXAMPLE, new_campaign, new_project_file
from importers.config.sections import DerivedTechnique, PromptTechnique, Section
from importers.generation.plan import Known, planned_samples
from importers.generators.openai_kinds import check_settings
from importers.sketch.grammar import parse
from importers.sketch.server import DEFAULT_PORT
from ls_backend.errors import ConfigError


def test_the_example_is_a_campaign_that_the_sketch_server_can_draw(tmp_path: Path) -> None:
    campaign = load_campaign(new_campaign(tmp_path / "pets").parent)
    assert campaign.name == "pets"
    assert campaign.generator.base_url == f"http://127.0.0.1:{DEFAULT_PORT}/v1"
    assert check_settings(campaign.generator) == ()
    for sample in planned_samples(campaign, Known()):
        understood = parse(sample.prompt.text)
        assert understood.object == sample.prompt.label
        assert understood.color == sample.prompt.factors["color"]
        assert understood.setting is not None
        assert understood.style is not None


def test_the_example_shows_every_key() -> None:
    text = EXAMPLE.read_text()
    shown = set(re.findall(r"^(?:# )?(\w+) = ", text, re.MULTILINE))
    assert all_keys(Campaign) - shown - {"folder"} == {"factors"}
    assert "[prompts.factors]" in text


def all_keys(section: type[Section]) -> set[str]:
    keys: set[str] = set()
    for name, field in section.model_fields.items():
        kind = field.annotation
        if name == "technique":
            keys |= all_keys(PromptTechnique) | all_keys(DerivedTechnique)
        elif isinstance(kind, type) and issubclass(kind, Section):
            keys |= all_keys(kind)
        else:
            keys.add(name)
    return keys


def test_its_commented_lines_for_openai_are_legal(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setenv("OPENAI_API_KEY", "sk-any")
    text = EXAMPLE.read_text()
    ours = text.index('model = "sketch-1"')
    theirs = text.index('# model = "gpt-image')
    end = text.index("# Any other server")
    openai = text[theirs:end].replace("# ", "")
    (tmp_path / "campaign.toml").write_text(text[:ours] + openai + text[text.index("[score]") :])
    campaign = load_campaign(tmp_path)
    assert campaign.generator.base_url is None
    check_settings(campaign.generator)


@pytest.mark.parametrize("name", ['say "cheese"', "back\\slash", "Größe 🐟", "x" * 80])
def test_any_folder_name_is_a_name(tmp_path: Path, name: str) -> None:
    assert load_campaign(new_campaign(tmp_path / name)).name == name[:50]


def test_what_is_there_is_kept(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text("mine")
    with pytest.raises(ConfigError):
        new_campaign(tmp_path)
    assert (tmp_path / "campaign.toml").read_text() == "mine"


def test_no_campaign_beside_a_project(tmp_path: Path) -> None:
    """Both would have the same ledger."""
    new_project_file(tmp_path, 3)
    with pytest.raises(ConfigError, match=r"project\.toml is there already"):
        new_campaign(tmp_path)
    assert not (tmp_path / "campaign.toml").exists()


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "pets").write_text("")
    with pytest.raises(ConfigError, match="pets"):
        new_campaign(tmp_path / "pets")
