"""What there is to sync: a campaign, or a Label Studio project that this tool did not create.

Either has a folder, in which its ledger lies and the pictures that were read. The ledger of a
project that is not a campaign's has no samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from importers.config.campaign import Campaign, parse_campaign, read_settings, settings_file
from importers.storage_sections import ApprovalSettings, StorageSettings, storage_url
from importers.training_storage.project_file import names_a_project, parse_project_file


@dataclass(frozen=True)
class Job:
    """What is approved where, and where it goes.

    Attributes:
        folder: Where the ledger and the pictures are.
        file: The TOML that says all this.
        review_url: Address of Label Studio; None where the environment names it.
        storage_url: fsspec URL of training storage.
        campaign: Whose pushed samples are synced; None for a project of somebody else.
        project: Number of that project; None for a campaign, whose ledger knows it.
    """

    name: str
    folder: Path
    file: Path
    review_url: str | None
    approval: ApprovalSettings
    storage: StorageSettings
    storage_url: str
    campaign: Campaign | None
    project: int | None

    @property
    def ledger_path(self) -> Path:
        return self.folder / "ledger.sqlite"

    @property
    def images_path(self) -> Path:
        """Originals, as an `ImageStore`."""
        return self.folder / "images"


def load_job(path: Path) -> Job:
    """Read a campaign, or a file that names an existing project, from its folder or its TOML file.

    Raises:
        ConfigError: the file is missing, is not TOML, or says something that it cannot say.
    """
    file = settings_file(path)
    values = read_settings(file)
    if not names_a_project(file, values):
        return campaign_job(parse_campaign(file, values), file)
    named = parse_project_file(file, values)
    return Job(
        name=named.name,
        folder=named.folder,
        file=file,
        review_url=named.review.url,
        approval=named.review.approval,
        storage=named.storage,
        storage_url=storage_url(named.storage, named.folder),
        campaign=None,
        project=named.project,
    )


def campaign_job(campaign: Campaign, file: Path) -> Job:
    """The job of a campaign that was read from a file."""
    return Job(
        name=campaign.name,
        folder=campaign.folder,
        file=file,
        review_url=campaign.review.url,
        approval=campaign.review.approval,
        storage=campaign.storage,
        storage_url=campaign.storage_url,
        campaign=campaign,
        project=None,
    )
