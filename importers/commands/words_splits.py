"""The splits of a training set in words."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from importers.commands.markup import count, line, plain

if TYPE_CHECKING:
    from rich.table import Table

    from importers.training_storage.split_check import SplitsReport, Torn

_MOST_NAMED = 20
_SPLITS = ("train", "validation", "test")


def splits_table(report: SplitsReport) -> Table:
    """Samples by label and split, their shares, and the shares wanted."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("label")
    for name in (*_SPLITS, "all"):
        table.add_column(name, justify="right")
    for label, numbers in report.labels.items():
        table.add_row(plain(label), *_counts(numbers))
    table.add_row("[bold]all[/]", *_counts(report.splits))
    samples = report.samples or 1
    table.add_row("share", *(f"{report.splits[name] / samples:.1%}" for name in _SPLITS))
    table.add_row("wanted", *(f"{report.wanted[name]:.1%}" for name in _SPLITS))
    return table


def splits_lines(report: SplitsReport, path: Path) -> list[str]:
    """How large families are, and everything that is wrong."""
    if not report.samples:
        return [line("splits", f"nothing is released yet: {_sync(path)}")]
    largest = f"the largest has {count(report.largest_family, 'sample')}"
    lines = [line("families", f"{report.families:,}; {largest}")]
    if report.without_vector:
        unseen = f"{count(report.without_vector, 'sample')} without a CLIP vector"
        lines.append(line("", f"{unseen}: not looked at for near duplicates"))
    lines += [line("torn", _torn(tear)) for tear in report.torn[:_MOST_NAMED]]
    lines += _more(len(report.torn))
    lines += [
        line("in test", f"sample {plain(key)} is generated")
        for key in report.synthetic_in_test[:_MOST_NAMED]
    ]
    lines += _more(len(report.synthetic_in_test))
    if report.right:
        return [*lines, line("", "[green]no family lies in two splits[/]")]
    return [*lines, line("", f"the next sync puts each family into one split: {_sync(path)}")]


def _counts(numbers: Mapping[str, int]) -> list[str]:
    return [*(f"{numbers[name]:,}" for name in _SPLITS), f"{sum(numbers.values()):,}"]


def _torn(tear: Torn) -> str:
    splits = " and ".join(tear.splits)
    samples = _listed(tear.samples)
    return f"[red]{plain(tear.kinship)}[/] {plain(tear.by)} in {splits}: {samples}"


def _listed(keys: Sequence[str]) -> str:
    more = len(keys) - _MOST_NAMED
    named = ", ".join(map(plain, keys[:_MOST_NAMED]))
    return f"{named} and {more:,} more" if more > 0 else named


def _more(number: int) -> list[str]:
    if number <= _MOST_NAMED:
        return []
    return [line("", f"and {number - _MOST_NAMED:,} more; --json names all")]


def _sync(path: Path) -> str:
    return f"ls-clip sync {plain(shlex.quote(str(path)))}"
