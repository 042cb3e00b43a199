"""`imagefolder`: a folder per split, in it one per label, and metadata.jsonl with every field.

Read by Hugging Face `datasets` (the `imagefolder` builder, which takes columns from metadata.jsonl)
and by torchvision's `ImageFolder` (a split at a time, which takes labels from folders).

`datasets` infers the type of each column anew for every split, from its first 10 MB, and stops
where two splits differ: a column with no value in one of them, or times of which one has
fractions of a second. So what is written here has the type of its column whatever the samples are:
text that is not known is "", a number that is not known is NaN, and what has parts, or can be
unknown without being either, is JSON in text.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import asdict, fields
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import Any

from importers.record import Record, same
from importers.review import Box
from importers.training_storage.layouts import Contents, Output
from importers.training_storage.layouts.folders import by_split, classes_file, folder_name

VERSION = "imagefolder 1"
"""To be counted up with every change of the line that the same record gives."""
METADATA = "metadata.jsonl"
CLASSES = "classes.txt"

JSON_COLUMNS = frozenset(
    {"reviewers", "factors", "parameters", "seed", "parents", "ancestors", "synthetic", "boxes"}
)
"""Columns of JSON text."""
NUMBER_COLUMNS = frozenset(
    {"agreement", "shown_score", "cost_usd", "label_probability", "similarity"}
)
"""Columns of floating-point numbers."""
TIME_COLUMNS = frozenset({"annotated_at", "decided_at", "generated_at"})
"""Columns of times: ISO 8601 with microseconds, as text."""


def lay_out(contents: Contents, out: Output) -> None:
    """`<split>/<folder of the label>/<file>`, `<split>/metadata.jsonl` and `classes.txt`.

    A split without samples has no folder, as a label without samples in a split has none there:
    both readers refuse what is empty.
    """
    for split, records in by_split(contents):
        if not records:
            continue
        for record in records:
            out.place(f"{split}/{_place(record)}", record)
        lines = _lines_before(split, contents, out)
        data = [lines.get(record.sample) or _line(record) for record in records]
        out.write(f"{split}/{METADATA}", b"".join(data))
    out.write(CLASSES, classes_file(contents.classes))


def _place(record: Record) -> str:
    """Of the picture, in the folder of its split."""
    return f"{folder_name(record.label)}/{record.file_name}"


def _lines_before(split: str, contents: Contents, out: Output) -> dict[str, bytes]:
    """Lines of the last release that are as they were, by sample: to make them takes longest."""
    before = [record for record in contents.before.values() if record.split == split]
    lines = (out.earlier(f"{split}/{METADATA}") or b"").splitlines(keepends=True)
    if len(lines) != len(before):
        return {}
    here = {record.sample: record for record in contents.records}
    before.sort(key=lambda record: record.sample)
    return {
        record.sample: line
        for record, line in zip(before, lines, strict=True)
        if same(here.get(record.sample), record)
    }


def _line(record: Record) -> bytes:
    return f"{_ENCODE(_row(record))}\n".encode()


def _row(record: Record) -> dict[str, Any]:
    row = {"file_name": _place(record), **dict(zip(_NAMES, _VALUES(record), strict=True))}
    for name in _PLAIN:
        if row[name] is None:
            row[name] = ""
    for name, write in _WRITTEN:
        row[name] = write(row[name])
    return row


def _json(value: Any) -> str:
    if value is None:
        return "null"
    if value == ():
        return "[]"
    if type(value) is int:
        return str(value)
    return _several(value) if isinstance(value, tuple) else _ENCODE(value)


@lru_cache(maxsize=1000)
def _several(values: tuple[str | int | Box, ...]) -> str:
    """Thousands of samples have the same few reviewers."""
    return _ENCODE([asdict(value) if isinstance(value, Box) else value for value in values])


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _time(text: str | None) -> str:
    """ISO 8601 with microseconds: without a fraction it would be read as a time, not as text."""
    if text is None:
        return ""
    if _IN_FULL(text):
        return text
    return datetime.fromisoformat(text).isoformat(timespec="microseconds")


_ENCODE = json.JSONEncoder(ensure_ascii=False).encode
_IN_FULL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00").fullmatch
_NAMES = tuple(field.name for field in fields(Record))
_VALUES = attrgetter(*_NAMES)
_WRITTEN: tuple[tuple[str, Callable[[Any], str | float]], ...] = (
    *((name, _json) for name in sorted(JSON_COLUMNS)),
    *((name, _number) for name in sorted(NUMBER_COLUMNS)),
    *((name, _time) for name in sorted(TIME_COLUMNS)),
)
_PLAIN = tuple(name for name in _NAMES if name not in dict(_WRITTEN))
"""Columns whose values are written as they are, but for those that are not known."""
