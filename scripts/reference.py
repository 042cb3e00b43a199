"""Write docs/commands.md from the commands' help, and docs/campaign.md from the models of
the files that people write.

    python -m scripts.reference        (or: make docs)

What a command, an option or a key means is said once, in the code: in the docstring of a command,
the help of an option, and the docstring below a key of a model in importers/config. The pages are
the same whatever the terminal and the version of Python.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from importers import cli
from importers.config.campaign import Campaign
from importers.config.job import ProjectFile
from importers.config.storage_sections import ApprovalSettings, StorageSettings

DOCS = Path(__file__).parents[1] / "docs"

_COMMANDS = """\
# Commands

<!-- Made from the commands' help. Change that, then: make docs -->

`ls-clip COMMAND --help` shows the same in a terminal. Where Label Studio is, and every key, comes
from the environment: `LABEL_STUDIO_URL`, `LABEL_STUDIO_API_KEY`, and those of the
[generators](generators.md) and the [ML backend](ml-backend.md).
"""
_FILES = """\
# campaign.toml and project.toml

<!-- Made from the models in importers/config. Change those, then: make docs -->

`ls-clip new NAME` writes a campaign.toml with every key and a comment; with `--project NUMBER`, a
project.toml for a project of Label Studio that exists already. A key that is not known is refused,
and the nearest one named. All keys of tables have defaults, unless they are called required.
"""
_CAMPAIGN = "## campaign.toml\n\nWhat to draw, who draws it, how it is checked, and where it goes."
_PROJECT = (
    "## project.toml\n\nA project that `ls-clip` did not make, whose approved pictures it stores."
)
_SAME = "`[review.approval]`, `[storage]` and `[storage.splits]` are those of campaign.toml."

_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    Decimal: "number",
    bool: "true or false",
    Path: "path",
}
_LIMITS = ("ge", "gt", "le", "lt", "min_length", "max_length")
_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


def main() -> None:
    """Write the pages."""
    for name, text in pages().items():
        (DOCS / name).write_text(text, encoding="utf-8", newline="\n")


def pages() -> dict[str, str]:
    """File in docs → its text."""
    return {"commands.md": _page(_commands_page()), "campaign.md": _page(_campaign_page())}


def commands() -> dict[str, Any]:
    """What is typed → the command, sub-commands after their group, `ls-clip` itself first."""
    return dict(_below("ls-clip", typer.main.get_command(cli.app)))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    yield name, command
    for word, sub in getattr(command, "commands", {}).items():
        yield from _below(f"{name} {word}", sub)


def _commands_page() -> Iterator[str]:
    (_, whole), *others = commands().items()
    yield _COMMANDS
    yield from _prose(whole.help.partition("\n\n")[2])
    yield _table(("Option", "Type", "Default", "Meaning"), map(_parameter, whole.params))
    panels = dict.fromkeys(command.rich_help_panel for command in whole.commands.values())
    for panel in panels:
        words = [w for w, command in whole.commands.items() if command.rich_help_panel == panel]
        rows = (
            (f"[`{name}`](#{name.replace(' ', '-')})", _text(command.help.partition("\n\n")[0]))
            for name, command in others
            if name.split()[1] in words and not hasattr(command, "commands")
        )
        yield _table((panel, "What it does"), rows)
    for name, command in others:
        yield f"{'#' * name.count(' ')}# {name}"
        yield from _prose(command.help)
        if not hasattr(command, "commands"):
            named = [_name(p) for p in command.params if p.param_type_name == "argument"]
            required = [p.required for p in command.params if p.param_type_name == "argument"]
            asked = [n if r else f"[{n}]" for n, r in zip(named, required, strict=True)]
            yield f"```\n{' '.join([name, *asked, '[OPTIONS]'])}\n```"
        rows = [_parameter(p) for p in command.params if not p.hidden]
        if rows:
            yield _table(("Argument or option", "Type", "Default", "Meaning"), rows)
        if command.epilog:
            yield re.sub(r"^Example: (.*)$", r"Example: `\1`", command.epilog)


def _name(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _parameter(parameter: Any) -> Sequence[str]:
    """A row: name, type, default, meaning."""
    option = parameter.param_type_name == "option"
    names = [*parameter.opts, *parameter.secondary_opts] if option else [_name(parameter)]
    flag = option and parameter.is_flag
    bounds = {"ge": getattr(parameter, "min", None), "le": getattr(parameter, "max", None)}
    kind = "" if flag else _kind(parameter.type_descriptor.annotation) + _range(bounds)
    default = ""
    if parameter.required:
        default = "required"
    elif isinstance(parameter.show_default, str):
        default = _text(parameter.show_default)
    elif flag:
        default = f"`{names[0]}`" if parameter.default else ""
    elif parameter.default is not None:
        default = _value(parameter.default).replace('"', "")
    return ", ".join(f"`{name}`" for name in names), kind, default, _text(parameter.help or "")


def _prose(text: str) -> Iterator[str]:
    """Paragraphs; one that starts with click's mark for lines to keep becomes a block of code."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b"):
            kept = paragraph.removeprefix("\b").strip("\n")
            yield f"```\n{kept}\n```"
        else:
            yield _text(re.sub(r":\n(ls-clip .*)", r": `\1`", paragraph))


