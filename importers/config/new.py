"""A new campaign: a folder with a commented campaign.toml in it; or one for an existing project."""

from __future__ import annotations

import json
import re
from pathlib import Path

from importers.config.campaign import CAMPAIGN_FILE, PROJECT_FILE
from ls_backend.errors import ConfigError

EXAMPLE = Path(__file__).with_name("example_campaign.toml")
PROJECT_EXAMPLE = Path(__file__).with_name("example_project.toml")
_NAME = re.compile(r'^name = "(.*)"$', re.MULTILINE)
_PROJECT = re.compile(r"^project = \d+$", re.MULTILINE)
_LONGEST_NAME = 50


def new_campaign(folder: Path) -> Path:
    """Write the example campaign into a folder, under the folder's name; returns the file.

    Raises:
        ConfigError: there is a campaign or a project's file already, or the folder cannot be
            written.
    """
    _refuse_beside(folder / PROJECT_FILE)
    text = _named(EXAMPLE.read_text(encoding="utf-8"), folder.resolve().name)
    return _write(folder / CAMPAIGN_FILE, text)


def new_project_file(folder: Path, project: int) -> Path:
    """Write the example for a project that exists in Label Studio into a folder; returns the file.

    Args:
        project: Its number.

    Raises:
        ConfigError: there is a campaign or such a file already, or the folder cannot be written.
    """
    _refuse_beside(folder / CAMPAIGN_FILE)
    text = _named(PROJECT_EXAMPLE.read_text(encoding="utf-8"), folder.resolve().name)
    return _write(folder / PROJECT_FILE, _PROJECT.sub(f"project = {project}", text, count=1))


def _refuse_beside(other: Path) -> None:
    if other.exists():  # both would have the same ledger
        raise _is_there(other)


def _write(file: Path, text: str) -> Path:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(text)
    except FileExistsError as error:
        raise _is_there(error.filename) from None
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written: {error.strerror}.", hint="Choose a folder of your own."
        ) from None
    return file


def _is_there(file: Path | str) -> ConfigError:
    return ConfigError(
        f"{file} is there already.", hint="Choose another name; nothing was changed."
    )


def _named(text: str, name: str) -> str:
    line = f"name = {json.dumps(name[:_LONGEST_NAME], ensure_ascii=False)}"
    return _NAME.sub(lambda _: line, text, count=1) if name else text
