"""Reports about releases in words: what there is, what is wrong, what was deleted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from importers.commands.markup import count, line, plain

if TYPE_CHECKING:
    from rich.console import RenderableType

    from importers.training_storage.releases.gc import ReleasesGcReport
    from importers.training_storage.releases.told import ReleaseDetails, ReleaseList
    from importers.training_storage.releases.verify import Fault, VerifyReport

_MOST_LISTED = 10


def list_lines(report: ReleaseList) -> list[RenderableType]:
    """A table of releases, newest first."""
    from rich.table import Table

    if not report.releases:
        return [f"{plain(report.storage)} holds no release yet: ls-clip sync writes one."]
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("release")
    table.add_column("written (UTC)")
    for heading in ("samples", "labels", "removed"):
        table.add_column(heading, justify="right")
    table.add_column("layouts")
    for release in report.releases:
        table.add_row(
            release.name,
            f"{release.created_at:%Y-%m-%d %H:%M}",
            f"{release.samples:,}",
            f"{release.labels:,}",
            f"{release.removed:,}" if release.removed else "",
            ", ".join(release.layouts),
        )
    lines: list[RenderableType] = [plain(report.storage), "", table]
    if report.unfinished:
        left = count(len(report.unfinished), "release")
        lines += ["", f"{left} begun and not finished; readers do not see that."]
    return lines


def show_lines(report: ReleaseDetails) -> list[str]:
    """One release in detail."""
    left = _counts(report.removed) or "none"
    return [
        line("release", f"{report.name}, written {report.created_at:%Y-%m-%d %H:%M} UTC"),
        line("in", plain(report.storage)),
        line("campaign", f"{plain(report.campaign)}, project {report.project}"),
        line("before", report.previous or "none: this is the first"),
        line("samples", f"{report.samples:,}"),
        line("labels", plain(_counts(report.labels) or "none")),
        line("splits", _counts(report.splits) or "none"),
        line("verdicts", _counts(report.verdicts) or "none"),
        line("tasks", plain(_counts(report.outcomes) or "none")),
        line("removed", plain(f"{left}; {report.removed_ever:,} ever")),
        line("files", _counts(report.files)),
        line("content", f"sha256 {report.content}"),
    ]


def verify_lines(report: VerifyReport) -> list[str]:
    """What was compared, and every kind of fault with what to do."""
    compared = f"{count(report.files, 'file')}, {_size(report.bytes)}"
    lines = [line("compared", f"{compared}, of {count(len(report.releases), 'release')}")]
    lines += _fault_lines("missing", report.missing)
    lines += _fault_lines("changed", report.changed)
    lines += _path_lines("extra", report.extra)
    if report.leftovers:
        left = f"{count(report.leftovers, 'file')}, {_size(report.leftover_bytes)}"
        lines.append(line("left", f"{left}, by a run that was killed or is at work; no fault"))
    if report.is_whole:
        return [*lines, line("", "[green]every file is as its release says[/]")]
    if report.missing or report.changed:
        lines.append(line("next", "delete what is changed, then: ls-clip sync CAMPAIGN --full"))
        lines.append(line("", "it writes a new release with everything that is approved"))
    if report.extra:
        lines.append(line("next", "move the extra files elsewhere: ls-clip did not write them"))
    return lines


def gc_lines(report: ReleasesGcReport) -> list[str]:
    """Which releases went, and what that gave back."""
    verb = "to delete" if report.dry_run else "deleted"
    kept = f"{count(len(report.kept), 'release')}, the newest is {report.kept[0]}"
    if not report.files:
        return [line("kept", kept), line("", "nothing to delete")]
    what = f"{count(len(report.deleted), 'release')}, {count(report.files, 'file')}"
    lines = [line("kept", kept), line(verb, f"{what}, {_size(report.bytes)}")]
    lines += [line("", name) for name in report.deleted[:_MOST_LISTED]]
    if report.unfinished:
        left = count(len(report.unfinished), "release")
        lines.append(line("", f"and {left} that a killed run had left unfinished"))
    return lines


def _fault_lines(kind: str, faults: Sequence[Fault]) -> list[str]:
    return _path_lines(kind, [f"{fault.path} (of {fault.release})" for fault in faults])


def _path_lines(kind: str, paths: Sequence[str]) -> list[str]:
    if not paths:
        return []
    lines = [line(kind, f"[red]{count(len(paths), 'file')}[/]")]
    lines += [line("", plain(path)) for path in paths[:_MOST_LISTED]]
    if len(paths) > _MOST_LISTED:
        lines.append(line("", f"and {len(paths) - _MOST_LISTED:,} more; all are in --json"))
    return lines


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items())


def _size(size: int) -> str:
    if size < 1_000_000:
        return f"{size / 1000:,.1f} kB"
    return f"{size / 1_000_000:,.1f} MB" if size < 1_000_000_000 else f"{size / 1e9:,.1f} GB"
