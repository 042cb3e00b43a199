"""campaign.toml → Campaign: what a campaign may say, checked before anything is paid for.

A campaign lives in a folder of its own: `campaign.toml`, and beside it what running it makes
(`ledger.sqlite`, `images/`). Unknown keys are refused with the nearest known one named.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from importers.config.sections import (
    DERIVED_TECHNIQUES,
    PROMPT_TECHNIQUES,
    BudgetSettings,
    DerivedTechnique,
    GeneratorSettings,
    PromptSettings,
    PromptTechnique,
    ScoreSettings,
    SelectionSettings,
    Words,
    check_templates,
)
from importers.config.storage_sections import (
    ReviewSettings,
    Section,
    StorageSettings,
    check_apart,
    storage_url,
)
from importers.config.toml_file import Location, as_config_error, read_toml, section_below
from ls_backend.errors import ConfigError

_NAMES = ", ".join((*PROMPT_TECHNIQUES, *DERIVED_TECHNIQUES))
_REASONS = {
    "union_tag_invalid": f"its name is none of {_NAMES}",
    "union_tag_not_found": f"it has no name; there are {_NAMES}",
    "tuple_type": "write [[technique]] with two brackets, once for each technique",
}
"""For people, what pydantic says of tagged unions and tuples in its own terms."""

CAMPAIGN_FILE = "campaign.toml"
NONE_OF_THESE = "None of these"
UNUSABLE = "Unusable"
NONE_OR_UNUSABLE = "None of these / unusable"
"""The one choice for both in projects of earlier versions."""

Technique = Annotated[PromptTechnique | DerivedTechnique, Field(discriminator="name")]


class Campaign(Section):
    """One campaign: labels, prompts and techniques, generator, score, review, storage."""

    folder: Path = Field(default=Path(), exclude=True)
    """The folder that the file lies in; no key."""
    name: Annotated[str, Field(min_length=1, max_length=50)]
    """Name of the campaign."""
    labels: Words
    """What people choose from in Label Studio, and the classes of the training set."""
    samples: Annotated[int, Field(ge=1, le=1_000_000)]
    """Number of prompts; labels take turns, and a larger number later only adds some. Of the
    `folder` generator: most pictures.
    """
    seed: int = 0
    """Seed of prompts, and of images where the generator takes one: the same one gives the same."""
    prompts: PromptSettings = PromptSettings()
    technique: tuple[Technique, ...] = ()
    generator: GeneratorSettings
    budget: BudgetSettings = BudgetSettings()
    selection: SelectionSettings = SelectionSettings()
    score: ScoreSettings = ScoreSettings()
    review: ReviewSettings = ReviewSettings()
    storage: StorageSettings = StorageSettings()

    @field_validator("labels")
    @classmethod
    def _labels_are_distinct(cls, labels: list[str]) -> list[str]:
        cleaned = [label.strip() for label in labels]
        for label in cleaned:
            if not label:
                raise ValueError("a label is empty")
            if cleaned.count(label) > 1:
                raise ValueError(f"the label {label!r} is listed twice")
            if label.casefold() in {NONE_OF_THESE.casefold(), UNUSABLE.casefold()}:
                raise ValueError(
                    f"{label!r} is no label: reviewers get that choice by itself, do not list it"
                )
            if "/" in label or label in {".", ".."}:
                raise ValueError(f"the label {label!r} cannot be a folder name")
        return cleaned

    @field_validator("generator")
    @classmethod
    def _path_counts_from_the_folder(
        cls, settings: GeneratorSettings, info: ValidationInfo
    ) -> GeneratorSettings:
        if settings.path is None:
            return settings
        return settings.model_copy(update={"path": str(info.data["folder"] / settings.path)})

    @model_validator(mode="after")
    def _labels_can_be_told_apart(self) -> Self:
        compared = len(self.labels) + len(self.score.background)
        if compared < 2 and self.review.order == "label_probability":
            raise ValueError(
                "a single label has nothing to be compared with; name what else a picture "
                "could show in [score] background"
            )
        return self

    @model_validator(mode="after")
    def _prompts_come_from_somewhere(self) -> Self:
        prompts, written = self.prompts, set[str]()
        if prompts.writer and prompts.writing.writes != ["prompts"]:
            written = set(prompts.writing.writes)
        for technique in self.prompt_techniques:
            templates = technique.templates or prompts.templates
            if not templates and not prompts.whole and technique.name != "adversarial":
                raise ValueError(
                    f"the {technique.name} technique has no templates; add [prompts] "
                    "templates, a file or a writer"
                )
            other = {"other"} if technique.name == "adversarial" else set[str]()
            check_templates(
                templates, prompts.factors.keys() | technique.factors.keys() | written | other
            )
        return self

    @model_validator(mode="after")
    def _labels_of_techniques_and_synonyms_exist(self) -> Self:
        for technique in self.derived_techniques:
            rules = ("parent", "first", "second") if technique.name == "fusion" else ("parent",)
            if technique.label not in (*rules, *self.labels):
                known = ", ".join((*rules, *self.labels))
                raise ValueError(
                    f"the {technique.name} technique has the label {technique.label!r}, which the "
                    f"campaign lacks; there are: {known}"
                )
        for label in self.prompts.synonyms:
            if label not in self.labels:
                raise ValueError(f"prompts.synonyms names {label!r}, which is no label")
        return self

    @model_validator(mode="after")
    def _a_folder_has_no_techniques(self) -> Self:
        if self.generator.kind == "folder" and self.technique:
            raise ValueError(
                "the folder generator takes pictures as they are; move the [[technique]] entries "
                "to a campaign whose generator draws"
            )
        return self

    @model_validator(mode="after")
    def _storage_is_apart(self) -> Self:
        check_apart(self.storage, self.folder)
        return self

    @property
    def prompt_techniques(self) -> list[PromptTechnique]:
        """The techniques that are told in words; vanilla alone where no technique is named."""
        if self.generator.kind == "folder":
            return []
        named = [t for t in self.technique if isinstance(t, PromptTechnique)]
        return named if self.technique else [PromptTechnique(name="vanilla")]

    @property
    def derived_techniques(self) -> list[DerivedTechnique]:
        """The techniques that start from pictures."""
        return [t for t in self.technique if isinstance(t, DerivedTechnique)]

    @property
    def project_title(self) -> str:
        """Title of the Label Studio project, 3 to 50 characters."""
        return (self.review.project or f"{self.name} review")[:50]

    @property
    def ledger_path(self) -> Path:
        return self.folder / "ledger.sqlite"

    @property
    def images_path(self) -> Path:
        return self.folder / "images"

    @property
    def answers_path(self) -> Path:
        """Where paid answers lie from their arrival until their image is stored."""
        return self.folder / "answers"

    @property
    def storage_url(self) -> str:
        """The fsspec URL of training storage; a bare relative path counts from the campaign."""
        return storage_url(self.storage, self.folder)


def load_campaign(path: Path) -> Campaign:
    """Read a campaign from its folder or its TOML file.

    Raises:
        ConfigError: the file is missing, is not TOML, or says something a campaign cannot say; or
            it names a project that can only be synced.
    """
    file = settings_file(path)
    values = read_settings(file)
    if names_a_project(file, values):
        raise ConfigError(
            f"{file} names a project of Label Studio that ls-clip did not make: nothing is drawn "
            "for it, it can only be synced.",
            hint=f"Sync it with: ls-clip sync {path}. Or make a campaign with: ls-clip new NAME",
            code="project_only_syncs",
        )
    return parse_campaign(file, values)


def parse_campaign(file: Path, values: Mapping[str, Any]) -> Campaign:
    """The campaign that a file's values make.

    Raises:
        ConfigError: they say something a campaign cannot say.
    """
    try:
        return Campaign.model_validate({**values, "folder": file.parent.resolve()})
    except ValidationError as error:
        raise as_config_error(file, error, _section_at, place=_place, reasons=_REASONS) from None


def settings_file(path: Path) -> Path:
    """The TOML file at a path: itself, or the campaign's or else the project's of a folder."""
    if not path.is_dir():
        return path
    project = path / PROJECT_FILE
    campaign = path / CAMPAIGN_FILE
    return project if project.exists() and not campaign.exists() else campaign


def read_settings(file: Path) -> dict[str, Any]:
    """The values of a campaign's or a project's file.

    Raises:
        ConfigError: it is missing, or is not TOML.
    """
    folder = file.parent if file.suffix else file
    return read_toml(
        file,
        ConfigError(
            f"There is no campaign at {file}.",
            hint=f"Write one with: ls-clip new {folder.name or 'my-campaign'}. Or check the path.",
        ),
    )


def _place(location: Location) -> str:
    """Where in campaign.toml that is: techniques are counted from 1, and told by their names."""
    if location[:1] != ("technique",) or len(location) == 1:
        return ".".join(map(str, location))
    number, *name_and_key = location[1:]
    name, key = name_and_key[:1], name_and_key[1:]
    entry = f"[[technique]] {int(number) + 1}" + "".join(f" ({word})" for word in name)
    return f"{entry} {'.'.join(map(str, key))}".rstrip()


def _section_at(location: Location) -> type[BaseModel]:
    if location[:1] == ("technique",):  # then its number, and which of the two kinds it is
        derived = location[-1] in DERIVED_TECHNIQUES
        return DerivedTechnique if derived else PromptTechnique
    return section_below(Campaign, location)


PROJECT_FILE = "project.toml"

_OF_A_CAMPAIGN = {"labels", "samples", "prompts", "technique", "generator"}


def names_a_project(file: Path, values: Mapping[str, Any]) -> bool:
    """Whether a file is meant to name a project; otherwise it is a campaign."""
    named = file.name == PROJECT_FILE or "project" in values
    return named and not _OF_A_CAMPAIGN & values.keys()
