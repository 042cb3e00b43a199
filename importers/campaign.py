"""campaign.toml → Campaign: what a campaign may say, checked before anything is paid for.

A campaign lives in a folder of its own: `campaign.toml`, and beside it what running it makes
(`ledger.sqlite`, `images/`). Unknown keys are refused with the nearest known one named.
"""

from __future__ import annotations

import difflib
import string
import sys
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from typing_extensions import Self

from ls_backend.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CAMPAIGN_FILE = "campaign.toml"
DEFAULT_CLIP_MODEL = "ViT-B-32/laion2b_s34b_b79k"
NONE_OF_THESE = "None of these / unusable"

Words = Annotated[list[str], Field(min_length=1)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Section(BaseModel):
    """A table of campaign.toml: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PromptSettings(Section):
    """`[prompts]`: templates with {label} and {factor} slots, and the values of each factor."""

    templates: Words
    factors: dict[str, Words] = {}

    @model_validator(mode="after")
    def _slots_are_known(self) -> Self:
        for template in self.templates:
            slots = template_slots(template)
            if "label" not in slots:
                raise ValueError(f"the template {template!r} never names its {{label}}")
            for slot in sorted(slots - {"label"} - set(self.factors)):
                raise ValueError(
                    f"the template {template!r} uses {{{slot}}}, which [prompts.factors] lacks"
                )
        return self


class GeneratorSettings(Section):
    """`[generator]`: which images API draws, and how hard it is asked.

    `parameters` go into the request as they are (quality, background, …). `send_seed` is for
    servers that take a `seed`; left out, what is known of the model decides. `api_key_env` names
    the environment variable with the key; left out, it is OPENAI_API_KEY, which is sent to
    OpenAI alone.
    """

    model: str
    base_url: str | None = None
    api_key_env: str | None = None
    size: str = "1024x1024"
    quality: str | None = None
    parameters: dict[str, Any] = {}
    send_seed: bool | None = None
    parallel: Annotated[int, Field(ge=1, le=64)] = 4
    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    timeout_s: Annotated[float, Field(gt=0, le=1800)] = 300.0


class ScoreSettings(Section):
    """`[score]`: the CLIP model, and texts that compete with the labels without being one."""

    model: str = DEFAULT_CLIP_MODEL
    background: list[str] = []


class ReviewSettings(Section):
    """`[review]`: the Label Studio project, the order of its queue and the audit sample.

    `order`: "label_probability" (is the label right?) or "similarity" (is the whole prompt met?).
    `audit`: share of what is pushed that is drawn at random, from all scores alike.
    """

    project: Annotated[str, Field(min_length=3, max_length=50)] | None = None
    url: str | None = None
    order: Literal["label_probability", "similarity"] = "label_probability"
    audit: Share = 0.1


class StorageSettings(Section):
    """`[storage]`: where approved samples go, any fsspec URL; a bare path is in the campaign."""

    url: str = "training"


class Campaign(Section):
    """One campaign: labels, prompts, generator, score, review, storage."""

    name: Annotated[str, Field(min_length=1, max_length=50)]
    labels: Words
    samples: Annotated[int, Field(ge=1, le=1_000_000)]
    seed: int = 0
    prompts: PromptSettings
    generator: GeneratorSettings
    score: ScoreSettings = ScoreSettings()
    review: ReviewSettings = ReviewSettings()
    storage: StorageSettings = StorageSettings()
    folder: Path = Field(default=Path(), exclude=True)

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
    def _storage_is_apart(self) -> Self:
        if self.storage_url in {str(self.folder.resolve()), str(self.images_path.resolve())}:
            raise ValueError(
                "[storage] url is where the campaign keeps its originals; name another folder"
            )
        return self

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
    def storage_url(self) -> str:
        """The fsspec URL of training storage; a bare relative path counts from the campaign."""
        url = self.storage.url
        return url if "://" in url else str((self.folder / url).resolve())


def template_slots(template: str) -> set[str]:
    """Names of the {slots} of a template.

    Raises:
        ValueError: the braces do not match, or a slot has no plain name.
    """
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ValueError(f"the template {template!r} is broken: {error}") from None
    for name in names:
        if not name.isidentifier():
            raise ValueError(f"the template {template!r} has a slot {{{name}}} without plain name")
    return names


def load_campaign(path: Path) -> Campaign:
    """Read a campaign from its folder or its TOML file.

    Raises:
        ConfigError: the file is missing, is not TOML, or says something a campaign cannot say.
    """
    file = path / CAMPAIGN_FILE if path.is_dir() else path
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(
            f"There is no campaign at {file}.",
            hint=f"Write one with: ls-clip new {path.name or 'my-campaign'}",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}", hint="Check the path.") from None
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
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{file}: unknown key {where!r}{more}.", hint=_nearest_key(first["loc"]))
    if first["type"] == "missing":
        return ConfigError(
            f"{file}: {where!r} is missing{more}.",
            hint="Add it; `ls-clip new` writes an example of every key.",
        )
    reason = first["msg"].removeprefix("Value error, ")
    return ConfigError(
        f"{file}: {where}: {reason}{more}.", hint="Mend that value, then run it again."
    )


def _nearest_key(location: tuple[int | str, ...]) -> str:
    section: type[BaseModel] = Campaign
    for part in location[:-1]:
        annotation = section.model_fields[str(part)].annotation
        candidates = [annotation, *get_args(annotation)]
        section = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    known = [name for name in section.model_fields if name != "folder"]
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    if near:
        return f"Did you mean {near[0]!r}?"
    return f"Known keys here: {', '.join(known)}."
