"""docs/training-storage.md names every field of a record."""

from __future__ import annotations

import re
from pathlib import Path

from importers.record import Record

PAGE = (Path(__file__).parents[3] / "docs" / "training-storage.md").read_text(encoding="utf-8")


def test_the_table_of_fields_is_that_of_a_record() -> None:
    section = PAGE.split("## What each record holds")[1].split("\n## ")[0]
    firsts = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    named = [name for first in firsts for name in re.findall(r"`(\w+)`", first)]
    assert sorted(named) == sorted(Record.__dataclass_fields__)
