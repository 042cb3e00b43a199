"""A new campaign: a folder with a commented campaign.toml in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from importers.campaign import CAMPAIGN_FILE
from ls_backend.errors import ConfigError

EXAMPLE = Path(__file__).with_name("example_campaign.toml")
_NAME = re.compile(r'^name = "(.*)"$', re.MULTILINE)
_LONGEST_NAME = 50


def new_campaign(folder: Path) -> Path:
    """Write the example campaign into a folder, under the folder's name; returns the file.

    Raises:
        ConfigError: there is a campaign already, or the folder cannot be written.
    """
    file = folder / CAMPAIGN_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as new:
            new.write(_named(EXAMPLE.read_text(encoding="utf-8"), folder.resolve().name))
    except FileExistsError as error:
        raise ConfigError(
            f"{error.filename} is there already.", hint="Choose another name; nothing was changed."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written: {error.strerror}.", hint="Choose a folder of your own."
        ) from None
    return file


def _named(text: str, name: str) -> str:
    line = f"name = {json.dumps(name[:_LONGEST_NAME], ensure_ascii=False)}"
    return _NAME.sub(lambda _: line, text, count=1) if name else text
