from __future__ import annotations

from pathlib import Path

import pytest

from importers.config.campaign import load_campaign
from ls_backend.errors import ConfigError

GOOD = """
name = "pets"
labels = ["cat", "dog"]
samples = 10

[prompts]
templates = ["a {color} {label}"]
factors.color = ["red", "blue"]

[generator]
model = "sketch-1"
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "campaign.toml"
    file.write_text(text)
    return file


def test_a_campaign_is_found_by_its_folder_or_its_file(tmp_path: Path) -> None:
    file = write(tmp_path, GOOD)
    assert load_campaign(file) == load_campaign(tmp_path)
    campaign = load_campaign(tmp_path)
    assert campaign.ledger_path == tmp_path.resolve() / "ledger.sqlite"
    assert campaign.storage_url == str(tmp_path.resolve() / "training")
    assert campaign.project_title == "pets review"


@pytest.mark.parametrize(
    ("old", "new", "named", "hint"),
    [
        ("samples = 10", "sample = 10", "'sample'", "'samples'"),
        ('model = "sketch-1"', 'model = "sketch-1"\nqualty = "low"', "generator.qualty", "quality"),
        ('model = "sketch-1"', 'model = "sketch-1"\nzzz = 1', "generator.zzz", "Known keys"),
        ("samples = 10", "samples = 0", "samples", "Mend"),
        ('name = "pets"', "", "'name' is missing", "Add it"),
        ('["cat", "dog"]', '["cat", "cat"]', "'cat' is listed twice", "Mend"),
        ('["cat", "dog"]', '["cat", "unusable"]', "'unusable' is no label: reviewers", "Mend"),
        ('["cat", "dog"]', '["cat", "None of these"]', "'None of these' is no label", "Mend"),
        ('["cat", "dog"]', '["cat"]', "nothing to be compared with", "Mend"),
        ('["cat", "dog"]', '["cat", "a/b"]', "'a/b'", "Mend"),
        ("a {color} {label}", "a {color} thing", "never names", "Mend"),
        ("a {color} {label}", "a {colour} {label}", "{colour}", "Mend"),
        ("a {color} {label}", "a {color {label}", "broken", "Mend"),
        ("[generator]", '[storage]\nurl = "."\n[generator]', "keeps its originals", "Mend"),
        ("[generator]", '[storage]\nurl = "images"\n[generator]', "its originals", "Mend"),
        ("samples = 10", "samples = ", "not valid TOML", "line"),
        ("{color} {label}", "{color} {label:d}", "{label:d}", "Mend"),
        ("{color} {label}", "{color} {label!r}", "{label!r}", "Mend"),
        ("[generator]", "synonyms.kat = ['kitty']\n[generator]", "names 'kat'", "Mend"),
        ("[generator]", "[selection]\ndrop_below = 1\naccept_above = 0\n[generator]", "above", ""),
        ("[generator]", "[selection]\ndrop = true\n[generator]", "set drop_below", "Mend"),
        (
            'model = "sketch-1"',
            'kind = "folder"\npath = "p"\n[[technique]]\nname = "style"',
            "pictures as they are",
            "",
        ),
        ("samples = 10", 'samples = 10\nfolder = "/elsewhere"', "'folder'", "where its file"),
    ],
)
def test_what_is_wrong_is_named_with_the_next_step(
    tmp_path: Path, old: str, new: str, named: str, hint: str
) -> None:
    assert old in GOOD
    file = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(ConfigError) as raised:
        load_campaign(file)
    assert named in raised.value.message
    assert str(file) in raised.value.message
    assert hint in raised.value.hint


VARIATION = """
[[technique]]
name = "variation"
source = "folder:photos"
templates = ["{label}"]
"""


@pytest.mark.parametrize(
    ("entry", "named"),
    [
        ('name = "vanila"', ": [[technique]] 2: its name is none of vanilla, environment"),
        ("share = 2", ": [[technique]] 2: it has no name"),
        ('name = "style"\nshare = inf', ": [[technique]] 2 (style) share: "),
        ('name = "style"\nshares = 2', "unknown key '[[technique]] 2 (style) shares'"),
        ('name = "variation"\nsource = "approved"', "'[[technique]] 2 (variation) templates' is"),
        (VARIATION + 'label = "horse"', "the label 'horse', which the campaign lacks"),
        (VARIATION + 'label = "first"', "the label 'first', which the campaign lacks"),
        (VARIATION + 'name = "inpainting"\nmask = "annotation"', 'needs a source "label-studio:…"'),
        (VARIATION + 'name = "inpainting"\nmask = "file"\nsource = "approved"', '"folder:…"'),
    ],
)
def test_a_technique_is_named_by_its_place_and_name(tmp_path: Path, entry: str, named: str) -> None:
    lines = dict(line.split(" = ", 1) for line in entry.splitlines() if " = " in line)
    body = "\n".join(f"{key} = {value}" for key, value in lines.items())
    text = f'{GOOD}\n[[technique]]\nname = "vanilla"\n[[technique]]\n{body}\n'
    with pytest.raises(ConfigError) as raised:
        load_campaign(write(tmp_path, text))
    assert named in raised.value.message


@pytest.mark.parametrize("path", ["pets", "pets/campaign.toml"])
def test_a_missing_campaign_says_how_to_write_one(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError) as raised:
        load_campaign(tmp_path / path)
    assert "ls-clip new pets." in raised.value.hint


def test_a_campaign_in_another_encoding_says_so(tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_bytes('name = "Möwen"'.encode("latin-1"))
    with pytest.raises(ConfigError) as raised:
        load_campaign(tmp_path)
    assert "UTF-8" in raised.value.message
    assert "UTF-8" in raised.value.hint


def test_a_writer_fills_factors_beside_a_file_of_prompts(tmp_path: Path) -> None:
    writer = 'file = "prompts.csv"\nwriter = "openai:x"\nwriting.writes = ["color"]'
    text = GOOD.replace('factors.color = ["red", "blue"]', writer)
    assert load_campaign(write(tmp_path, text)).prompts.writing.writes == ["color"]


def test_the_writers_old_key_is_refused_with_its_new_name(tmp_path: Path) -> None:
    writer = 'writer = "openai:x"\nwriting.near_duplicates = 0.9'
    text = GOOD.replace('factors.color = ["red", "blue"]', writer)
    with pytest.raises(ConfigError, match=r"prompts\.writing: .* called similar_texts"):
        load_campaign(write(tmp_path, text))


def test_a_storage_url_is_kept(tmp_path: Path) -> None:
    text = GOOD + '[storage]\nurl = "s3://bucket/pets"\n'
    assert load_campaign(write(tmp_path, text)).storage_url == "s3://bucket/pets"
