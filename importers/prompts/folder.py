"""A folder of pictures → the samples of a campaign whose generator is that folder.

A picture's prompt is the text that it was drawn from, else its label. One whose label is none of
the campaign's is left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

from importers.prompts.picture_folder import SHOWN_BY_BROWSERS, Picture, log_files, read_pictures
from importers.sample import PlannedSample, Prompt, sample_key
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.config.campaign import Campaign

MODEL = "folder"
SIZE = "auto"


def folder_samples(campaign: Campaign) -> list[PlannedSample]:
    """The samples of a campaign whose generator is a folder, in the order of the files.

    At most `campaign.samples` of them; the labels take turns in what is taken. Pictures that are
    left out are named in the log; of a folder that is gone there are none.

    Raises:
        ConfigError: the folder's list or a prompt's file cannot be read.
    """
    folder = Path(campaign.generator.path or "")
    pictures = read_pictures(folder, campaign)
    unseen = [p.file for p in pictures if Path(p.file).suffix.lower() not in SHOWN_BY_BROWSERS]
    log_files(unseen, "Left out, since browsers do not show them")
    pictures = [picture for picture in pictures if picture.file not in set(unseen)]
    known = [picture for picture in pictures if picture.label in campaign.labels]
    unknown = [picture.file for picture in pictures if picture.label not in campaign.labels]
    log_files(unknown, "Left out, since they show none of the labels as far as is known")
    taken = {p.file for p in _in_turns(known, campaign.labels)[: campaign.samples]}
    log_files([p.file for p in known if p.file not in taken], "More than `samples` asks for")
    return [_sample(folder, picture) for picture in known if picture.file in taken]


def check_folder(campaign: Campaign, samples: Sequence[PlannedSample]) -> None:
    """Refuse a folder that gave no sample.

    Raises:
        ConfigError: saying what is missing.
    """
    folder = Path(campaign.generator.path or "")
    if not folder.is_dir():
        raise ConfigError(
            f"There is no folder {folder}.", hint="Set generator.path to the folder of pictures."
        )
    if not samples:
        raise ConfigError(
            f"There is no picture in {folder} whose label is known.",
            hint=f"Put {', '.join(sorted(SHOWN_BY_BROWSERS))} there, in sub-folders called like "
            "the labels, or with a manifest.csv (columns file and label).",
        )


def is_synthetic(sample: PlannedSample) -> bool | None:
    """Whether a model drew the picture; None where that is not known."""
    return sample.parameters.get("synthetic") if sample.model == MODEL else True


def _in_turns(pictures: Sequence[Picture], labels: Sequence[str]) -> list[Picture]:
    of_labels = [[picture for picture in pictures if picture.label == label] for label in labels]
    return [p for turn in zip_longest(*of_labels) for p in turn if p is not None]


def _sample(folder: Path, picture: Picture) -> PlannedSample:
    label = picture.label or ""
    prompt = Prompt(picture.prompt or label, label, "vanilla", picture.factors)
    parameters: dict[str, str | bool] = {
        "file": picture.file,
        "sha256": hashlib.sha256((folder / picture.file).read_bytes()).hexdigest(),
    }
    if picture.synthetic is not None:
        parameters["synthetic"] = picture.synthetic
    return PlannedSample(
        key=sample_key(prompt, MODEL, SIZE, parameters, seed=0),
        prompt=prompt,
        model=MODEL,
        size=SIZE,
        parameters=parameters,
        seed=0,
    )
