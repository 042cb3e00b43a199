"""`ls-clip classes`: the classes of the training set, and what becomes of old labels."""

from __future__ import annotations

from typing import Annotated

import typer

from importers.commands.campaign import AsJson
from importers.commands.output import show
from importers.commands.sync import JobPath, opened_job

Old = Annotated[
    str, typer.Argument(metavar="OLD", help="A label that is gone.", show_default=False)
]
New = Annotated[
    str, typer.Argument(metavar="NEW", help="The label that it counts as.", show_default=False)
]

app = typer.Typer(
    no_args_is_help=True,
    help="See the classes of the training set, and say what becomes of labels that are gone.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list", epilog="Example: ls-clip classes list pets")
def list_(path: JobPath, json: AsJson = False) -> None:
    """Show the number, the label and the samples of each class, retired ones too."""
    from importers.commands import words_classes
    from importers.config.job import load_job
    from importers.ledger import Ledger
    from importers.training_storage.class_report import configured_labels, list_classes

    job = load_job(path)
    with Ledger(job.ledger_path, writing=False) as ledger:
        report = list_classes(ledger, configured_labels(job, ledger))
    table = words_classes.classes_table(report)
    show([table, *words_classes.classes_lines(report, path)], report, json)


@app.command("map", epilog="Example: ls-clip classes map pets cat kitten")
def map_(path: JobPath, old: Old, new: New, json: AsJson = False) -> None:
    """Say that a label that is gone counts as another one: a rename, or a merge.

    NEW takes OLD's number where it has none yet; else OLD's number is retired.
    Annotations go on saying OLD. The training set is changed by the next sync.
    """
    from importers.commands import words_classes
    from importers.training_storage.class_report import configured_labels, map_class

    with opened_job(path) as (job, ledger):
        report = map_class(ledger, configured_labels(job, ledger), old, new)
    show(words_classes.decision_lines(report, path), report, json)


@app.command(epilog="Example: ls-clip classes drop pets fish")
def drop(path: JobPath, old: Old, json: AsJson = False) -> None:
    """Say that the samples of a label that is gone leave; its number is retired for ever.

    The training set is changed by the next sync. Until then `classes map` still keeps them.
    """
    from importers.commands import words_classes
    from importers.training_storage.class_report import configured_labels, drop_class

    with opened_job(path) as (job, ledger):
        report = drop_class(ledger, configured_labels(job, ledger), old)
    show(words_classes.decision_lines(report, path), report, json)
