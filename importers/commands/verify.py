"""`ls-clip verify`: whether training storage is what it says, and no family is in two splits."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, StoragePlace, campaign_path, storage_url
from importers.commands.group import FAILED
from importers.commands.output import MOST_LISTED, line, plain, show, size, watching
from ls_backend.words import count

if TYPE_CHECKING:
    from rich.table import Table

    from importers.training_storage.releases.split_check import SplitsReport, Torn
    from importers.training_storage.releases.verify import Fault, VerifyReport

_MOST_NAMED = 20
_SPLITS = ("train", "validation", "test")


def verify(
    storage: StoragePlace,
    release: Annotated[
        str | None, typer.Option(help="Only this release.", show_default="all there are")
    ] = None,
    json: AsJson = False,
) -> None:
    """Compare every file in training storage with its release, and prove that splits are apart.

    Needs no Label Studio. The exit status is 1 where a file is missing, changed or extra; where a
    family (the same picture, one prompt, one ancestor, or near duplicates) of the newest release
    lies in two splits; or where a generated sample lies in test though \\[storage.splits] keeps
    them out. Where the storage itself is named, near duplicates and settings are not known.
    """
    from importers.training_storage.releases.verify import verify as verify_storage

    with watching() as watch:
        url = storage_url(storage)
        report = verify_storage(url, release, watch("Verifying"))
        if report.releases:
            splits = _splits(storage, url, report.releases[0])
            report = dataclasses.replace(report, splits=splits)
    splits_shown = _splits_shown(report.splits, storage)
    show([*verify_lines(report), "", *splits_shown], report, json)
    if not (report.is_whole and (report.splits is None or report.splits.right)):
        raise typer.Exit(FAILED)


def _splits(storage: str, url: str, release: str) -> SplitsReport | None:
    """The splits of a release, with what its campaign knows; None where it cannot be read."""
    from importers.config.job import load_job
    from importers.ledger import Ledger
    from importers.training_storage.releases.split_check import check_splits
    from ls_backend.errors import StorageError

    path = campaign_path(storage)
    job = load_job(path) if path else None
    try:
        if job is None:
            return check_splits(url, release)
        with Ledger(job.ledger_path, writing=False) as ledger:
            return check_splits(url, release, job.storage.splits, ledger)
    except StorageError:  # the files that are at fault are named already
        return None


def _splits_shown(report: SplitsReport | None, storage: str) -> list[str | Table]:
    if report is None:
        return [line("splits", "[yellow]not looked at: the release cannot be read[/]")]
    path = campaign_path(storage)
    return [splits_table(report), "", *splits_lines(report, path)]


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
    if report.wanted:
        table.add_row("wanted", *(f"{report.wanted[name]:.1%}" for name in _SPLITS))
    return table


def splits_lines(report: SplitsReport, path: Path | None) -> list[str]:
    """How large families are, and everything that is wrong.

    Args:
        path: The campaign or project; None where only the storage is known.
    """
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


def _sync(path: Path | None) -> str:
    return f"ls-clip sync {plain(shlex.quote(str(path))) if path else 'CAMPAIGN'}"
