"""A record as flat, typed values, as tables hold them: one type for each column, in every file.

What has no fixed type (factors, parameters, boxes) is JSON text; people are text, be they named by
ids or by e-mail addresses.
"""

from __future__ import annotations

import json
from functools import cache
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from importers.record import Record, record_json
from importers.review import Box

Kind = Literal["text", "integer", "real", "truth", "texts", "json"]

_KINDS: dict[Any, Kind] = {str: "text", int: "integer", float: "real", bool: "truth"}


@cache
def columns() -> dict[str, Kind]:
    """The type of each of a record's values, by name, in the record's order."""
    return {name: _kind(hint) for name, hint in get_type_hints(Record).items()}


def flat(record: Record) -> dict[str, Any]:
    """The record's values by column; None where one is not known."""
    plain = json.loads(record_json(record))
    return {name: _value(kind, plain[name]) for name, kind in columns().items()}


def _kind(hint: Any) -> Kind:
    parts = get_args(hint)
    if NoneType in parts:
        [hint] = [part for part in parts if part is not NoneType]
    if hint in _KINDS:
        return _KINDS[hint]
    return "texts" if get_origin(hint) is tuple and Box not in get_args(hint) else "json"


def _value(kind: Kind, value: Any) -> Any:
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    if kind == "texts":
        return [str(item) for item in value]
    return float(value) if kind == "real" else value
