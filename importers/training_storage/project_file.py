"""project.toml: a Label Studio project that this tool did not create, and where it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError, model_validator
from typing_extensions import Self

from importers.config.toml_file import as_config_error, section_below
from importers.storage_sections import ApprovalSettings, Section, StorageSettings, check_apart

PROJECT_FILE = "project.toml"
_OF_A_CAMPAIGN = {"labels", "samples", "prompts", "technique", "generator"}


class ProjectReview(Section):
    """`[review]`: the Label Studio where the project is, and which answers count."""

    url: str | None = None
    approval: ApprovalSettings = ApprovalSettings()


class ProjectFile(Section):
    """A project to store the approved pictures of. `project` is its number in Label Studio."""

    folder: Path = Field(default=Path(), exclude=True)
    name: Annotated[str, Field(min_length=1, max_length=50)]
    project: Annotated[int, Field(ge=1)]
    review: ProjectReview = ProjectReview()
    storage: StorageSettings = StorageSettings()

    @model_validator(mode="after")
    def _storage_is_apart(self) -> Self:
        check_apart(self.storage, self.folder)
        return self


def names_a_project(file: Path, values: Mapping[str, Any]) -> bool:
    """Whether a file is meant to name a project; otherwise it is a campaign."""
    named = file.name == PROJECT_FILE or "project" in values
    return named and not _OF_A_CAMPAIGN & values.keys()


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
