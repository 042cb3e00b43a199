"""`ls-clip prompts`, as people and programs use it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from review_records import record_review
from typer.testing import CliRunner

from importers import cli
from importers.config.campaign import NONE_OF_THESE, load_campaign
from importers.generation.plan import plan
from importers.ledger import Ledger
from importers.prompts import write_prompts

CAMPAIGN = """
name = "pets"
labels = ["cat", "dog"]
samples = 16
[prompts]
templates = ["a {color} {label} {place}"]
factors.color = ["red", "blue"]
factors.place = ["behind a tree", "on the road"]
[[technique]]
name = "vanilla"
share = 3
[[technique]]
name = "adversarial"
[generator]
model = "sketch-1"
[score]
model = "sketch"
"""


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    (tmp_path / "campaign.toml").write_text(CAMPAIGN)
    return tmp_path


def prompts(*arguments: object) -> Any:
    return CliRunner().invoke(cli.app, ["prompts", *map(str, arguments)])


def reported(*arguments: object) -> Any:
    done = prompts(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def approve(folder: Path, *labels: str) -> list[str]:
    """Plan the campaign, and approve the first prompt of each label and its repetition."""
    campaign, texts = load_campaign(folder), []
    with Ledger(campaign.ledger_path) as ledger:
        samples = [s for s in plan(campaign, ledger) if s.prompt.technique == "vanilla"]
        for label in labels:
            text = next(s.prompt.text for s in samples if s.prompt.label == label)
            texts.append(text)
            chosen = [s for s in samples if s.prompt.text == text]
            for sample in chosen:
                record_review(ledger, sample.key, "approved", label)
    return texts


def test_the_plan_counts_labels_techniques_and_factors_before_there_is_a_ledger(
    pets: Path,
) -> None:
    report = reported("plan", pets)
    assert (report["prompts"], report["images"]) == (16, 16)
    groups = {(g["label"], g["technique"]): g for g in report["groups"]}
    assert groups["cat", "vanilla"]["prompts"] == 6
    assert groups["cat", "vanilla"]["factors"] == {
        "color": {"red": 3, "blue": 3},
        "place": {"behind a tree": 3, "on the road": 3},
    }
    assert groups["cat", "vanilla"]["compositional"] == 3
    assert groups["dog", "adversarial"]["factors"] == {
        "looks_like": {"cat": 2},
        "other": {"dog": 2},
    }
    assert not (pets / "ledger.sqlite").exists()


def test_the_plan_is_a_table_for_people(pets: Path) -> None:
    shown = prompts("plan", pets)
    assert shown.exit_code == 0
    assert "2 × 3" in shown.stdout
    assert "Drawn of that: 16 images." in shown.stdout
    assert "Compositional: 6 prompts" in shown.stdout


def test_prompts_are_shown_by_label_and_technique(pets: Path) -> None:
    everything = reported("show", pets)["prompts"]
    assert [p["text"] for p in everything] == [p.text for p in write_prompts(load_campaign(pets))]
    some = reported("show", pets, "--label", "dog", "--technique", "vanilla")["prompts"]
    assert {(p["label"], p["technique"]) for p in some} == {("dog", "vanilla")}
    assert {tuple(p["compositional"]) for p in some} == {("behind",), ()}
    assert "cat-like dog" in prompts("show", pets, "--technique", "adversarial").stdout


def test_a_label_that_no_prompt_has_is_named(pets: Path) -> None:
    failed = prompts("show", pets, "--label", "owl")
    assert failed.exit_code == 1
    assert "No prompt of 'pets' has 'owl'" in failed.stderr
    assert "Hint: There are: cat, dog." in failed.stderr


def test_approved_prompts_are_exported_as_chats_once_each(pets: Path) -> None:
    texts = approve(pets, "cat", "dog")
    done = prompts("export", pets)
    assert done.exit_code == 0
    assert "2 prompts to" in done.stdout
    assert "2027-01-06" in done.stdout
    lines = [json.loads(line) for line in (pets / "prompts.jsonl").read_text().splitlines()]
    assert [line["messages"][2]["content"] for line in lines] == texts
    for line in lines:
        assert [m["role"] for m in line["messages"]] == ["system", "user", "assistant"]
        assert line["messages"][1]["content"].startswith("Write 1 prompt for the label ")
        assert "color: " in line["messages"][1]["content"]


def test_a_prompt_for_none_of_the_labels_is_no_chat(pets: Path) -> None:
    toml = pets / "campaign.toml"
    toml.write_text(CAMPAIGN.replace('"adversarial"', '"adversarial"\ntruth = "none"'))
    texts = approve(pets, "cat")
    with Ledger(load_campaign(pets).ledger_path) as ledger:
        none = [s.key for s in ledger.samples() if s.prompt.label == NONE_OF_THESE]
        for key in none:
            record_review(ledger, key, "approved", NONE_OF_THESE)
    assert none
    assert prompts("export", pets).exit_code == 0
    lines = [json.loads(line) for line in (pets / "prompts.jsonl").read_text().splitlines()]
    assert [line["messages"][2]["content"] for line in lines] == texts


def test_an_export_is_whole_or_not_there(pets: Path, tmp_path: Path) -> None:
    refused = prompts("export", pets)
    assert refused.exit_code == 1
    assert "No image of 'pets' is approved yet" in refused.stderr
    approve(pets, "cat")
    target = tmp_path / "captions.jsonl"
    target.write_text("what was there")
    assert reported("export", pets, "--to", target) == {"file": str(target), "prompts": 1}
    assert "what was there" not in target.read_text()
    missing = prompts("export", pets, "--to", tmp_path / "no" / "such.jsonl")
    assert missing.exit_code == 1
    assert "cannot be written" in missing.stderr
    assert not list(tmp_path.glob(".captions*"))


def test_writing_without_a_writer_says_how(pets: Path) -> None:
    done = prompts("write", pets)
    assert done.exit_code == 0
    assert "has no writer" in done.stdout


def test_writing_says_what_came_and_what_comes_next(pets: Path, text_api: Any) -> None:
    text = CAMPAIGN.replace(
        "templates =",
        f'writer = "openai:sketch-writer-1"\nwriting = {{ base_url = "{text_api.url}", '
        'writes = ["place"], count = 3, similar_texts = 1.0 }\ntemplates =',
    )
    (pets / "campaign.toml").write_text(text)
    done = prompts("write", pets)
    assert done.exit_code == 0, done.output
    assert "6 texts in" in done.stdout
    assert f"Next: ls-clip prompts plan {pets}" in done.stdout
    again = reported("write", pets)
    assert (again["requests"], again["written"], again["cost_usd"]) == (0, 0, 0.0)
    places = {p["factors"].get("place") for p in reported("show", pets)["prompts"]}
    assert len(places - {None, "behind a tree", "on the road"}) >= 3


@pytest.mark.parametrize("command", ["plan", "write", "show", "export"])
def test_every_command_explains_itself_with_an_example(command: str) -> None:
    shown = prompts(command, "--help")
    assert shown.exit_code == 0
    assert f"Example: ls-clip prompts {command}" in shown.stdout
