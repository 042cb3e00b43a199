"""`ls-clip releases`: which releases training storage holds, what is in them, and which may go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, StoragePlace, campaign_path, storage_url
from importers.commands.group import CommandGroup
from importers.commands.output import MOST_LISTED, line, plain, size, watching
from importers.commands.output import show as show_lines
from ls_backend.words import count

if TYPE_CHECKING:
    from rich.table import Table

    from importers.training_storage.releases.overview import ReleaseDetails, ReleaseList
    from importers.training_storage.releases.prune import ReleasesPruneReport

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="See the releases in training storage, and delete old ones.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list", epilog="Example: ls-clip releases list pets")
def list_all(storage: StoragePlace, json: AsJson = False) -> None:
    """List the releases, newest first."""
    from importers.training_storage.releases.overview import release_list

    report = release_list(storage_url(storage))
    show_lines(list_lines(report), report, json)


@app.command(epilog="Example: ls-clip releases show pets 3")
def show(
    storage: StoragePlace,
    release: Annotated[
        str | None, typer.Argument(help="Its number or name.", show_default="the newest")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show what one release holds, how it was reviewed, and who left."""
    from importers.training_storage.releases.overview import release_details

    report = release_details(storage_url(storage), release)
    show_lines(details_lines(report), report, json)


@app.command(epilog="Example: ls-clip releases prune pets --keep 3 --dry-run")
def prune(
    storage: StoragePlace,
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest stay.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, only say.")] = False,
    json: AsJson = False,
) -> None:
    """Delete old releases, and the pictures and files that only they need.

    The newest release always stays. Run it when no sync is at work on another machine.
    """
    from importers.training_storage.releases.prune import prune_releases

    with _no_sync(storage) as url, watching() as watch:
        report = prune_releases(url, keep, dry_run=dry_run, progress=watch("Deleting"))
    show_lines(prune_lines(report), report, json)


@contextmanager
def _no_sync(storage: str) -> Iterator[str]:
    """The storage's URL, while no sync of its campaign runs on this machine."""
    from importers.config.job import load_job
    from importers.ledger import Ledger

    path = campaign_path(storage)
    job = load_job(path) if path else None
    if job is None or not job.ledger_path.exists():
        yield storage_url(storage)
        return
    with Ledger(job.ledger_path):
        yield job.storage_url


def list_lines(report: ReleaseList) -> list[str | Table]:
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
    lines: list[str | Table] = [plain(report.storage), "", table]
    if report.unfinished:
        left = count(len(report.unfinished), "release")
        lines += ["", f"{left} begun and not finished; readers do not see that."]
    return lines


def details_lines(report: ReleaseDetails) -> list[str]:
    """One release in detail."""
    left = _counts(report.removed) or "none"
    return [
        line("release", f"{report.name}, written {report.created_at:%Y-%m-%d %H:%M} UTC"),
        line("in", plain(report.storage)),
        line("campaign", f"{plain(report.campaign)}, project {report.project}"),
        line("before", report.previous or "none: this is the first"),
        line("licence", report.license or "none is stated"),
        line("samples", f"{report.samples:,}"),
        line("labels", plain(_counts(report.labels) or "none")),
        line("splits", _counts(report.splits) or "none"),
        line("verdicts", _counts(report.verdicts) or "none"),
        line("tasks", plain(_counts(report.outcomes) or "none")),
        line("removed", plain(f"{left}; {report.removed_ever:,} ever")),
        line("files", _counts(report.files)),
        line("content", f"sha256 {report.content}"),
    ]


def prune_lines(report: ReleasesPruneReport) -> list[str]:
    """Which releases went, and what that gave back."""
    verb = "to delete" if report.dry_run else "deleted"
    kept = f"{count(len(report.kept), 'release')}, the newest is {report.kept[0]}"
    if not report.files:
        return [line("kept", kept), line("", "nothing to delete")]
    what = f"{count(len(report.deleted), 'release')}, {count(report.files, 'file')}"
    lines = [line("kept", kept), line(verb, f"{what}, {size(report.bytes)}")]
    lines += [line("", name) for name in report.deleted[:MOST_LISTED]]
    if report.unfinished:
        left = count(len(report.unfinished), "release")
        lines.append(line("", f"and {left} that a killed run had left unfinished"))
    return lines


def _counts(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items())
