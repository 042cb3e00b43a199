"""A list of pictures beside them: manifest.csv or manifest.jsonl, or metadata.* as others call it.

One row for each picture: `file` (or `file_name`, as in Hugging Face's imagefolder), and any of
`prompt`, `label`, `synthetic`; every other column is a factor.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ls_backend.errors import ConfigError

NAMES = ("manifest.csv", "manifest.jsonl", "metadata.csv", "metadata.jsonl")
_FILE_COLUMNS = ("file", "file_name")
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}


@dataclass(frozen=True)
class Entry:
    """What a manifest says of a picture; None where it says nothing.

    Attributes:
        synthetic: Whether a model drew it.
        factors: Every other column that has a value.
    """

    prompt: str | None
    label: str | None
    synthetic: bool | None
    factors: Mapping[str, str]


def read_manifest(folder: Path) -> dict[str, Entry]:
    """The entries of a folder's manifest by file, relative with "/"; none where there is no list.

    Raises:
        ConfigError: there is more than one list, or a row that cannot be read.
    """
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if len(found) > 1:
        raise ConfigError(
            f"{folder} has more than one list of its pictures: "
            f"{', '.join(path.name for path in found)}.",
            hint="Leave one of them.",
        )
    return dict(_entries(found[0])) if found else {}


def _entries(path: Path) -> Iterator[tuple[str, Entry]]:
    for line, row in _rows(path):
        file = next((row[name] for name in _FILE_COLUMNS if row.get(name)), None)
        if not isinstance(file, str):
            raise _bad(path, line, "names no file", "Give each row the column `file`.")
        place = PurePosixPath(file.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts:
            raise _bad(path, line, f"names {file!r}", "Name files inside the folder.")
        yield str(place), _entry(row, path, line)


def _entry(row: Mapping[str, Any], path: Path, line: int) -> Entry:
    said = {
        str(name): str(value).strip()
        for name, value in row.items()
        if isinstance(value, str | int | float) and str(value).strip()
    }
    synthetic = said.pop("synthetic", None)
    if synthetic is not None and synthetic.lower() not in _YES | _NO:
        raise _bad(path, line, f"has synthetic {synthetic!r}", "Write true or false.")
    for name in _FILE_COLUMNS:
        said.pop(name, None)
    return Entry(
        prompt=said.pop("prompt", None),
        label=said.pop("label", None),
        synthetic=None if synthetic is None else synthetic.lower() in _YES,
        factors=said,
    )


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows with the number of their line."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix == ".csv":
                reader = csv.DictReader(file)
                for row in reader:
                    yield reader.line_num, row
            else:
                for number, text in enumerate(file, 1):
                    if text.strip():
                        yield number, _object(path, number, text)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read: {error}", hint="Mend it as UTF-8.") from None


def _object(path: Path, line: int, text: str) -> Mapping[str, Any]:
    try:
        row = json.loads(text)
    except ValueError:
        row = None
    if not isinstance(row, dict):
        raise _bad(path, line, "is no JSON object", "Write one object on each line.")
    return row


def _bad(path: Path, line: int, what: str, hint: str) -> ConfigError:
    return ConfigError(f"{path}, line {line}, {what}.", hint=hint)
