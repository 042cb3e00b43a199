"""`ls-clip releases` and `ls-clip verify`: what training storage holds, and if that is true."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from importers.commands.campaign import AsJson
from importers.commands.output import show as show_lines
from importers.commands.output import watching

app = typer.Typer(
    no_args_is_help=True,
    help="See the releases in training storage, and delete old ones.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

StoragePlace = Annotated[
    str,
    typer.Argument(
        metavar="STORAGE",
        help="A campaign's folder or TOML file, or the storage itself: a folder, or a URL.",
        show_default=False,
    ),
]


@app.command("list", epilog="Example: ls-clip releases list pets")
def list_all(storage: StoragePlace, json: AsJson = False) -> None:
    """List the releases, newest first."""
    from importers.commands import words_releases
    from importers.training_storage.releases.told import release_list

    report = release_list(_url(storage))
    show_lines(words_releases.list_lines(report), report, json)


@app.command(epilog="Example: ls-clip releases show pets 000003-1a2b3c4d")
def show(
    storage: StoragePlace,
    release: Annotated[
        str | None, typer.Argument(help="Its name.", show_default="the newest")
    ] = None,
    json: AsJson = False,
) -> None:
    """Show what one release holds, how it was reviewed, and who left."""
    from importers.commands import words_releases
    from importers.training_storage.releases.told import release_details

    report = release_details(_url(storage), release)
    show_lines(words_releases.show_lines(report), report, json)


@app.command(epilog="Example: ls-clip releases gc pets --keep 3 --dry-run")
def gc(
    storage: StoragePlace,
    keep: Annotated[int, typer.Option(min=1, help="How many of the newest stay.")] = 5,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, only say.")] = False,
    json: AsJson = False,
) -> None:
    """Delete old releases, and the pictures and files that only they need.

    The newest release always stays. Run it when no sync is at work on another machine.
    """
    from importers.commands import words_releases
    from importers.training_storage.releases.gc import collect_releases

    with _no_sync(storage) as url, watching() as watch:
        report = collect_releases(url, keep, dry_run=dry_run, progress=watch("Deleting"))
    show_lines(words_releases.gc_lines(report), report, json)


def verify(
    storage: StoragePlace,
    release: Annotated[
        str | None, typer.Option(help="Only this release.", show_default="all there are")
    ] = None,
    json: AsJson = False,
) -> None:
    """Read every file in training storage and compare it with what its release says.

    Needs no Label Studio. Ends with exit code 1 where a file is missing, changed or extra.
    """
    from importers.commands import words_releases
    from importers.training_storage.releases.verify import verify as verify_storage

    with watching() as watch:
        report = verify_storage(_url(storage), release, watch("Verifying"))
    show_lines(words_releases.verify_lines(report), report, json)
    if not report.is_whole:
        raise typer.Exit(1)


def _campaign_path(storage: str) -> Path | None:
    """The campaign that is meant; None where the storage itself is named."""
    if "://" in storage:
        return None
    path = Path(storage)
    is_storage = path.is_dir() and (path / "LATEST").exists()
    return None if is_storage else path


def _url(storage: str) -> str:
    from importers.config.job import load_job

    path = _campaign_path(storage)
    return load_job(path).storage_url if path else storage


@contextmanager
def _no_sync(storage: str) -> Iterator[str]:
    """The storage's URL, while no sync of its campaign runs on this machine."""
    from importers.config.job import load_job
    from importers.ledger import Ledger

    path = _campaign_path(storage)
    job = load_job(path) if path else None
    if job is None or not job.ledger_path.exists():
        yield _url(storage)
        return
    with Ledger(job.ledger_path):
        yield job.storage_url
