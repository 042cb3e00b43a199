"""The command that keeps training storage in step with what people approve."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, JobPath, label_studio_at, opened_job
from importers.commands.output import (
    Watch,
    err,
    line,
    messages_to,
    plain,
    progress_on,
    show,
    tell,
    watching,
)
from importers.progress import silent
from ls_backend.words import count

if TYPE_CHECKING:
    from importers.training_storage.report import Change, SyncReport


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

    \b
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
    from importers.label_studio.connect import basic_auth
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
        schedule = watches.SyncSchedule(every, events)
        for number, report in enumerate(watches.watch(once, schedule)):
            if report.is_new or number == 0:
                _show(report, json)
            if number == 0:
                at_events = f"at events of {backend}, and " if backend else ""
                tell(f"Watching: syncs {at_events}every {every:g} s; Ctrl-C ends it.")


def _end(*_: object) -> None:
    """What is asked of a service to stop it: training storage is whole at any moment."""
    raise SystemExit(0)


def _sync(path: Path, watcher: Watch, *, full: bool, dry_run: bool) -> SyncReport:
    from importers.training_storage.sync import sync as sync_once

    with opened_job(path, copy=dry_run) as (job, ledger), label_studio_at(job.review_url) as ls:
        return sync_once(ls, job, ledger, full=full, dry_run=dry_run, watch=watcher)


def _show(report: SyncReport, json: bool) -> None:

    show(sync_lines(report), report, json)


_WIDTH = 69  # what a terminal of 80 columns leaves beside the name of a stage
_VERDICTS = (
    "approved",
    "relabelled",
    "rejected",
    "unusable",
    "none_of_these",
    "skipped",
    "undecided",
    "waiting",
)
_CHANGES = ("added", "moved", "changed", "removed", "unchanged")
_SIGNS = {"added": "[green]+[/]", "moved": "[yellow]>[/]", "changed": "~", "removed": "[red]-[/]"}
_MOST_SHOWN = 50
_MOST_REASONS = 10
_MOST_TASKS = 5


def sync_lines(report: SyncReport) -> list[str]:
    """What people decided, and what that did to training storage."""
    lines = [*_told("verdicts", _numbers(report, _VERDICTS) or "none yet")]
    lines += _reasons(report.undecided_reasons, "undecided")
    lines += _left_out(report.left_out)
    if report.dry_run:
        lines += _difference(report.changes)
    stage = "would be" if report.dry_run else "storage"
    lines += _told(stage, _numbers(report, _CHANGES) or "empty")
    lines.append(line("release", _release(report)))
    lines.append(line("", plain(report.storage)))
    return lines


def _reasons(reasons: dict[str, int], what: str) -> Iterator[str]:
    for reason, number in reasons.items():
        for told in _told("", f"{number:,} {what}: {reason}"):
            yield f"[yellow]{told}[/]"


def _left_out(reasons: dict[str, list[int]]) -> Iterator[str]:
    for reason, tasks in list(reasons.items())[:_MOST_REASONS]:
        which = f"{len(tasks):,} approved and not stored, {_tasks(tasks)}"
        for told in _told("", f"{which}: {reason}"):
            yield f"[yellow]{told}[/]"
    if len(reasons) > _MOST_REASONS:
        others = sum(map(len, list(reasons.values())[_MOST_REASONS:]))
        yield line("", f"[yellow]{others:,} more for other reasons; --json names all[/]")


def _tasks(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:_MOST_TASKS]))
    more = " and others" if len(numbers) > _MOST_TASKS else ""
    return f"task{'s' if len(numbers) > 1 else ''} {named}{more}"


def _release(report: SyncReport) -> str:
    if report.release is None:
        return "none yet"
    if report.dry_run:
        return f"{report.release} stands; nothing was changed"
    return f"{report.release}, {'new' if report.is_new else 'as before'}"


def _difference(changes: Sequence[Change]) -> Iterator[str]:
    for change in changes[:_MOST_SHOWN]:
        yield f"  {_SIGNS[change.what]} {_change(change)}"
    if len(changes) > _MOST_SHOWN:
        yield f"  … and {count(len(changes) - _MOST_SHOWN, 'more change')}; --json names all"


def _change(change: Change) -> str:
    what = plain(change.label)
    if change.what == "moved":
        way = f"{plain(change.before)} → {plain(change.after)}"
        what = way if change.after == change.label else f"{what}, {way}"
    told = change.reason or ", ".join(change.fields)
    why = f": {plain(told)}" if told else ""
    return f"{what}  {change.sample[:8]}, task {change.task_id}{why}"


def _numbers(report: SyncReport, names: Sequence[str]) -> str:
    counts = ((getattr(report, name), name.replace("_", " ")) for name in names)
    return ", ".join(f"{number:,} {name}" for number, name in counts if number)


def _told(stage: str, text: str) -> Iterator[str]:
    """A line of a report, continued on others where it is too long."""
    for part in wrap(text, _WIDTH, break_long_words=False, break_on_hyphens=False):
        yield line(stage, plain(part))
        stage = ""
