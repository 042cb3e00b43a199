"""The tables of campaign.toml that say what people see, what they approve, and how it is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Cosine = Annotated[float, Field(gt=0.0, le=1.0)]
LayoutName = Literal["imagefolder", "webdataset", "parquet", "coco", "yolo", "csv", "jsonl"]

OTHER_LICENSE = "other"
"""Says that there are terms, and that SPDX has no identifier for them."""


class Section(BaseModel):
    """A table of campaign.toml: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApprovalSettings(Section):
    """`[review.approval]`: which answers of people count as an approval."""

    policy: Literal["submitted", "verdict", "ground_truth", "agreement"] = "submitted"
    """What approves a label: `submitted` (an annotation that is not skipped), `verdict` (a value of
    `approve` beside it), `ground_truth` (its annotation is marked as such) or `agreement` (of
    `annotators` people or more, at least `share` give it).
    """
    control: str | None = None
    """Name of the control with the label; left out, the one that CLIP fills, or else the only
    `Choices` that is not `verdict_control`.
    """
    verdict_control: str | None = None
    """Name of the `Choices` with the verdict, which the policy `verdict` needs."""
    approve: list[str] = ["accept"]
    """Values of `verdict_control` that approve, under the policy `verdict`."""
    reject: list[str] = ["reject"]
    """Values of `verdict_control` that reject, under every policy."""
    unusable: list[str] = ["Unusable"]
    """Choices among the labels that say that a picture is of no use."""
    none: list[str] = ["None of these"]
    """Choices among the labels that say that a picture shows none of them."""
    annotators: Annotated[int, Field(ge=2, le=100)] = 2
    """Least number of people, for the policy `agreement`."""
    share: Annotated[float, Field(gt=0.5, le=1.0)] = 1.0
    """Least share of them that give the same label, for the policy `agreement`."""

    @model_validator(mode="after")
    def _a_verdict_has_a_control(self) -> Self:
        if self.policy == "verdict" and not self.verdict_control:
            raise ValueError('policy = "verdict" needs verdict_control, the control of the verdict')
        return self


class ReviewSettings(Section):
    """`[review]`: the Label Studio project, the order of its queue and the audit sample."""

    project: Annotated[str, Field(min_length=3, max_length=50)] | None = None
    """Title of the project; left out, the campaign's name and `review`."""
    url: str | None = None
    """Address of Label Studio; left out, `LABEL_STUDIO_URL`. Its token is `LABEL_STUDIO_API_KEY`.
    """
    order: Literal["label_probability", "similarity"] = "label_probability"
    """Score whose lowest values people see first: `label_probability` (is the label right?) or
    `similarity` (is the whole prompt met?).
    """
    audit: Share = 0.1
    """Share of what is pushed that is drawn at random, from all scores alike, to estimate error
    rates from.
    """
    approval: ApprovalSettings = ApprovalSettings()


class SplitSettings(Section):
    """`[storage.splits]`: shares of train, validation and test, which add up to 1."""

    train: Share = 0.8
    """Share to train on."""
    validation: Share = 0.1
    """Share to choose a model by."""
    test: Share = 0.1
    """Share to test on."""
    synthetic_in_test: bool = False
    """Whether generated pictures may be tested on."""
    near_duplicates: Cosine = 0.995
    """Cosine between CLIP vectors from which two pictures must lie in one split."""

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("the shares of train, validation and test do not add up to 1")
        if not self.train + self.validation:
            raise ValueError("train and validation cannot both be 0")
        return self


def _license(text: str) -> str:
    """An SPDX identifier as SPDX writes it, or "other"."""
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    if text == OTHER_LICENSE:
        return text
    try:
        found = str(canonicalize_license_expression(text))
    except InvalidLicenseExpression:
        found = ""
    if not found or " " in found or found.startswith("LicenseRef-"):
        raise ValueError(
            f"{text!r} is not in SPDX's list of licences, as CC-BY-4.0 and CC0-1.0 are: "
            f'https://spdx.org/licenses. For terms that have no identifier, write "{OTHER_LICENSE}"'
        )
    return found


class StorageSettings(Section):
    """`[storage]`: where approved samples go, and how."""

    url: str = "training"
    """Folder beside the file, or any fsspec URL: `s3://BUCKET/FOLDER`, `gs://`, `az://`,
    `hf://datasets/OWNER/NAME`.
    """
    layout: Annotated[list[LayoutName], Field(min_length=1)] = ["imagefolder"]
    """Forms in which each release is laid out, one or more."""
    shard_samples: Annotated[int, Field(ge=1, le=100_000)] = 100
    """Most samples in a webdataset or parquet file."""
    reviewers: Literal["ids", "emails"] = "ids"
    """How people are named in records: by Label Studio's `ids`, or by their `emails`."""
    sweep_minutes: Annotated[float, Field(ge=0)] = 60.0
    """Minutes between two looks for deleted tasks among all; changes are read at every sync."""
    license: Annotated[str, AfterValidator(_license)] | None = None
    """What others may do with the training set: an SPDX identifier such as `CC-BY-4.0`, or `other`.
    Stands in the dataset card; left out, the card says that no licence is stated.
    """
    splits: SplitSettings = SplitSettings()

    @model_validator(mode="after")
    def _layouts_once(self) -> Self:
        if len(set(self.layout)) < len(self.layout):
            raise ValueError("layout names one twice")
        return self


def storage_url(settings: StorageSettings, folder: Path) -> str:
    """The fsspec URL of training storage; a bare relative path counts from the settings' folder."""
    url = settings.url
    return url if "://" in url else str((folder / url).resolve())


def check_apart(settings: StorageSettings, folder: Path) -> None:
    """Refuse a training storage in the place of the originals.

    Raises:
        ValueError: it is the settings' own folder, or its images.
    """
    if storage_url(settings, folder) in {str(folder.resolve()), str((folder / "images").resolve())}:
        raise ValueError(
            "[storage] url is where the campaign keeps its originals; name another folder"
        )
