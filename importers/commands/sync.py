"""The command that keeps training storage in step with what people approve."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.campaign import AsJson, label_studio_at
from importers.commands.output import Watch, err, messages_to, progress_on, show, watching
from importers.progress import silent

if TYPE_CHECKING:
    from importers.config.job import Job
    from importers.ledger import Ledger
    from importers.training_storage.report import SyncReport

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

    For a project that was not made here, make a folder first:
    ls-clip new NAME --project 12
    """
    if not watch:
        with watching() as watcher:
            report = _sync(path, watcher, full=full, dry_run=dry_run)
        _show(report, json)
        return
    if dry_run:
        raise typer.BadParameter("--watch and --dry-run do not go together.")
    _watch(path, every, backend, full=full, json=json)


def _watch(path: Path, every: float, backend: str | None, *, full: bool, json: bool) -> None:
    from importers.connecting import basic_auth
    from importers.training_storage import watch as watches

    signal.signal(signal.SIGTERM, _end)
    console = err()
    first = True

    def once() -> SyncReport:
        nonlocal first
        # Elsewhere than in a terminal, lines of progress at each look would fill a log.
        shown = (
            progress_on(console) if first or sys.stderr.isatty() else nullcontext(lambda _: silent)
        )
        with shown as watcher:
            report = _sync(path, watcher, full=full and first, dry_run=False)
        first = False
        return report

    with messages_to(console):
        events = watches.Events(backend.rstrip("/"), basic_auth()) if backend else None
        alarm = watches.Alarm(every, events)
        for number, report in enumerate(watches.watch(once, alarm)):
            if report.is_new or number == 0:
                _show(report, json)
            if number == 0:
                at_events = f"at events of {backend}, and " if backend else ""
                console.print(
                    f"Watching: syncs {at_events}every {every:g} s; Ctrl-C ends it.", markup=False
                )


def _end(*_: object) -> None:
    """What is asked of a service to stop it: training storage is whole at any moment."""
    raise SystemExit(0)


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
    from importers.config.job import load_job
    from importers.ledger import Ledger

    job = load_job(path)
    with Ledger(job.ledger_path, copy=copy) as ledger:
        try:
            yield job, ledger
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                "Stopped. Training storage is whole; run it again to go on."
            ) from None
