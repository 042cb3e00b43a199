"""`jsonl`: samples.jsonl, a JSON object per sample, with the URL of its picture."""

from __future__ import annotations

import json

from importers.training_storage.layouts.base import Contents, Output
from importers.training_storage.layouts.rows import rows

TABLE = "samples.jsonl"


def lay_out(contents: Contents, out: Output) -> None:
    """A line per sample, in the order of their keys: `url`, then the record as it is."""
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows(contents, out)]
    out.write(TABLE, "".join(lines).encode())
