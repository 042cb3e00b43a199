"""What a sync did, or would do, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from importers.commands.markup import count, line, plain

if TYPE_CHECKING:
    from importers.training_storage.difference import Change
    from importers.training_storage.sync_report import SyncReport

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


def sync_lines(report: SyncReport) -> list[str]:
    """What people decided, and what that did to training storage."""
    lines = [line("verdicts", _numbers(report, _VERDICTS) or "none yet")]
    lines += _reasons(report.undecided_reasons, "undecided")
    lines += _reasons(report.left_out, "approved and not stored")
    if report.dry_run:
        lines += _difference(report.changes)
    lines.append(
        line("would be" if report.dry_run else "storage", _numbers(report, _CHANGES) or "empty")
    )
    lines.append(line("release", _release(report)))
    lines.append(line("", plain(report.storage)))
    return lines


def _reasons(reasons: dict[str, int], what: str) -> Iterator[str]:
    for reason, number in reasons.items():
        yield line("", f"[yellow]{number:,} {what}: {plain(reason)}[/]")


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
    where = f"{plain(change.label)}  {change.sample[:8]}, task {change.task_id}"
    if change.before is not None:
        return f"{plain(change.before)} → {where}"
    return f"{where}: {plain(change.reason)}" if change.reason else where


def _numbers(report: SyncReport, names: Sequence[str]) -> str:
    counts = ((getattr(report, name), name.replace("_", " ")) for name in names)
    return ", ".join(f"{number:,} {name}" for number, name in counts if number)
