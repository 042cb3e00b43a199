"""docs/commands.md and docs/campaign.md say what the code says, and leave nothing unsaid."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts import reference

DOCS = Path(__file__).parents[2] / "docs"


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
    commands = reference.commands()
    assert {"ls-clip", "ls-clip run", "ls-clip prompts plan"} <= commands.keys()
    silent = [name for name, command in commands.items() if not command.help]
    silent += [
        f"{name} {parameter.name}"
        for name, command in commands.items()
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


def test_links_lead_to_headings() -> None:
    page = reference.pages()["commands.md"]
    headings = {h.replace(" ", "-") for h in re.findall(r"^#+ (ls-clip.*)$", page, re.MULTILINE)}
    assert set(re.findall(r"\(#(.*?)\)", page)) <= headings
