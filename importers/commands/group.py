"""How a command is found, and how what goes wrong is told: the same for every command.

An error is two lines on stderr, what happened and what to do. With `--json` it is also the one
JSON object on stdout: `{"error": {"code", "message", "hint"}}`. The exit statuses are named here.
"""

from __future__ import annotations

import difflib
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from importers.commands.fitting import Line, print_line
from importers.commands.output import err, tell
from ls_backend.errors import LsClipError

FAILED = 1
ENDED_EARLY = 3
"""By a cap of [budget], or because samples were given up."""
INTERRUPTED = 130

_MEANT = {
    "check": ("verify",),
    "create": ("new",),
    "explain": ("doctor --task",),
    "export": ("sync",),
    "gc": ("prune",),
    "init": ("new",),
    "list": ("status",),
    "splits": ("verify",),
}
"""Words that people try → the commands that they mean."""


class CommandGroup(TyperGroup):
    """Runs a command; what goes wrong becomes two lines on stderr and an exit status."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for command in self.commands.values():
            command.help = _paragraphs(command.help)

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Parse the arguments, run the command, and exit with its status."""
        given = arguments[0] if arguments else options.get("args")
        as_json = wants_json(sys.argv[1:] if given is None else given)
        try:
            status = super().main(*arguments, **{**options, "standalone_mode": False})
        except typer.TyperException as error:
            tell_usage(error, as_json)
            status = error.exit_code
        except LsClipError as error:
            tell_error(error.message, error.hint, error.code, as_json)
            status = FAILED
        except OSError as error:
            hint = "Check that it exists, may be written, and has space left."
            tell_error(_reason(error), hint, "operating_system", as_json)
            status = FAILED
        sys.exit(status)

    def invoke(self, ctx: Any) -> Any:
        """Run the command that the arguments name."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            tell(str(stop) or "Stopped.")
            raise typer.Exit(INTERRUPTED) from None

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the first argument names; an unknown word brings suggestions."""
        word = args[0]
        if self.get_command(ctx, word) is None and not word.startswith("-"):
            near = ", ".join(self._suggestions(ctx, word))
            ctx.fail(f"There is no command {word}{f'; did you mean: {near}' if near else ''}.")
        return super().resolve_command(ctx, args)

    def _suggestions(self, ctx: Any, word: str) -> list[str]:
        """What may be meant, as it is typed."""
        root = ctx.find_root()
        everywhere = dict(_paths(root.command, root.command_path))
        found: dict[str, None] = {}
        for name in (*_MEANT.get(word, ()), word):
            command, *options = name.split()
            own = [f"{ctx.command_path} {command}"] if command in self.commands else []
            paths = own or [path for path, last in everywhere.items() if last == command]
            found |= dict.fromkeys(" ".join([path, *options]) for path in paths)
        if not found:
            near = difflib.get_close_matches(word, self.commands)
            found |= dict.fromkeys(f"{ctx.command_path} {name}" for name in near)
        if not found:
            near = difflib.get_close_matches(word, set(everywhere.values()))
            found |= dict.fromkeys(path for path, last in everywhere.items() if last in near)
        return list(found)


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether an error is to be told as JSON, also where the arguments cannot be parsed."""
    return "--json" in arguments


def tell_error(message: str, hint: str, code: str, as_json: bool) -> None:
    """Show what went wrong and what to do now."""
    console = err()
    print_line(console, Line(f"Error: {message}", 7), markup=False, style="bold red")
    print_line(console, Line(f"Hint: {hint}", 6), markup=False)
    if as_json:
        error = {"code": code, "message": message, "hint": hint}
        print(json.dumps({"error": error}, ensure_ascii=False), flush=True)


def tell_usage(error: typer.TyperException, as_json: bool) -> None:
    """Show what is wrong with the arguments; nothing where help was shown instead."""
    message = error.format_message()
    if message:
        ctx: typer.Context | None = getattr(error, "ctx", None)
        path = ctx.command_path if ctx else "ls-clip"
        tell_error(message, f"{path} --help shows how it is called.", "usage", as_json)


def _paragraphs(text: str | None) -> str | None:
    """A help text whose paragraphs fit any terminal: each in one line, but for tables."""
    if text is None:
        return None
    paragraphs = text.split("\n\n")
    return "\n\n".join(p if p.startswith("\b") else " ".join(p.split()) for p in paragraphs)


def _paths(command: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every command below one, as it is typed, and the last word of that."""
    for name, child in getattr(command, "commands", {}).items():
        yield f"{path} {name}", name
        yield from _paths(child, f"{path} {name}")


def _reason(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}." if error.filename else f"{error}."
