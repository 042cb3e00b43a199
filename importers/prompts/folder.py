"""A folder of pictures → the samples of a campaign: which picture shows which label.

A picture's prompt comes from the manifest, else from NAME.txt beside it, else from the PNG itself,
else it is its label. Its label is that of the manifest, else of the nearest sub-folder that is
called like one, else the one label that the prompt mentions; a picture without one is left out.
"""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from importers.prompts.mention import mentioned
from importers.prompts.png_text import prompt_in_png
from importers.sample import PlannedSample, Prompt, sample_key
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.config.campaign import Campaign

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


MODEL = "folder"
SIZE = "auto"
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"})
_MOST_NAMED = 10
_NOTHING_SAID = Entry(prompt=None, label=None, synthetic=None, factors={})

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture and what is known of it.

    Attributes:
        file: Relative to the folder, with "/".
        prompt: The text that it was drawn from; None where that is not known.
        label: What it shows; None where that is not known.
        synthetic: Whether a model drew it; None where that is not known.
    """

    file: str
    prompt: str | None
    label: str | None
    synthetic: bool | None
    entry: Entry


def folder_samples(campaign: Campaign) -> list[PlannedSample]:
    """The samples of a campaign whose generator is a folder, in the order of the files.

    At most `campaign.samples` of them; the labels take turns in what is taken. Pictures that are
    left out are named in the log; of a folder that is gone there are none.

    Raises:
        ConfigError: the manifest or a prompt's file cannot be read.
    """
    folder = Path(campaign.generator.path or "")
    files = list_pictures(folder)
    manifest = read_manifest(folder)
    absent = sorted(manifest.keys() - set(files), key=_natural)
    _notice(absent, f"Listed in the manifest of {folder}, but not there")
    pictures = [_picture(campaign, folder, file, manifest.get(file)) for file in files]
    known = [picture for picture in pictures if picture.label in campaign.labels]
    unknown = [picture.file for picture in pictures if picture.label not in campaign.labels]
    _notice(unknown, "Left out, since they show none of the labels as far as is known")
    taken = {p.file for p in _in_turns(known, campaign.labels)[: campaign.samples]}
    _notice([p.file for p in known if p.file not in taken], "More than `samples` asks for")
    return [_sample(folder, picture) for picture in known if picture.file in taken]


def list_pictures(folder: Path) -> list[str]:
    """The pictures under a folder, relative with "/"; `2.png` comes before `10.png`."""
    return sorted(_walk(folder), key=_natural)


def _walk(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES:
                yield (Path(place) / name).relative_to(folder).as_posix()


def _natural(text: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _picture(campaign: Campaign, folder: Path, file: str, entry: Entry | None) -> Picture:
    entry = entry or _NOTHING_SAID
    drawn_from = _prompt_in(folder / file)
    prompt = entry.prompt or _beside(folder / file) or drawn_from
    label = entry.label or _folder_label(file, campaign) or _mentioned_label(prompt or "", campaign)
    synthetic = entry.synthetic
    if synthetic is None and drawn_from is not None:
        synthetic = True
    return Picture(file, prompt, label, synthetic, entry)


def _beside(path: Path) -> str | None:
    try:
        return " ".join(path.with_suffix(".txt").read_text(encoding="utf-8-sig").split()) or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.with_suffix('.txt')} cannot be read: {error}", hint="Mend it as UTF-8."
        ) from None


def _prompt_in(path: Path) -> str | None:
    from PIL import Image

    if path.suffix.lower() != ".png":
        return None
    try:
        return prompt_in_png(path)
    except (OSError, SyntaxError, ValueError, RecursionError, Image.DecompressionBombError) as why:
        log.warning("No prompt can be read from %s: %s", path, why)
        return None


def _folder_label(file: str, campaign: Campaign) -> str | None:
    parents = [parent.name for parent in PurePosixPath(file).parents]
    return next((name for name in parents if name in campaign.labels), None)


def _mentioned_label(text: str, campaign: Campaign) -> str | None:
    """The one label that a text mentions, by its name or a synonym; None for none or several."""
    found = mentioned(text, campaign.labels, campaign.prompts.synonyms)
    return found[0] if len(found) == 1 else None


def _in_turns(pictures: Sequence[Picture], labels: Sequence[str]) -> list[Picture]:
    of_labels = [[picture for picture in pictures if picture.label == label] for label in labels]
    return [p for turn in zip_longest(*of_labels) for p in turn if p is not None]


def _sample(folder: Path, picture: Picture) -> PlannedSample:
    label = picture.label or ""
    prompt = Prompt(picture.prompt or label, label, "vanilla", picture.entry.factors)
    parameters: dict[str, str | bool] = {
        "file": picture.file,
        "sha256": hashlib.sha256((folder / picture.file).read_bytes()).hexdigest(),
    }
    if picture.synthetic is not None:
        parameters["synthetic"] = picture.synthetic
    return PlannedSample(
        key=sample_key(prompt, MODEL, SIZE, parameters, seed=0),
        prompt=prompt,
        model=MODEL,
        size=SIZE,
        parameters=parameters,
        seed=0,
    )


def check_folder(campaign: Campaign, samples: Sequence[PlannedSample]) -> None:
    """Refuse a folder that gave no sample.

    Raises:
        ConfigError: saying what is missing.
    """
    folder = Path(campaign.generator.path or "")
    if not folder.is_dir():
        raise ConfigError(
            f"There is no folder {folder}.", hint="Set generator.path to the folder of pictures."
        )
    if not samples:
        raise ConfigError(
            f"There is no picture in {folder} whose label is known.",
            hint=f"Put {', '.join(sorted(SUFFIXES))} there, in sub-folders that are called like "
            "the labels, or with a manifest.csv (columns file and label).",
        )


def is_synthetic(sample: PlannedSample) -> bool | None:
    """Whether a model drew the picture; None where that is not known."""
    return sample.parameters.get("synthetic") if sample.model == MODEL else True


def _notice(files: Sequence[str], what: str) -> None:
    if files:
        named = ", ".join(files[:_MOST_NAMED])
        more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
        log.warning("%s: %s%s.", what, named, more)
