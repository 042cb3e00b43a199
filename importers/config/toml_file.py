"""TOML file → checked values; what is wrong with it is said with its place and the nearest key."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ls_backend.errors import ConfigError

Location = tuple[int | str, ...]
Sections = Callable[[Location], type[BaseModel]]


def read_toml(file: Path, absent: ConfigError) -> dict[str, Any]:
    """The values of a file.

    Raises:
        ConfigError: it is no TOML, or has a key `folder`, or cannot be read; `absent` where there
            is none.
    """
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise absent from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file} is not written in UTF-8: byte {error.start} cannot be read.",
            hint="Save it as UTF-8, then run it again.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.", hint="Check the path and its permissions."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{file} is not valid TOML: {error}", hint="Mend that line, then run it again."
        ) from None
    if "folder" in values:
        raise ConfigError(
            f"{file}: unknown key 'folder'.", hint="A campaign's folder is where its file lies."
        )
    return values


def as_config_error(
    file: Path,
    error: ValidationError,
    section_at: Sections,
    *,
    place: Callable[[Location], str] = lambda location: ".".join(map(str, location)),
    reasons: Mapping[str, str] | None = None,
) -> ConfigError:
    """What pydantic found, for people.

    Args:
        section_at: Location of a table → its model, for the keys that it knows.
        place: Location → how people call it.
        reasons: Kind of error → words that go before pydantic's own.
    """
    # A misspelt key is also a missing one: the misspelling is what helps.
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda found: found["type"] != "extra_forbidden")
    where = place(first["loc"])
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        hint = _nearest_key(str(first["loc"][-1]), section_at(first["loc"][:-1]))
        return ConfigError(f"{file}: unknown key {where!r}{more}.", hint=hint)
    if first["type"] == "missing":
        return ConfigError(
            f"{file}: {where!r} is missing{more}.",
            hint="Add it; `ls-clip new` writes an example of every key.",
        )
    reason = (reasons or {}).get(first["type"], first["msg"].removeprefix("Value error, "))
    return ConfigError(
        f"{file}: {where}{': ' * bool(where)}{reason}{more}.",
        hint="Mend that value, then run it again.",
    )


def section_below(root: type[BaseModel], location: Location) -> type[BaseModel]:
    """The model of the table at a location."""
    section = root
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return section


def _nearest_key(key: str, section: type[BaseModel]) -> str:
    known = [name for name in section.model_fields if name != "folder"]
    near = difflib.get_close_matches(key, known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known keys here: {', '.join(known)}."
