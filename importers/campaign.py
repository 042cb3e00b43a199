"""campaign.toml → Campaign: what a campaign may say, checked before anything is paid for.

A campaign lives in a folder of its own: `campaign.toml`, and beside it what running it makes
(`ledger.sqlite`, `images/`). Unknown keys are refused with the nearest known one named.
"""

from __future__ import annotations

import difflib
import sys
from pathlib import Path
from typing import Annotated, get_args

from pydantic import (
    BaseModel,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from typing_extensions import Self

from importers.campaign_sections import (
    DERIVED_TECHNIQUES,
    PROMPT_TECHNIQUES,
    BudgetSettings,
    DerivedTechnique,
    GeneratorSettings,
    PromptSettings,
    PromptTechnique,
    ReviewSettings,
    ScoreSettings,
    SelectionSettings,
    Words,
    check_templates,
)
from importers.storage_sections import Section, StorageSettings
from ls_backend.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_NAMES = ", ".join((*PROMPT_TECHNIQUES, *DERIVED_TECHNIQUES))
_REASONS = {
    "union_tag_invalid": f"its name is none of {_NAMES}",
    "union_tag_not_found": f"it has no name; there are {_NAMES}",
    "tuple_type": "write [[technique]] with two brackets, once for each technique",
}
"""For people, what pydantic says of tagged unions and tuples in its own terms."""

CAMPAIGN_FILE = "campaign.toml"
NONE_OF_THESE = "None of these / unusable"

Technique = Annotated[PromptTechnique | DerivedTechnique, Field(discriminator="name")]


class Campaign(Section):
    """One campaign: labels, prompts and techniques, generator, score, review, storage."""

    folder: Path = Field(default=Path(), exclude=True)
    name: Annotated[str, Field(min_length=1, max_length=50)]
    labels: Words
    samples: Annotated[int, Field(ge=1, le=1_000_000)]
    seed: int = 0
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
            if label == NONE_OF_THESE:
                raise ValueError(f"{NONE_OF_THESE!r} is added by itself, do not list it")
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
        if self.storage_url in {str(self.folder.resolve()), str(self.images_path.resolve())}:
            raise ValueError(
                "[storage] url is where the campaign keeps its originals; name another folder"
            )
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
        url = self.storage.url
        return url if "://" in url else str((self.folder / url).resolve())


def load_campaign(path: Path) -> Campaign:
    """Read a campaign from its folder or its TOML file.

    Raises:
        ConfigError: the file is missing, is not TOML, or says something a campaign cannot say.
    """
    file = path / CAMPAIGN_FILE if path.is_dir() else path
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        folder = path.parent if path.suffix else path
        raise ConfigError(
            f"There is no campaign at {file}.",
            hint=f"Write one with: ls-clip new {folder.name or 'my-campaign'}. Or check the path.",
        ) from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file} is not written in UTF-8: byte {error.start} cannot be read.",
            hint="Save it as UTF-8, then run it again.",
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be read: {error.strerror}.", hint="Check the path and its permissions."
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{file} is not valid TOML: {error}", hint="Mend that line, then run it again."
        ) from None
    if "folder" in values:
        raise ConfigError(
            f"{file}: unknown key 'folder'.", hint="A campaign's folder is where its file lies."
        )
    try:
        return Campaign.model_validate({**values, "folder": file.parent.resolve()})
    except ValidationError as error:
        raise _as_config_error(file, error) from None


def _as_config_error(file: Path, error: ValidationError) -> ConfigError:
    # A misspelt key is also a missing one: the misspelling is what helps.
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda found: found["type"] != "extra_forbidden")
    where = _place(first["loc"])
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{file}: unknown key {where!r}{more}.", hint=_nearest_key(first["loc"]))
    if first["type"] == "missing":
        return ConfigError(
            f"{file}: {where!r} is missing{more}.",
            hint="Add it; `ls-clip new` writes an example of every key.",
        )
    reason = _REASONS.get(first["type"], first["msg"].removeprefix("Value error, "))
    return ConfigError(
        f"{file}: {where}{': ' * bool(where)}{reason}{more}.",
        hint="Mend that value, then run it again.",
    )


def _place(location: tuple[int | str, ...]) -> str:
    """Where in campaign.toml that is: techniques are counted from 1, and told by their names."""
    if location[:1] != ("technique",) or len(location) == 1:
        return ".".join(map(str, location))
    number, *name_and_key = location[1:]
    name, key = name_and_key[:1], name_and_key[1:]
    entry = f"[[technique]] {int(number) + 1}" + "".join(f" ({word})" for word in name)
    return f"{entry} {'.'.join(map(str, key))}".rstrip()


def _nearest_key(location: tuple[int | str, ...]) -> str:
    known = [name for name in _section_at(location[:-1]).model_fields if name != "folder"]
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known keys here: {', '.join(known)}."


def _section_at(location: tuple[int | str, ...]) -> type[BaseModel]:
    if location[:1] == ("technique",):  # then its number, and which of the two kinds it is
        derived = location[-1] in DERIVED_TECHNIQUES
        return DerivedTechnique if derived else PromptTechnique
    section: type[BaseModel] = Campaign
    for part in location:
        annotation = section.model_fields[str(part)].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return section
