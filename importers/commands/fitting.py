"""How lines and tables fit the terminal, or 80 columns where there is none.

Lines break between words and go on below their text, not below its heading. A command of ours, an
address and a path stay whole, so that they can be copied. A table that is too wide becomes lines,
one for each of its rows. `COLUMNS` in the environment names another width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

_WORD = re.compile(
    # a command with its arguments
    r"ls-clip [a-z-]+(?: (?!-)\S+)?(?: --[a-z-]+(?: (?!-)\S+)?)*\S*"
    r"|\S+"
)
_LEAST_BESIDE = 30
"""Columns that are left for text beside a heading; in less, text goes on at the margin."""
_MARGIN = 2
_WIDE = 10_000


class Line(str):
    """A line with a heading, in rich's markup.

    Attributes:
        indent: Column of its text, at which it goes on.
    """

    indent: int

    def __new__(cls, text: str, indent: int) -> Line:
        made = super().__new__(cls, text)
        made.indent = indent
        return made


def print_line(console: Console, line: str, *, markup: bool = True, style: str = "") -> None:
    """Print one line, as several where it is too long.

    Args:
        line: A `Line`, or any text, which goes on below its first word.
        markup: Whether square brackets in it are rich's markup.
    """
    from rich.text import Text

    text = Text.from_markup(line, emoji=False) if markup else Text(line)
    indent = line.indent if isinstance(line, Line) else _leading(text.plain)
    for part in _parts(text, console.width, indent):
        console.print(part, style=style, soft_wrap=True)


def print_table(console: Console, table: Table) -> None:
    """Print a table; one that is too wide as lines, which name each value."""
    if _fit(console, table):
        console.print(table)
        return
    if table.title:
        print_line(console, str(table.title))
    for line in _row_lines(table):
        print_line(console, line)


def _parts(text: Text, width: int, indent: int) -> Iterator[Text]:
    """The lines that a text becomes."""
    from rich.text import Text

    if indent > width - _LEAST_BESIDE:
        indent = _MARGIN
    first, *others = text.divide(list(_breaks(text.plain, width, indent)))
    first.rstrip()
    yield first
    for part in others:
        part.rstrip()
        yield Text(" " * indent).append_text(part)


def _breaks(plain: str, width: int, indent: int) -> Iterator[int]:
    """Where lines after the first begin, as offsets in the text."""
    from rich.cells import cell_len

    start, before = 0, 0
    for word in _WORD.finditer(plain):
        too_long = before + cell_len(plain[start : word.end()]) > width
        is_first = word.start() <= (indent if start == 0 else start)
        if too_long and not is_first:
            start, before = word.start(), indent
            yield start


def _leading(plain: str) -> int:
    return len(plain) - len(plain.lstrip())


def _fit(console: Console, table: Table) -> bool:
    """Give each column what its words need, and what is left over to those that want more.

    Whether they fit: no word and no number is cut.
    """
    columns = [_needs(console, column) for column in table.columns]
    at_ease = console.options.update_width(_WIDE)
    between = console.measure(table, options=at_ease).maximum - sum(most for _, most in columns)
    left = console.width - between - sum(least for least, _ in columns)
    if left < 0:
        return False
    for column, (least, most) in zip(table.columns, columns, strict=True):
        more = min(left, most - least)
        column.width = least + more
        left -= more
    return True


def _needs(console: Console, column: Column) -> tuple[int, int]:
    """The columns of its longest word, and of its longest cell."""
    cells = [console.measure(console.render_str(str(c))) for c in (column.header, *column.cells)]
    return max(cell.minimum for cell in cells), max(cell.maximum for cell in cells)


def _row_lines(table: Table) -> Iterator[str]:
    names = [str(column.header) for column in table.columns]
    for row in zip(*(column.cells for column in table.columns), strict=True):
        first, *others = map(str, row)
        values = [f"{name} {value}" for name, value in zip(names[1:], others, strict=True) if value]
        yield Line(f"[bold]{first}[/]{':' if values else ''} {', '.join(values)}", _MARGIN)
