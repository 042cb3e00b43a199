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
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE, Campaign
from importers.config.sections import PROMPT_TECHNIQUES
from importers.prompts.mention import ADVERSARIAL, mentioned, unmentioned
from importers.sample import Prompt
from ls_backend.errors import ConfigError

_KNOWN = ("prompt", "label", "technique")


@dataclass(frozen=True)
class _Line:
    """A line of a prompt file, and what it says under which name."""

    path: Path
    number: int
    values: Mapping[str, Any] = field(default_factory=dict)

    def wrong(self, reason: str, hint: str) -> ConfigError:
        return ConfigError(f"{self.path}, line {self.number}: {reason}.", hint=hint)

    def word(self, name: str) -> str:
        value = self.values.get(name)
        if isinstance(value, bool | list | dict):
            raise self.wrong(f"its {name} is not a text", f"Write {name} as a text.")
        return "" if value is None else str(value).strip()


def read_prompt_file(campaign: Campaign) -> list[Prompt]:
    """The prompts of `[prompts] file`, in its order; none where the campaign names no file.

    Raises:
        ConfigError: the file or one of its lines cannot be used; names file, line and reason.
    """
    if campaign.prompts.file is None:
        return []
    path = campaign.folder / campaign.prompts.file
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise ConfigError(
            f"prompts.file {path.name!r} is of no known kind.",
            hint="Name a .csv, .jsonl or .txt file.",
        )
    prompts = [_prompt(campaign, line) for line in reader(campaign, path)]
    if not prompts:
        raise ConfigError(f"{path} has no prompts.", hint="Write one prompt for each line.")
    return prompts


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


def _csv_lines(_: Campaign, path: Path) -> Iterator[_Line]:
    reader = csv.DictReader(io.StringIO(_text_of(path), newline=""), strict=True)
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        for name in ("prompt", "label"):
            if name not in names:
                reason = f"there is no column {name!r}"
                raise _Line(path, 1).wrong(reason, "Name the columns first.")
        reader.fieldnames = names
        for row in reader:
            line = _Line(path, reader.line_num, row)
            if None in row:
                hint = "Put values with a comma into double quotes."
                raise line.wrong("it has more values than there are columns", hint)
            if any(row.values()):
                yield line
    except csv.Error as error:
        line = _Line(path, reader.reader.line_num)
        raise line.wrong(f"it is not CSV ({error})", "Mend the line.") from None


def _jsonl_lines(_: Campaign, path: Path) -> Iterator[_Line]:
    for line, text in _texts(path):
        try:
            row = json.loads(text)
        except ValueError as error:
            raise line.wrong(f"it is not JSON ({error})", "Mend the line.") from None
        if not isinstance(row, dict):
            raise line.wrong("it is not an object", 'Write it as {"prompt": "…", "label": "…"}.')
        factors = row.pop("factors", None) or {}
        if not isinstance(factors, dict):
            raise line.wrong("its factors are no object", 'Write {"color": "red"}.')
        for name in row:
            if name not in _KNOWN:
                hint = 'Known are prompt, label, technique; factors go into "factors": {…}.'
                raise line.wrong(f"it has an unknown key {name!r}", hint)
        yield replace(line, values={**{name: row.get(name) for name in _KNOWN}, **factors})


def _text_lines(campaign: Campaign, path: Path) -> Iterator[_Line]:
    for line, text in _texts(path):
        found = mentioned(text, campaign.labels, campaign.prompts.synonyms)
        if not found:
            hint = "Name the label in it, or add what it is called to [prompts] synonyms."
            raise line.wrong(f"{text!r} mentions no label", hint)
        if len(found) > 1:
            several = " and ".join(repr(label) for label in found)
            hint = "Use a CSV file, where each prompt has its label beside it."
            raise line.wrong(f"{text!r} mentions {several}", hint)
        yield replace(line, values={"prompt": text, "label": found[0]})


def _texts(path: Path) -> Iterator[tuple[_Line, str]]:
    for number, text in enumerate(io.StringIO(_text_of(path), newline=None), start=1):
        if text.strip():
            yield _Line(path, number), text.strip()


def _prompt(campaign: Campaign, line: _Line) -> Prompt:
    values = {name: line.word(name) for name in line.values}
    text, label = values.pop("prompt", ""), values.pop("label", "")
    technique = values.pop("technique", "") or campaign.prompt_techniques[0].name
    if not text:
        raise line.wrong("it has no prompt", "Write what the picture is to show.")
    label = NONE_OF_THESE if label == NONE_OR_UNUSABLE else label
    _check_label(campaign, line, label, technique)
    named = [entry.name for entry in campaign.prompt_techniques]
    known = named if campaign.technique else PROMPT_TECHNIQUES
    if technique not in known:
        hint = f"Use one of {', '.join(known)}, or add a [[technique]] to campaign.toml."
        raise line.wrong(f"the campaign has no technique {technique!r}", hint)
    factors = {name: value for name, value in values.items() if value}
    if technique == ADVERSARIAL and factors.get("looks_like") not in campaign.labels:
        factors["looks_like"] = _looks_like(campaign, line, text, label)
    prompt = Prompt(text, label, technique, factors)
    reason = unmentioned(campaign, prompt)
    if reason:
        hint = "Change the prompt or its label, or add the word to [prompts] synonyms."
        raise line.wrong(reason, hint)
    return prompt


def _looks_like(campaign: Campaign, line: _Line, text: str, label: str) -> str:
    found = mentioned(text, campaign.labels, campaign.prompts.synonyms)
    others = [other for other in found if other != label]
    if len(others) != 1:
        reason = f"it does not say which label the adversarial prompt {text!r} looks like"
        raise line.wrong(reason, "Name that label in a column looks_like.")
    return others[0]


def _check_label(campaign: Campaign, line: _Line, label: str, technique: str) -> None:
    if label in campaign.labels or (label == NONE_OF_THESE and technique == ADVERSARIAL):
        return
    hint = f"Labels: {', '.join(campaign.labels)}."
    if not label:
        raise line.wrong("it has no label", hint)
    near = difflib.get_close_matches(label, campaign.labels, n=1)
    hint = f"Did you mean {near[0]!r}?" if near else hint
    raise line.wrong(f"{label!r} is not a label of the campaign", hint)


_READERS: dict[str, Callable[[Campaign, Path], Iterator[_Line]]] = {
    ".csv": _csv_lines,
    ".jsonl": _jsonl_lines,
    ".ndjson": _jsonl_lines,
    ".txt": _text_lines,
}
