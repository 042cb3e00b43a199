"""Prompts from a file: CSV, JSONL, or a text file with one prompt on each line.

CSV has the columns prompt and label, perhaps technique, and any other as a factor. JSONL has the
same keys, and the factors in an object `factors`. In a text file the label is the one that the
prompt mentions.
"""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE, Campaign
from importers.config.sections import PROMPT_TECHNIQUES
from importers.prompts.mention import ADVERSARIAL, mentioned, unmentioned
from importers.sample import Prompt
from ls_backend.errors import ConfigError

_Row = tuple[int, Mapping[str, Any]]
_Reader = Callable[[Campaign, Path], Iterator[_Row]]
_KNOWN = ("prompt", "label", "technique")


def read_prompt_file(campaign: Campaign) -> list[Prompt]:
    """The prompts of `[prompts] file`, in its order; none where the campaign names no file.

    Raises:
        ConfigError: the file or one of its lines cannot be used; names file, line and reason.
    """
    if campaign.prompts.file is None:
        return []
    path = campaign.folder / campaign.prompts.file
    reader = _reader_of(path)
    prompts = [_prompt(campaign, path, number, row) for number, row in reader(campaign, path)]
    if not prompts:
        raise ConfigError(f"{path} has no prompts.", hint="Write one prompt for each line.")
    return prompts


def _reader_of(path: Path) -> _Reader:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(
            f"prompts.file {path.name!r} is of no known kind.",
            hint="Name a .csv, .jsonl or .txt file.",
        )
    return reader


def _text_of(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        hint = "Put the file into the campaign's folder, or mend prompts.file."
        raise ConfigError(f"There is no prompt file {path}.", hint=hint) from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read: {error.strerror}.", hint="Check the path and its permissions."
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is not written in UTF-8: byte {error.start} cannot be read.",
            hint="Save it as UTF-8, then run it again.",
        ) from None


def _csv_rows(_: Campaign, path: Path) -> Iterator[_Row]:
    reader = csv.DictReader(io.StringIO(_text_of(path), newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        for name in ("prompt", "label"):
            if name not in names:
                raise _wrong(path, 1, f"there is no column {name!r}", "Name the columns first.")
        reader.fieldnames = names
        for row in reader:
            if None in row:
                raise _wrong(
                    path,
                    reader.line_num,
                    "it has more values than there are columns",
                    "Put values with a comma into double quotes.",
                )
            if any(row.values()):
                yield reader.line_num, row
    except csv.Error as error:
        line = reader.reader.line_num
        raise _wrong(path, line, f"it is not CSV ({error})", "Mend the line.") from None


def _jsonl_rows(_: Campaign, path: Path) -> Iterator[_Row]:
    for number, line in _lines(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise _wrong(path, number, f"it is not JSON ({error})", "Mend the line.") from None
        if not isinstance(row, dict):
            hint = 'Write it as {"prompt": "…", "label": "…"}.'
            raise _wrong(path, number, "it is not an object", hint)
        factors = row.pop("factors", None) or {}
        if not isinstance(factors, dict):
            raise _wrong(path, number, "its factors are no object", 'Write {"color": "red"}.')
        for name in row:
            if name not in _KNOWN:
                hint = 'Known are prompt, label, technique; factors go into "factors": {…}.'
                raise _wrong(path, number, f"it has an unknown key {name!r}", hint)
        yield number, {**{name: row.get(name) for name in _KNOWN}, **factors}


def _text_rows(campaign: Campaign, path: Path) -> Iterator[_Row]:
    for number, line in _lines(path):
        found = mentioned(line, campaign.labels, campaign.prompts.synonyms)
        if len(found) == 1:
            yield number, {"prompt": line, "label": found[0]}
        elif found:
            both = " and ".join(repr(label) for label in found)
            hint = "Use a CSV file, where each prompt has its label beside it."
            raise _wrong(path, number, f"{line!r} mentions {both}", hint)
        else:
            hint = "Name the label in it, or add what it is called to [prompts] synonyms."
            raise _wrong(path, number, f"{line!r} mentions no label", hint)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(io.StringIO(_text_of(path), newline=None), start=1):
        if line.strip():
            yield number, line.strip()


def _prompt(campaign: Campaign, path: Path, number: int, row: Mapping[str, Any]) -> Prompt:
    values = {name: _word(path, number, name, value) for name, value in row.items()}
    text, label = values.pop("prompt", ""), values.pop("label", "")
    technique = values.pop("technique", "") or campaign.prompt_techniques[0].name
    if not text:
        raise _wrong(path, number, "it has no prompt", "Write what the picture is to show.")
    label = NONE_OF_THESE if label == NONE_OR_UNUSABLE else label
    _check_label(campaign, path, number, label, technique)
    _check_technique(campaign, path, number, technique)
    factors = {name: value for name, value in values.items() if value}
    if technique == ADVERSARIAL and factors.get("looks_like") not in campaign.labels:
        factors["looks_like"] = _looks_like(campaign, path, number, text, label)
    prompt = Prompt(text, label, technique, factors)
    reason = unmentioned(campaign, prompt)
    if reason:
        hint = "Change the prompt or its label, or add the word to [prompts] synonyms."
        raise _wrong(path, number, reason, hint)
    return prompt


def _looks_like(campaign: Campaign, path: Path, number: int, text: str, label: str) -> str:
    found = mentioned(text, campaign.labels, campaign.prompts.synonyms)
    others = [other for other in found if other != label]
    if len(others) != 1:
        reason = f"it does not say which label the adversarial prompt {text!r} looks like"
        raise _wrong(path, number, reason, "Name that label in a column looks_like.")
    return others[0]


def _word(path: Path, number: int, name: str, value: object) -> str:
    if isinstance(value, bool | list | dict):
        raise _wrong(path, number, f"its {name} is not a text", f"Write {name} as a text.")
    return "" if value is None else str(value).strip()


def _check_label(campaign: Campaign, path: Path, number: int, label: str, technique: str) -> None:
    if label in campaign.labels or (label == NONE_OF_THESE and technique == ADVERSARIAL):
        return
    if not label:
        raise _wrong(path, number, "it has no label", f"Labels: {', '.join(campaign.labels)}.")
    near = difflib.get_close_matches(label, campaign.labels, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else f"Labels: {', '.join(campaign.labels)}."
    raise _wrong(path, number, f"{label!r} is not a label of the campaign", hint)


def _check_technique(campaign: Campaign, path: Path, number: int, technique: str) -> None:
    named = [entry.name for entry in campaign.prompt_techniques] if campaign.technique else None
    known = PROMPT_TECHNIQUES if named is None else tuple(named)
    if technique not in known:
        raise _wrong(
            path,
            number,
            f"the campaign has no technique {technique!r}",
            f"Use one of {', '.join(known)}, or add a [[technique]] to campaign.toml.",
        )


def _wrong(path: Path, number: int, reason: str, hint: str) -> ConfigError:
    return ConfigError(f"{path}, line {number}: {reason}.", hint=hint)


_READERS: dict[str, _Reader] = {
    ".csv": _csv_rows,
    ".jsonl": _jsonl_rows,
    ".ndjson": _jsonl_rows,
    ".txt": _text_rows,
}
