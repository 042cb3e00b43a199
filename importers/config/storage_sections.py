"""The tables of campaign.toml that say what is approved, and how it is stored for training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from typing_extensions import Self

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Cosine = Annotated[float, Field(gt=0.0, le=1.0)]
LayoutName = Literal["imagefolder", "webdataset", "parquet", "coco", "yolo", "csv", "jsonl"]


class Section(BaseModel):
    """A table of campaign.toml: unknown keys are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ApprovalSettings(Section):
    """`[review.approval]`: which answers of people count as an approval.

    `policy`: "submitted" (an annotation that is not skipped), "verdict" (`verdict_control` has a
    value of `approve`), "ground_truth" (the annotation is marked as such), "agreement" (at least
    `annotators` people, of whom at least `share` give the same label). `control` is the control
    with the label, where the labeling config leaves a choice. A value of `reject` at
    `verdict_control` rejects under every policy; `unusable` and `none` are choices among the
    labels.
    """

    policy: Literal["submitted", "verdict", "ground_truth", "agreement"] = "submitted"
    control: str | None = None
    verdict_control: str | None = None
    approve: list[str] = ["accept"]
    reject: list[str] = ["reject"]
    unusable: list[str] = ["Unusable"]
    none: list[str] = ["None of these"]
    annotators: Annotated[int, Field(ge=2, le=100)] = 2
    share: Annotated[float, Field(gt=0.5, le=1.0)] = 1.0

    @model_validator(mode="after")
    def _a_verdict_has_a_control(self) -> Self:
        if self.policy == "verdict" and not self.verdict_control:
            raise ValueError('policy = "verdict" needs verdict_control, the control of the verdict')
        return self


class SplitSettings(Section):
    """`[storage.splits]`: shares of train, validation and test; they add up to 1.

    `synthetic_in_test`: whether generated pictures may be tested on. `near_duplicates` is the
    cosine from which two images must lie in one split: at the default copies as JPEG, blurred or a
    little brighter are found, and no two drawings of different prompts were linked with the tiny
    CLIP (17 of 4.4 million pairs at 0.99).
    """

    train: Share = 0.8
    validation: Share = 0.1
    test: Share = 0.1
    synthetic_in_test: bool = False
    near_duplicates: Cosine = 0.995

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("the shares of train, validation and test do not add up to 1")
        if not self.train + self.validation:
            raise ValueError("train and validation cannot both be 0")
        return self


class StorageSettings(Section):
    """`[storage]`: where approved samples go, any fsspec URL; a bare path is in the campaign.

    `layout`: how releases are laid out, in one way or more. `shard_samples` is the most that a
    webdataset or parquet file holds. `reviewers`: whether people are named by Label Studio's ids or
    by their e-mail addresses. `sweep_minutes`: how often deleted tasks are looked for among all;
    changes are read at every sync.
    """

    url: str = "training"
    layout: Annotated[list[LayoutName], Field(min_length=1)] = ["imagefolder"]
    shard_samples: Annotated[int, Field(ge=1, le=100_000)] = 100
    reviewers: Literal["ids", "emails"] = "ids"
    sweep_minutes: Annotated[float, Field(ge=0)] = 60.0
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
