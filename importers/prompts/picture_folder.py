"""Pictures in a folder of the user's: which files are pictures, and what is known of each.

A picture's prompt comes from the folder's list, else from NAME.txt beside it, else from the PNG
itself. Its label is that of the list, else the nearest sub-folder that is called like one, else the
one label that its prompt mentions, else the nearest sub-folder's name.
"""

from __future__ import annotations

import csv
import json
import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from importers.prompts.mention import mentioned
from importers.prompts.png_text import prompt_in_png
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.config.campaign import Campaign

LISTS = ("manifest.csv", "manifest.jsonl", "metadata.csv", "metadata.jsonl")
SHOWN_BY_BROWSERS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp"})
SUFFIXES = SHOWN_BY_BROWSERS | {".tif", ".tiff"}
MASK_SUFFIX = ".mask.png"
"""Of a file beside a picture that says where the picture is to be painted anew."""

_FILE_COLUMNS = ("file", "file_name")
_YES, _NO = {"true", "yes", "1"}, {"false", "no", "0"}
_MOST_NAMED = 10

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Picture:
    """A picture and what is known of it.

    Attributes:
        file: Path relative to the folder, with "/".
        prompt: Text that it was drawn from; None where that is not known.
        label: Label that it is said to show, perhaps none of the campaign's; None where nothing
            says it.
        synthetic: Whether a model drew it; None where that is not known.
        factors: Value of every other column of the folder's list that has one for it.
    """

    file: str
    prompt: str | None = None
    label: str | None = None
    synthetic: bool | None = None
    factors: Mapping[str, str] = field(default_factory=dict)


def read_pictures(folder: Path, campaign: Campaign) -> list[Picture]:
    """The pictures under a folder, `2.png` before `10.png`; none of a folder that is gone.

    Pictures that are listed and not there are named in the log.

    Raises:
        ConfigError: the folder's list or a prompt's file cannot be read, or it has two lists.
    """
    files = sorted(_walk(folder), key=_natural)
    listed = _read_list(folder)
    absent = sorted(listed.keys() - set(files), key=_natural)
    log_files(absent, f"Listed in {folder}, but not there")
    return [_completed(campaign, folder, listed.get(file, Picture(file))) for file in files]


def log_files(files: Sequence[str], what: str) -> None:
    """Name some files in the log, where there are any."""
    if files:
        named = ", ".join(files[:_MOST_NAMED])
        more = f" and {len(files) - _MOST_NAMED} more" if len(files) > _MOST_NAMED else ""
        log.warning("%s: %s%s.", what, named, more)


def _walk(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            lower = name.lower()
            hidden = lower.startswith(".") or lower.endswith(MASK_SUFFIX)
            if not hidden and PurePosixPath(lower).suffix in SUFFIXES:
                yield (Path(place) / name).relative_to(folder).as_posix()


def _natural(text: str) -> list[tuple[int, str]]:
    parts = re.split(r"(\d+)", text)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _completed(campaign: Campaign, folder: Path, picture: Picture) -> Picture:
    """The picture with what the folder's list does not say of it."""
    path = folder / picture.file
    drawn_from = _prompt_in(path)
    prompt = picture.prompt or _beside(path) or drawn_from
    synthetic = picture.synthetic
    if synthetic is None and drawn_from is not None:
        synthetic = True
    label = picture.label or _label(picture.file, prompt, campaign)
    return replace(picture, prompt=prompt, label=label, synthetic=synthetic)


def _label(file: str, prompt: str | None, campaign: Campaign) -> str | None:
    # Training storage writes some letters of labels as %XX.
    folders = [unquote(parent.name) for parent in PurePosixPath(file).parents if parent.name]
    named = next((name for name in folders if name in campaign.labels), None)
    if named is not None:
        return named
    found = mentioned(prompt or "", campaign.labels, campaign.prompts.synonyms)
    return found[0] if len(found) == 1 else next(iter(folders), None)


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


def _read_list(folder: Path) -> dict[str, Picture]:
    """What a folder's list says of each file, by its path; nothing where it has no list."""
    found = [folder / name for name in LISTS if (folder / name).is_file()]
    if len(found) > 1:
        raise ConfigError(
            f"{folder} has more than one list of its pictures: "
            f"{', '.join(path.name for path in found)}.",
            hint="Leave one of them.",
        )
    pictures = [_listed(row, path, line) for path in found for line, row in _rows(path)]
    return {picture.file: picture for picture in pictures}


def _listed(row: Mapping[str, Any], path: Path, line: int) -> Picture:
    file = next((row[name] for name in _FILE_COLUMNS if row.get(name)), None)
    if not isinstance(file, str):
        raise _bad(path, line, "names no file", "Give each row the column `file`.")
    place = PurePosixPath(file.replace("\\", "/"))
    if place.is_absolute() or ".." in place.parts:
        raise _bad(path, line, f"names {file!r}", "Name files inside the folder.")
    said = {
        str(name): str(value).strip()
        for name, value in row.items()
        if isinstance(value, str | int | float) and str(value).strip() and name not in _FILE_COLUMNS
    }
    prompt, label, synthetic = (said.pop(name, None) for name in ("prompt", "label", "synthetic"))
    if synthetic is not None and synthetic.lower() not in _YES | _NO:
        raise _bad(path, line, f"has synthetic {synthetic!r}", "Write true or false.")
    drawn = None if synthetic is None else synthetic.lower() in _YES
    return Picture(str(place), prompt, label, drawn, said)


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
