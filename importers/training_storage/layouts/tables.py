"""`csv`: samples.csv, a row per sample, with the URL of its picture.

A spreadsheet runs text that starts with one of = + - @ as a formula, and prompts and file names
come from elsewhere: such text starts with an apostrophe here (OWASP, CSV injection). `jsonl` has
the same rows as they are.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import fields
from typing import Any

from importers.record import Record
from importers.training_storage.layouts.base import Contents, Output
from importers.training_storage.layouts.rows import rows

TABLE = "samples.csv"
COLUMNS = ("url", *(field.name for field in fields(Record)))
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def lay_out(contents: Contents, out: Output) -> None:
    """A header and a row per sample, in the order of their keys. What is not known is empty.

    What has parts is JSON in a cell; rows end with CR LF (RFC 4180).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows(contents, out):
        writer.writerow([_cell(row[column]) for column in COLUMNS])
    out.write(TABLE, text.getvalue().encode())


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value, ensure_ascii=False)
