"""What commands show: reports on stdout; progress and messages on stderr.

With `--json` stdout is exactly one JSON object. Progress is a bar in a terminal, and a line for
every tenth of the way elsewhere.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importers.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.progress import Progress as Bar

Watch = Callable[[str], Progress]
"""Gives the progress of a named step."""


def out() -> Console:
    """The console for reports."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=True)


def err() -> Console:
    """The console for progress, messages and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)


def as_json(report: Any) -> str:
    """A report dataclass as one line of JSON; money becomes a number."""
    return json.dumps(dataclasses.asdict(report), default=_plain, ensure_ascii=False)


def show(lines: Iterable[RenderableType], report: Any = None, json_only: bool = False) -> None:
    """Print the lines made for people, or with `json_only` the report alone."""
    if json_only:
        print(as_json(report))
        return
    console = out()
    for line in lines:
        console.print(line)


@contextmanager
def watching() -> Iterator[Watch]:
    """Show messages and progress on stderr while the block runs."""
    if sys.stderr.isatty():
        with _bars() as watch:
            yield watch
    else:
        with _messages_to(err()):
            yield _lines(err())


@contextmanager
def _bars() -> Iterator[Watch]:
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    console = err()
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True) as bar, _messages_to(console):
        yield lambda step: _on_bar(bar, step)


def _on_bar(bar: Bar, step: str) -> Progress:
    task = bar.add_task(step, visible=False)

    def progress(done: int, total: int) -> None:
        bar.update(task, completed=done, total=total, visible=total > 0)

    return progress


def _lines(console: Console) -> Watch:
    def watch(step: str) -> Progress:
        shown = 0

        def progress(done: int, total: int) -> None:
            nonlocal shown
            tenth = done * 10 // total if total else 0
            if tenth > shown:
                shown = tenth
                console.print(f"{step}: {done} of {total}")

        return progress

    return watch


@contextmanager
def _messages_to(console: Console) -> Iterator[None]:
    """Show log messages of our packages from INFO, and of all others from WARNING."""
    handler = _ConsoleHandler(console)
    root = logging.getLogger()
    ours = [logging.getLogger(name) for name in ("importers", "ls_backend")]
    before = [logger.level for logger in ours]
    root.addHandler(handler)
    for logger in ours:
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(handler)
        for logger, level in zip(ours, before, strict=True):
            logger.setLevel(level)


class _ConsoleHandler(logging.Handler):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(self.format(record), markup=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a report")
