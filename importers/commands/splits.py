"""`ls-clip splits`: what lies in train, validation and test, and that no family is torn."""

from __future__ import annotations

import typer

from importers.commands.campaign import AsJson
from importers.commands.output import show
from importers.commands.sync import JobPath

app = typer.Typer(
    no_args_is_help=True,
    help="See what lies in train, validation and test.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _splits() -> None:
    """A group, though it has one command."""


@app.command(epilog="Example: ls-clip splits check pets")
def check(path: JobPath, json: AsJson = False) -> None:
    """Prove that no family of the last release lies in two splits; count the samples of each.

    A family: the same picture, one prompt, one ancestor, or near duplicates. The exit code is 1
    where one is torn, or where a generated sample lies in test though \\[storage.splits] keeps them
    out; the samples are named.
    """
    from importers.commands import words_splits
    from importers.config.job import load_job
    from importers.ledger import Ledger
    from importers.training_storage.split_check import check_splits

    job = load_job(path)
    with Ledger(job.ledger_path, writing=False) as ledger:
        report = check_splits(ledger, job.storage.splits)
    table = words_splits.splits_table(report)
    show([table, "", *words_splits.splits_lines(report, path)], report, json)
    raise typer.Exit(0 if report.right else 1)
