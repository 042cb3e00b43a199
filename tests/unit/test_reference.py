"""docs/commands.md and docs/campaign.md say what the code says; the other pages, what there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from scripts import reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
COMMANDS = reference.commands()
WRITTEN = sorted({*ROOT.glob("*.md"), *DOCS.glob("*.md")} - {ROOT / "CHANGELOG.md"})


@pytest.fixture(name="pages", params=["plain", "narrow and coloured"])
def rendered_pages(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """Made anew, whatever the terminal is like."""
    if request.param != "plain":
        monkeypatch.setenv("COLUMNS", "30")
        monkeypatch.setenv("FORCE_COLOR", "1")
    return reference.pages()


@pytest.mark.parametrize("name", ["commands.md", "campaign.md"])
def test_the_page_is_what_the_code_says(pages: dict[str, str], name: str) -> None:
    written = (DOCS / name).read_bytes().decode()
    assert written == pages[name], f"docs/{name} is not what the code says now; run: make docs"


def test_every_command_and_option_has_a_meaning() -> None:
    assert {"ls-clip", "ls-clip run", "ls-clip prompts plan"} <= COMMANDS.keys()
    silent = [name for name, command in COMMANDS.items() if not command.help]
    silent += [
        f"{name} {parameter.name}"
        for name, command in COMMANDS.items()
        for parameter in command.params
        if not (parameter.hidden or parameter.help)
    ]
    assert silent == [], "without a docstring or a help text"


def test_every_key_has_a_meaning() -> None:
    rows = re.findall(
        r"^\| `(\w+)` \| (.*?) \| .*? \| (.*?) \|$", reference.pages()["campaign.md"], re.M
    )
    assert {"labels", "near_duplicates", "policy", "project"} <= {key for key, _, _ in rows}
    silent = [key for key, kind, meaning in rows if not (kind and meaning)]
    assert silent == [], "without a docstring below the key"


def test_what_is_no_markup_is_escaped() -> None:
    """A bar would end the cell, and what is in angle brackets would vanish."""
    page = reference.pages()["commands.md"] + reference.pages()["campaign.md"]
    outside_code = re.sub(r"```.*?```|`[^`]*`|<!--.*?-->", "", page, flags=re.DOTALL)
    assert "<" not in outside_code
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        assert {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()} <= {3, 5}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_each_command_and_option_that_a_page_names_is_there(page: Path) -> None:
    """In blocks of code and between backticks; words in capitals stand for others."""
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"^ls-clip .*?(?= +#|$)|(?<=`)ls-clip [^`]*(?=`)", text, re.MULTILINE)
    unknown = [line for line in shown if not _is_there(line.split())]
    assert unknown == []


def _is_there(words: list[str]) -> bool:
    command: Any = COMMANDS["ls-clip"]
    while hasattr(command, "commands") and words[1:] and not words[1].startswith("-"):
        words = words[1:]
        if words[0].isupper():
            return True
        if words[0] not in command.commands:
            return False
        command = command.commands[words[0]]
    known = {name for p in command.params for name in (*p.opts, *p.secondary_opts)}
    asked = {word.partition("=")[0] for word in words if word.startswith("--")}
    return asked <= {*known, "--help"}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_into_the_generated_pages_lead_to_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?:docs/)?((?:commands|campaign)\.md)?#([^)]*)\)", text)
    anchors = {name: _anchors(content) for name, content in reference.pages().items()}
    ours = [(name or page.name, anchor) for name, anchor in links]
    assert [link for link in ours if link[1] not in anchors.get(link[0], {link[1]})] == []


def _anchors(text: str) -> set[str]:
    """What GitHub calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
