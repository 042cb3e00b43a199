"""What `csv` and `jsonl` have in common: a row per sample, with the full URL of its picture."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from importers.record import record_json
from importers.training_storage.layouts.base import Contents, Output


def rows(contents: Contents, out: Output) -> Iterator[dict[str, Any]]:
    """`url` first, then every field of the record; what is not known is None."""
    for record in contents.records:
        yield {"url": out.url(record.object_path), **json.loads(record_json(record))}
