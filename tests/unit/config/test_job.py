from __future__ import annotations

import re
from pathlib import Path

import pytest

from importers.config.campaign import load_campaign
from importers.config.job import load_job
from importers.config.new import PROJECT_EXAMPLE, new_campaign, new_project_file
from importers.config.storage_sections import ApprovalSettings, SplitSettings, StorageSettings
from ls_backend.errors import ConfigError

LICENSE = 'name = "a"\nproject = 1\n[storage]\nlicense'


def test_a_project_of_somebody_else_is_a_job(tmp_path: Path) -> None:
    file = new_project_file(tmp_path / "pets", 12)
    job = load_job(file.parent)
    assert job == load_job(file)
    assert (job.name, job.project, job.campaign) == ("pets", 12, None)
    assert job.ledger_path == tmp_path.resolve() / "pets" / "ledger.sqlite"
    assert job.storage_url == str(tmp_path.resolve() / "pets" / "training")


def test_a_campaign_is_a_job(tmp_path: Path) -> None:
    file = new_campaign(tmp_path / "pets")
    job = load_job(file.parent)
    assert job.campaign == load_campaign(file)
    assert (job.project, job.file, job.images_path.name) == (None, file, "images")


def test_the_example_shows_every_key(tmp_path: Path) -> None:
    shown = set(re.findall(r"^(?:# )?(\w+) = ", PROJECT_EXAMPLE.read_text(), re.MULTILINE))
    sections = (ApprovalSettings, StorageSettings, SplitSettings)
    keys = {key for section in sections for key in section.model_fields} - {"splits"}
    assert shown == keys | {"name", "project", "url"}
    whole = re.sub(r"^# (?=\[|\w+ = )", "", PROJECT_EXAMPLE.read_text(), flags=re.MULTILINE)
    (tmp_path / "project.toml").write_text(whole)
    assert load_job(tmp_path).storage == StorageSettings(license="CC-BY-4.0")
    assert load_job(tmp_path).approval == ApprovalSettings(
        control="label", verdict_control="verdict"
    )


@pytest.mark.parametrize(
    ("text", "known"), [("cc-by-4.0", "CC-BY-4.0"), ("cc0-1.0", "CC0-1.0"), ("other", "other")]
)
def test_a_licence_is_written_as_spdx_does(tmp_path: Path, text: str, known: str) -> None:
    (tmp_path / "project.toml").write_text(f"{LICENSE} = '{text}'")
    assert load_job(tmp_path).storage.license == known


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ('name = "a"\nproject = 1\nstorag = 1', "unknown key 'storag'", "'storage'"),
        (
            'name = "a"\nproject = 1\n[review.approval]\npolcy = ""',
            "review.approval.polcy",
            "polic",
        ),
        ('name = "a"\nprojct = 1', "unknown key 'projct'", "'project'"),
        ('name = "a"', "'project' is missing", "Add it"),
        ('name = "a"\nproject = 0', "project: ", "Mend"),
        ('name = "a"\nproject = 1\n[storage]\nurl = "images"', "keeps its originals", "Mend"),
        (f"{LICENSE} = 'CC-BY'", "storage.license: 'CC-BY' is not in SPDX's list", "Mend"),
        (f"{LICENSE} = 'MIT OR Apache-2.0'", 'no identifier, write "other"', "Mend"),
        (f"{LICENSE} = 'LicenseRef-mine'", "'LicenseRef-mine' is not in", "Mend"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str, hint: str) -> None:
    (tmp_path / "project.toml").write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_job(tmp_path)
    assert said in raised.value.message
    assert hint in raised.value.hint


@pytest.mark.parametrize("name", ["project.toml", "any.toml"])
def test_as_a_campaign_it_only_syncs(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text('name = "a"\nproject = 12')
    with pytest.raises(ConfigError, match="can only be synced") as raised:
        load_campaign(tmp_path / name)
    assert "ls-clip sync" in raised.value.hint


def test_no_project_beside_a_campaign(tmp_path: Path) -> None:
    new_campaign(tmp_path)
    with pytest.raises(ConfigError, match=r"campaign\.toml is there already"):
        new_project_file(tmp_path, 3)
    assert not (tmp_path / "project.toml").exists()