def _campaign_page() -> Iterator[str]:
    yield from (_FILES, _CAMPAIGN)
    yield from _keys(Campaign)
    yield _PROJECT
    yield from _keys(ProjectFile, elsewhere=(ApprovalSettings, StorageSettings))
    yield _SAME


def _keys(
    model: type[BaseModel], place: str = "", elsewhere: Sequence[type[BaseModel]] = ()
) -> Iterator[str]:
    """The table of a model's keys, then those of the models in it, each under a heading."""
    told, rows, below = meanings(model), [], []
    for key, field in model.model_fields.items():
        inner = [m for m in _models(field.annotation) if m not in elsewhere]
        below += [(f"{place}.{key}".strip("."), m) for m in inner]
        if not field.exclude and not _models(field.annotation):
            kind = _kind(field.annotation, field.metadata)
            default = "required" if field.is_required() else _value(field.default)
            rows.append((f"`{key}`", kind, default, _text(told.get(key, ""))))
    yield _table(("Key", "Type", "Default", "Meaning"), rows)
    for path, inner_model in below:
        several = sum(path == other for other, _ in below) > 1
        names = get_args(inner_model.model_fields["name"].annotation) if several else ()
        yield f"### [[{path}]]: {', '.join(names)}" if several else f"### [{path}]"
        about = inspect.cleandoc(inner_model.__doc__ or "")
        yield from _prose(re.sub(r"^`\[.*?\]`: (.)", lambda m: m[1].upper(), about))
        yield from _keys(inner_model, path, elsewhere)


def meanings(model: type[BaseModel]) -> dict[str, str]:
    """Key → the docstring below it. Read from the source, so that no command waits for it."""
    [definition] = ast.parse(inspect.getsource(model)).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for field, text in pairwise(definition.body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = text.value if isinstance(text, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                found[field.target.id] = inspect.cleandoc(value.value)
    return found


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a key's value is made of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]


def _kind(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """A type in words, with its range."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        inner = [m for f in parts[1:] for m in (f.metadata if isinstance(f, FieldInfo) else [f])]
        return _kind(parts[0], [*inner, *metadata])
    if origin in (Union, UnionType):
        [part] = [part for part in parts if part is not NoneType]
        return _kind(part, metadata)
    if origin is Literal:
        *most, last = [_value(value) for value in parts]
        return f"{', '.join(most)} or {last}"
    bounds = {n: getattr(m, n) for m in metadata for n in _LIMITS if hasattr(m, n)}
    if origin is list:
        return f"list of {_kind(parts[0])}" + (", not empty" if bounds.get("min_length") else "")
    if origin is dict:
        return "table" if parts[1] is Any else f"table, each value a {_kind(parts[1])}"
    if "min_length" in bounds:
        return f"{_WORDS[annotation]}, {bounds['min_length']} to {bounds['max_length']} characters"
    return _WORDS[annotation] + _range(bounds)


def _range(bounds: Mapping[str, float | None]) -> str:
    said = {name: _number(bound) for name, bound in bounds.items() if bound is not None}
    if {"ge", "le"} <= said.keys():
        return f", {said['ge']} to {said['le']}"
    return "".join(f", {word.format(said[name])}" for name, word in _BOUNDS.items() if name in said)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def _value(value: Any) -> str:
    """A default as it stands in TOML; nothing where there is none."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"`{_number(value)}`"
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _text(text: str) -> str:
    """Text in one line as Markdown: what is not between backticks is no markup."""
    parts = " ".join(text.replace("\\[", "[").split()).split("`")
    plain = [re.sub(r"\*|\b_|_\b", r"\\\g<0>", part.replace("<", "&lt;")) for part in parts[::2]]
    parts[::2] = plain
    return "`".join(parts)


def _page(parts: Iterable[str]) -> str:
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


if __name__ == "__main__":
    main()
