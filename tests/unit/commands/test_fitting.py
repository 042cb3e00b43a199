"""What commands print fits the terminal: 80 columns where nothing says otherwise."""

from __future__ import annotations

import pytest
from rich.table import Table

from importers.commands.fitting import Line
from importers.commands.group import tell_error
from importers.commands.output import line, show
from importers.commands.project_words import doctor_lines
from importers.label_studio.doctor import DoctorReport, Finding

COMMAND = "ls-clip prelabel --project 7 --model-version clip:a@0123456789ab"


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")


def shown(capsys: pytest.CaptureFixture[str], *lines: str | Table) -> list[str]:
    show(lines)
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_a_long_line_goes_on_below_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, line("queue", "word " * 30), "  - " + "item " * 20, "short")
    assert lines[0] == f"queue      {'word ' * 13}word"
    assert lines[1].startswith("           word")
    assert lines[-2].startswith("  item")
    assert lines[-1] == "short"
    assert max(map(len, lines)) <= 80


def test_commands_and_addresses_stay_whole(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"https://{'a' * 90}.example"
    lines = shown(
        capsys,
        line("next", f"For one of the project's version: {COMMAND}. Or else choose it."),
        line("review", address),
        line("", f"It lies at {address}"),
    )
    assert f"           {COMMAND}." in [text[: 11 + len(COMMAND) + 1] for text in lines]
    assert f"review     {address}" in lines
    assert lines[-2:] == ["           It lies at", f"           {address}"]


def test_the_width_is_that_of_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert len(shown(capsys, line("queue", "word " * 30))) == 1
    monkeypatch.setenv("COLUMNS", "30")
    lines = shown(capsys, Line(f"{'heading':<24}{'word ' * 10}", 24))
    assert max(map(len, lines)) <= 30


def test_brackets_and_styles_change_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    styled = f"[yellow]{'a [b] '.replace('[b]', chr(92) + '[b]') * 20}[/]"
    lines = shown(capsys, line("", styled))
    assert " ".join(lines).split() == ["a", "[b]"] * 20
    assert max(map(len, lines)) <= 80


def table(columns: int) -> Table:
    made = Table(box=None, padding=(0, 1, 0, 0), title="pets", title_justify="left")
    made.add_column("label", overflow="fold")
    headings = ("planned", "images", "relabelled", "none of these", "unusable", "undecided")
    for heading in (headings * 3)[:columns]:
        made.add_column(heading, justify="right")
    made.add_row("a label of many words", *["1,234,567"] * columns)
    made.add_row("all", *["5"] * columns)
    return made


@pytest.mark.parametrize("columns", [1, 4, 5, 6, 12])
def test_no_number_and_no_heading_of_a_table_is_cut(
    capsys: pytest.CaptureFixture[str], columns: int
) -> None:
    lines = shown(capsys, table(columns))
    assert max(map(len, lines)) <= 80
    text = " ".join(lines)
    assert text.count("1,234,567") == columns
    assert "…" not in text
    for word in ("planned", "relabelled", "these")[: max(1, columns - 2)]:
        assert word in text


def test_a_table_that_is_too_wide_names_each_value(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(capsys, table(12))
    assert lines[0] == "pets"
    assert lines[1].startswith("a label of many words: planned 1,234,567, images 1,234,567,")
    assert "none of these 5" in " ".join(lines)


def test_findings_and_errors_fit_too(capsys: pytest.CaptureFixture[str]) -> None:
    found = Finding(21, "queue", "warning", "scores vanished " * 8, f"run it: {COMMAND}")
    lines = shown(capsys, *doctor_lines(DoctorReport((found,), 0)))
    assert lines[1].startswith(f"{'':<24}vanished scores")
    assert max(map(len, lines)) <= max(80, 29 + len(COMMAND))
    tell_error("it is gone " * 10, "look for it " * 10, "gone", as_json=False)
    told = capsys.readouterr().err.splitlines()
    assert max(map(len, told)) <= 80
    assert told[1].startswith("       ")
