"""The command that keeps training storage in step with what people approve."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.campaign import AsJson, label_studio_at
from importers.commands.output import Watch, show, watching

if TYPE_CHECKING:
    from importers.ledger import Ledger
    from importers.training_storage.job import Job
    from importers.training_storage.sync_report import SyncReport

JobPath = Annotated[
    Path,
    typer.Argument(
        metavar="CAMPAIGN",
        help="The folder of a campaign or of a project that is synced, or its TOML file.",
        show_default=False,
    ),
]


def sync(
    path: JobPath,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; change nothing.")
    ] = False,
    full: Annotated[
        bool,
        typer.Option("--full", help="Ask for every task, and look if every file is there."),
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on: sync whenever something may have changed.")
    ] = False,
    every: Annotated[
        float, typer.Option(min=1.0, help="With --watch: seconds without an event.")
    ] = 60.0,
    backend: Annotated[
        str | None,
        typer.Option(
            help="With --watch: address of the ML backend, whose webhook wakes the sync.",
            show_default=False,
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Bring training storage to what people have approved, and nothing else.

    CAMPAIGN may also be the folder of a project that was not made here: ls-clip new NAME
    --project 12.
    """
    if not watch:
        with watching() as watcher:
            report = _sync(path, watcher, full=full, dry_run=dry_run)
        _show(report, json)
        return
    if dry_run:
        raise typer.BadParameter("--watch and --dry-run do not go together.")
    from importers.connecting import basic_auth
    from importers.training_storage import watch as watches

    events = watches.Events(backend.rstrip("/"), basic_auth()) if backend else None
    with watching() as watcher:
        alarm = watches.Alarm(every, events)
        first = iter([full])
        once = watches.watch(
            lambda: _sync(path, watcher, full=next(first, False), dry_run=False), alarm
        )
        for number, report in enumerate(once):
            if report.is_new or number == 0:
                _show(report, json)


def _sync(path: Path, watcher: Watch, *, full: bool, dry_run: bool) -> SyncReport:
    from importers.training_storage.sync import sync as sync_once

    with opened_job(path, copy=dry_run) as (job, ledger), label_studio_at(job.review_url) as ls:
        return sync_once(ls, job, ledger, full=full, dry_run=dry_run, watch=watcher)


def _show(report: SyncReport, json: bool) -> None:
    from importers.commands import words_sync

    show(words_sync.sync_lines(report), report, json)


@contextmanager
def opened_job(path: Path, *, copy: bool = False) -> Iterator[tuple[Job, Ledger]]:
    """What is synced and its ledger, which no other process may write meanwhile.

    Args:
        copy: Only a copy of the ledger, in memory.
    """
    from importers.ledger import Ledger
    from importers.training_storage.job import load_job

    job = load_job(path)
    with Ledger(job.ledger_path, copy=copy) as ledger:
        try:
            yield job, ledger
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "Stopped. Training storage is whole; run it again to go on."
            ) from None
