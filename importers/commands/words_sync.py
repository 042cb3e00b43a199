"""What a sync did, or would do, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from importers.commands.markup import count, line, plain

if TYPE_CHECKING:
    from importers.training_storage.difference import Change
    from importers.training_storage.report import SyncReport

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
