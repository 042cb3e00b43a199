"""`ls-clip classes`: the classes of the training set, and what becomes of old labels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, JobPath, opened_job
from importers.commands.group import CommandGroup
from importers.commands.output import line, plain, show
from ls_backend.words import count

if TYPE_CHECKING:
    from rich.table import Table

    from importers.training_storage.class_report import ClassDecision, ClassesReport, ClassRow

Old = Annotated[
    str, typer.Argument(metavar="OLD", help="A label that is gone.", show_default=False)
]
New = Annotated[
    str, typer.Argument(metavar="NEW", help="The label that it counts as.", show_default=False)
]

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="See the classes of the training set, and say what becomes of labels that are gone.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list", epilog="Example: ls-clip classes list pets")
def list_(path: JobPath, json: AsJson = False) -> None:
    """Show the number, the label and the samples of each class, retired ones too."""
    from importers.config.job import load_job
    from importers.ledger import Ledger
    from importers.training_storage.class_report import configured_labels, list_classes

    job = load_job(path)
    with Ledger(job.ledger_path, writing=False) as ledger:
        report = list_classes(ledger, configured_labels(job, ledger))
    table = classes_table(report)
    show([table, *classes_lines(report, path)], report, json)


@app.command("map", epilog="Example: ls-clip classes map pets cat kitten")
def map_(path: JobPath, old: Old, new: New, json: AsJson = False) -> None:
    """Say that a label that is gone counts as another one: a rename, or a merge.

    NEW takes OLD's number where it has none yet; else OLD's number is retired.
    Annotations go on saying OLD. The training set is changed by the next sync.
    """
    from importers.training_storage.class_report import configured_labels, map_class

    with opened_job(path) as (job, ledger):
        report = map_class(ledger, configured_labels(job, ledger), old, new)
    show(decision_lines(report, path), report, json)


@app.command(epilog="Example: ls-clip classes drop pets fish")
def drop(path: JobPath, old: Old, json: AsJson = False) -> None:
    """Say that the samples of a label that is gone leave; its number is retired for ever.

    The training set is changed by the next sync. Until then `classes map` still keeps them.
    """
    from importers.training_storage.class_report import configured_labels, drop_class

    with opened_job(path) as (job, ledger):
        report = drop_class(ledger, configured_labels(job, ledger), old)
    show(decision_lines(report, path), report, json)


def classes_table(report: ClassesReport) -> Table:
    """One row for each class, by number."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("number", justify="right")
    table.add_column("label")
    table.add_column("samples", justify="right")
    table.add_column("")
    for row in report.classes:
        label = "" if row.label is None else plain(row.label)
        table.add_row(str(row.number), label, f"{row.samples:,}", _state(row))
    return table


def classes_lines(report: ClassesReport, path: Path) -> list[str]:
    """What was decided, and what is to be decided."""
    lines = [line("decided", _decided(*pair)) for pair in report.decisions.items()]
    campaign = plain(shlex.quote(str(path)))
    for row in report.classes:
        if row.state == "gone":
            old = plain(shlex.quote(row.label or ""))
            lines.append(line("to decide", f"ls-clip classes map {campaign} {old} NEW"))
            lines.append(line("", f"or: ls-clip classes drop {campaign} {old}"))
    if not any(row.state != "new" for row in report.classes):
        lines.append(line("", "nothing is released yet; the first sync makes the list"))
    return lines


def decision_lines(report: ClassDecision, path: Path) -> list[str]:
    """What the next sync will do."""
    samples, old = count(report.samples, "sample"), plain(report.label)
    if report.becomes is None:
        lines = [line("dropped", f"{old}: {samples} will leave the training set")]
        if report.number is not None:
            lines.append(line("", f"number {report.number} is retired for ever"))
    else:
        counts_as = f"{old} counts as {plain(report.becomes)}: {samples}"
        lines = [line("mapped", counts_as), line("", _numbers(report))]
    sync = f"ls-clip sync {plain(shlex.quote(str(path)))}"
    return [*lines, line("", f"nothing is changed before the next sync: {sync}")]


def _numbers(report: ClassDecision) -> str:
    new = plain(report.becomes)
    if report.number is None:
        return f"{new} has the number {report.becomes_number}"
    if report.number == report.becomes_number:
        return f"{new} takes its number, {report.number}"
    retired = f"number {report.number} is retired for ever"
    return f"{new} has the number {report.becomes_number}; {retired}"


def _state(row: ClassRow) -> str:
    becomes = plain(row.becomes)
    return {
        "in use": "",
        "retired": "[dim]retired[/]",
        "gone": "[yellow]no label any more, undecided[/]",
        "renamed": f"from the next sync on: {becomes}",
        "merged": f"from the next sync on retired; counts as {becomes}",
        "dropped": "from the next sync on retired; its samples leave",
        "new": "from the next sync on",
    }[row.state]


def _decided(old: str, new: str | None) -> str:
    if new is None:
        return f"samples of {plain(old)} leave"
    return f"{plain(old)} counts as {plain(new)}"
