"""What commands show: reports on stdout; progress and messages on stderr.

With `--json` stdout is exactly one JSON object; what is for people fits the terminal. Progress is a
bar in a terminal, and a line for every tenth of the way elsewhere.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from importers.commands.fitting import Line, print_line, print_table
from importers.progress import PaidProgress
from ls_backend.words import dollars

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.table import Table

Watch = Callable[[str], PaidProgress]
"""Gives the progress of a named step."""

MOST_LISTED = 10
"""The largest number of items that a report lists one by one."""


def out() -> Console:
    """The console for reports."""
    from rich.console import Console

    return Console(highlight=False)


def err() -> Console:
    """The console for progress, messages and errors."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def tell(text: str) -> None:
    """Print a message on stderr, as it stands."""
    print_line(err(), text, markup=False)


def as_json(report: Any) -> str:
    """A report dataclass as one line of JSON; money becomes a number."""
    return json.dumps(dataclasses.asdict(report), default=_json_value, ensure_ascii=False)


def show(lines: Iterable[str | Table], report: Any = None, json_only: bool = False) -> None:
    """Print the lines made for people, or with `json_only` the report alone."""
    if json_only:
        print(as_json(report), flush=True)  # whoever reads a pipe waits for it
        return
    from rich.table import Table

    console = out()
    for line in lines:
        if isinstance(line, Table):
            print_table(console, line)
        else:
            print_line(console, line)


def line(stage: str, text: str) -> str:
    """A line of a report: what it is about, and what there is to say."""
    return Line(f"[bold]{stage:<10}[/] {text}", indent=11)


def plain(text: object) -> str:
    """Text that may hold anything, with nothing in it taken for markup."""
    from rich.markup import escape

    return escape(str(text))


def next_step(text: str) -> list[str]:
    """A last line that says what to do now."""
    return ["", f"Next: {text}"]


def size(number: int) -> str:
    """A number of bytes, in the unit that fits."""
    if number < 1_000_000:
        return f"{number / 1000:,.1f} kB"
    return f"{number / 1_000_000:,.1f} MB" if number < 1_000_000_000 else f"{number / 1e9:,.1f} GB"


def cost(cost_usd: Decimal, unpriced: int) -> str:
    """US dollars, and how many of what was paid for have no known price."""
    amount = dollars(cost_usd)
    return f"{amount}, and the price of {unpriced:,} is not known" if unpriced else amount


@contextmanager
def watching() -> Iterator[Watch]:
    """Show messages and progress on stderr while the block runs."""
    console = err()
    with messages_to(console), progress_on(console) as watch:
        yield watch


@contextmanager
def progress_on(console: Console) -> Iterator[Watch]:
    """Show progress while the block runs: bars that go with it, or lines."""
    if sys.stderr.isatty():
        with _bars(console) as watch:
            yield watch
    else:
        yield _lines(console)


@contextmanager
def _bars(console: Console) -> Iterator[Watch]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        ProgressColumn,
        Task,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            return Text(rate(task.speed))

    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        Rate(),
        TextColumn("{task.fields[spent]}"),
        TimeRemainingColumn(),
    )
    # An image may take a minute: a rate over rich's 30 s would be of one or none.
    bar = Progress(*columns, console=console, transient=True, speed_estimate_period=300)
    with bar:
        yield lambda step: _on_bar(bar, step)


def rate(per_second: float | None) -> str:
    """A speed for people, in whichever unit gives more than one; empty before it is known."""
    if not per_second:
        return ""
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{per_second * 60:.1f}/min"


def _on_bar(bar: Bar, step: str) -> PaidProgress:
    task = bar.add_task(step, visible=False, spent="")

    def progress(done: int, total: int, spent: str = "", /) -> None:
        bar.update(task, completed=done, total=total, visible=total > 0, spent=spent)

    return progress


def _lines(console: Console) -> Watch:
    def watch(step: str) -> PaidProgress:
        shown = 0

        def progress(done: int, total: int, spent: str = "", /) -> None:
            nonlocal shown
            tenth = done * 10 // total if total else 0
            if tenth > shown:
                shown = tenth
                console.print(f"{step}: {done} of {total}{spent and f', {spent}'}")

        return progress

    return watch


@contextmanager
def messages_to(console: Console) -> Iterator[None]:
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
        print_line(self._console, self.format(record), markup=False)


def _json_value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, Path | date):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in a report")
