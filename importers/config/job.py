"""What there is to sync: a campaign, or a Label Studio project that this tool did not create.

Either has a folder, in which its ledger lies and the pictures that were read. The ledger of a
project that is not a campaign's has no samples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, model_validator

from importers.config.campaign import (
    Campaign,
    names_a_project,
    parse_campaign,
    read_settings,
    settings_file,
)
from importers.config.storage_sections import (
    ApprovalSettings,
    Section,
    StorageSettings,
    check_apart,
    storage_url,
)
from importers.config.toml_file import as_config_error, section_below


class ProjectReview(Section):
    """`[review]`: the Label Studio where the project is, and which answers count."""

    url: str | None = None
    """Address of Label Studio; left out, `LABEL_STUDIO_URL`. Its token is `LABEL_STUDIO_API_KEY`.
    """
    approval: ApprovalSettings = ApprovalSettings()


class ProjectFile(Section):
    """A project of Label Studio to store the approved pictures of."""

    folder: Path = Field(default=Path(), exclude=True)
    """The folder that the file lies in; no key."""
    name: Annotated[str, Field(min_length=1, max_length=50)]
    """Name of the project in the training set."""
    project: Annotated[int, Field(ge=1)]
    """Number of the project in Label Studio, as in its address."""
    review: ProjectReview = ProjectReview()
    storage: StorageSettings = StorageSettings()

    @model_validator(mode="after")
    def _storage_is_apart(self) -> Self:
        check_apart(self.storage, self.folder)
        return self


def parse_project_file(file: Path, values: Mapping[str, Any]) -> ProjectFile:
    """The checked values of a file.

    Raises:
        ConfigError: it says something that it cannot say.
    """
    try:
        return ProjectFile.model_validate({**values, "folder": file.parent.resolve()})
    except ValidationError as error:
        raise as_config_error(
            file, error, lambda location: section_below(ProjectFile, location)
        ) from None


@dataclass(frozen=True)
class Job:
    """What is approved where, and where it goes.

    Attributes:
        folder: Folder of the ledger and the pictures.
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
