"""`ls-clip splits`: what lies in train, validation and test, and that no family is torn."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, JobPath, StoragePlace, storage_url
from importers.commands.group import CommandGroup
from importers.commands.output import MOST_LISTED, line, plain, show, size, watching
from ls_backend.words import count

if TYPE_CHECKING:
    from rich.table import Table

    from importers.training_storage.releases.verify import Fault, VerifyReport
    from importers.training_storage.split_check import SplitsReport, Torn

splits_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="See what lies in train, validation and test.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@splits_app.callback()
def _splits() -> None:
    """A group, though it has one command."""


@splits_app.command(epilog="Example: ls-clip splits check pets")
def check(path: JobPath, json: AsJson = False) -> None:
    """Prove that no family of the last release lies in two splits; count the samples of each.

    A family: the same picture, one prompt, one ancestor, or near duplicates. The exit code is 1
    where one is torn, or where a generated sample lies in test though \\[storage.splits] keeps them
    out; the samples are named.
    """
    from importers.config.job import load_job
    from importers.ledger import Ledger
    from importers.training_storage.split_check import check_splits

    job = load_job(path)
    with Ledger(job.ledger_path, writing=False) as ledger:
        report = check_splits(ledger, job.storage.splits)
    table = splits_table(report)
    show([table, "", *splits_lines(report, path)], report, json)
    raise typer.Exit(0 if report.right else 1)


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
    for empty in report.empty:
        lines += [line("empty", plain(empty.why)), line("", plain(empty.hint))]
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


def verify(
    storage: StoragePlace,
    release: Annotated[
        str | None, typer.Option(help="Only this release.", show_default="all there are")
    ] = None,
    json: AsJson = False,
) -> None:
    """Read every file in training storage and compare it with what its release says.

    Needs no Label Studio. Ends with exit code 1 where a file is missing, changed or extra.
    """
    from importers.training_storage.releases.verify import verify as verify_storage

    with watching() as watch:
        report = verify_storage(storage_url(storage), release, watch("Verifying"))
    show(verify_lines(report), report, json)
    if not report.is_whole:
        raise typer.Exit(1)


def verify_lines(report: VerifyReport) -> list[str]:
    """What was compared, and every kind of fault with what to do."""
    compared = f"{count(report.files, 'file')}, {size(report.bytes)}"
    lines = [line("compared", f"{compared}, of {count(len(report.releases), 'release')}")]
    lines += _fault_lines("missing", report.missing)
    lines += _fault_lines("changed", report.changed)
    lines += _path_lines("extra", report.extra)
    if report.leftovers:
        left = f"{count(report.leftovers, 'file')}, {size(report.leftover_bytes)}"
        lines.append(line("left", f"{left}, by a run that was killed or is at work; no fault"))
    if report.is_whole:
        return [*lines, line("", "[green]every file is as its release says[/]")]
    if report.missing or report.changed:
        lines.append(line("next", "delete what is changed, then: ls-clip sync CAMPAIGN --full"))
        lines.append(line("", "it writes a new release with everything that is approved"))
    if report.extra:
        lines.append(line("next", "move the extra files elsewhere: ls-clip did not write them"))
    return lines


def _fault_lines(kind: str, faults: Sequence[Fault]) -> list[str]:
    return _path_lines(kind, [f"{fault.path} (of {fault.release})" for fault in faults])


def _path_lines(kind: str, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    lines = [line(kind, f"[red]{count(len(paths), 'file')}[/]")]
    lines += [line("", plain(path)) for path in paths[:MOST_LISTED]]
    if len(paths) > MOST_LISTED:
        lines.append(line("", f"and {len(paths) - MOST_LISTED:,} more; all are in --json"))
    return lines
