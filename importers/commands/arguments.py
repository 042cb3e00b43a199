"""Arguments and options that several commands have, and what commands open to work on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from importers.config.campaign import Campaign
    from importers.config.job import Job
    from importers.ledger import Ledger
    from ls_backend.label_studio import LabelStudio

CampaignPath = Annotated[
    Path,
    typer.Argument(
        metavar="CAMPAIGN", help="The campaign's folder, or its TOML file.", show_default=False
    ),
]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Say what would be drawn, its price and time; send nothing."),
]

Model = Annotated[
    str | None,
    typer.Option(
        help="CLIP model: ARCH/PRETRAINED of open_clip, a folder, or sketch.",
        show_default="CLIP_MODEL, or ViT-B-32/laion2b_s34b_b79k",
    ),
]

Host = Annotated[str, typer.Option(help="Address to listen on.")]

Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")]

JobPath = Annotated[
    Path,
    typer.Argument(
        metavar="CAMPAIGN",
        help="The folder of a campaign or of a project that is synced, or its TOML file.",
        show_default=False,
    ),
]

StoragePlace = Annotated[
    str,
    typer.Argument(
        metavar="STORAGE",
        help="A campaign's folder or TOML file, or the storage itself: a folder, or a URL.",
        show_default=False,
    ),
]

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and no text.")]


@contextmanager
def label_studio(campaign: Campaign | None = None) -> Iterator[LabelStudio]:
    """The Label Studio that the campaign or the environment names."""
    with label_studio_at(campaign.review.url if campaign else None) as ls:
        yield ls


@contextmanager
def label_studio_at(url: str | None) -> Iterator[LabelStudio]:
    """The Label Studio at an address, or that the environment names."""
    from ls_backend.label_studio import LabelStudio, credentials_from_env

    ls = LabelStudio(credentials_from_env(url))
    try:
        yield ls
    finally:
        ls.close()


@contextmanager
def opened(path: Path) -> Iterator[tuple[Campaign, Ledger]]:
    """The campaign and its ledger, which no other process may write meanwhile."""
    from importers.config.campaign import load_campaign
    from importers.ledger import Ledger

    campaign = load_campaign(path)
    with Ledger(campaign.ledger_path) as ledger:
        try:
            yield campaign, ledger
        except KeyboardInterrupt as stop:
            recorded = "Stopped. What was done is recorded; run it again to go on."
            raise KeyboardInterrupt(str(stop) or recorded) from None


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


def campaign_path(storage: str) -> Path | None:
    """The campaign that is meant; None where the storage itself is named."""
    if "://" in storage:
        return None
    path = Path(storage)
    is_storage = path.is_dir() and (path / "LATEST").exists()
    return None if is_storage else path


def storage_url(storage: str) -> str:
    """The fsspec URL that is meant: the storage itself, or that of the campaign."""
    from importers.config.job import load_job

    path = campaign_path(storage)
    return load_job(path).storage_url if path else storage
