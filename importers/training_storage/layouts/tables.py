"""`csv` and `jsonl`: a row per sample, with the full URL of its picture.

A spreadsheet runs text that starts with one of = + - @ as a formula, and prompts and file names
come from elsewhere: such text starts with an apostrophe in samples.csv (OWASP, CSV injection).
samples.jsonl has the same rows as they are.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from importers.record import Record, record_json
from importers.training_storage.layouts import Contents, Output

CSV_TABLE = "samples.csv"
JSONL_TABLE = "samples.jsonl"
COLUMNS = ("url", *(field.name for field in fields(Record)))
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def lay_out_csv(contents: Contents, out: Output) -> None:
    """A header and a row per sample, in the order of their keys. What is not known is empty.

    What has parts is JSON in a cell; rows end with CR LF (RFC 4180).
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows(contents, out):
        writer.writerow([_cell(row[column]) for column in COLUMNS])
    out.write(CSV_TABLE, text.getvalue().encode())


def lay_out_jsonl(contents: Contents, out: Output) -> None:
    """A line per sample, in the order of their keys: `url`, then the record as it is."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows(contents, out)]
    out.write(JSONL_TABLE, "".join(lines).encode())


def rows(contents: Contents, out: Output) -> Iterator[dict[str, Any]]:
    """`url` first, then every field of the record; what is not known is None."""
    for record in contents.records:
        yield {"url": out.url(record.object_path), **json.loads(record_json(record))}


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value, ensure_ascii=False)
