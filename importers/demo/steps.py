"""What the demo does now and how long it took: a live line in a terminal, else plain lines."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from importers.progress import PaidProgress

if TYPE_CHECKING:
    from rich.console import Console


class Steps:
    """Shows one step after the other; `current` is what was going on when something failed."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.current = ""
        self._started = time.monotonic()

    @property
    def seconds(self) -> float:
        """Since the first step could have begun."""
        return time.monotonic() - self._started

    @contextmanager
    def step(self, title: str) -> Iterator[PaidProgress]:
        """Show a step while the block runs; yields where the block reports its progress."""
        self.current = title
        started = time.monotonic()
        with self._live(title) if self.console.is_terminal else self._plain(title) as progress:
            yield progress
        took = f"{time.monotonic() - started:.0f} s"
        self.console.print(f"[green]✓[/] {title} [dim]{took}[/]", highlight=False)

    @contextmanager
    def _live(self, title: str) -> Iterator[PaidProgress]:
        from rich import progress as shown

        title_column = shown.TextColumn("{task.description}")
        columns = (shown.SpinnerColumn(), title_column, shown.TimeElapsedColumn())
        counted = (shown.BarColumn(bar_width=24), shown.MofNCompleteColumn())
        with shown.Progress(*columns, console=self.console, transient=True) as bar:
            task = bar.add_task(title, total=None)

            def progress(done: int, total: int, _spent: str = "", /) -> None:
                bar.columns = (*columns, *counted)
                bar.update(task, completed=done, total=total)

            yield progress

    @contextmanager
    def _plain(self, title: str) -> Iterator[PaidProgress]:
        self.console.print(f"[dim]…[/] {title}", highlight=False)
        shown = 0

        def progress(done: int, total: int, _spent: str = "", /) -> None:
            nonlocal shown
            quarter = done * 4 // total if total else 0
            if shown < quarter < 4:
                self.console.print(f"    {done} of {total}", highlight=False)
            shown = quarter

        yield progress
