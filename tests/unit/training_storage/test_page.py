"""docs/training-storage.md names every field of a record, and commands that there are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from importers import cli
from importers.record import Record

PAGE = (Path(__file__).parents[3] / "docs" / "training-storage.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"^ls-clip .*?(?= +#|$)", PAGE, re.MULTILINE)))


def test_the_table_of_fields_is_that_of_a_record() -> None:
    section = PAGE.split("## What each record holds")[1].split("\n## ")[0]
    firsts = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    named = [name for first in firsts for name in re.findall(r"`(\w+)`", first)]
    assert sorted(named) == sorted(Record.__dataclass_fields__)


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_and_option_is_there(line: str) -> None:
    """They are parsed, not run."""
    command: Any = typer.main.get_command(cli.app)
    _, *words = shlex.split(line)
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    command.make_context(line, words)
