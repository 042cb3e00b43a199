"""plan → generate → score → select → push: the stages of a campaign, each resumed from the ledger.

A stage does what is still to be done and returns a report with counts; when nothing is to be done
it does nothing. What was paid for is scored and pushed even when campaign.toml has changed since;
what was only planned is asked for as long as campaign.toml still wants it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from importers.config.campaign import Campaign
from importers.generation import stage
from importers.generation.stage import GenerateReport
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.progress import PaidProgress, Progress, silent
from importers.scoring.score import score_samples, to_score
from importers.scoring.select import (
    note_scored,
    note_selected,
    note_unselected,
    scored_version,
    selected_version,
)
from importers.sketch import open_model

if TYPE_CHECKING:
    from importers.label_studio.push import PushReport
    from ls_backend.label_studio import LabelStudio
    from ls_backend.model import ClipModel


log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScoreReport:
    """What stands after scoring.

    Attributes:
        model_version: Version of the model and the prompt texts.
        scored: Samples scored by this run.
        unreadable: Samples whose image is gone or is none.
    """

    model_version: str
    scored: int
    unreadable: int


@dataclass(frozen=True)
class SelectReport:
    """What stands after selecting.

    Attributes:
        held: Number of samples with an image that people do not see, by reason.
    """

    held: dict[str, int]


@dataclass(frozen=True)
class SelectedReport(ScoreReport):
    """What stands after scoring and selecting.

    Attributes:
        held: Number of samples with an image that people do not see, by reason.
    """

    held: dict[str, int]


@dataclass(frozen=True)
class RunReport:
    """The reports of the four stages."""

    generate: GenerateReport
    score: ScoreReport
    select: SelectReport
    push: PushReport


def generate(
    campaign: Campaign,
    ledger: Ledger,
    progress: PaidProgress = silent,
    model: ClipModel | None = None,
    *,
    wait: bool = True,
) -> GenerateReport:
    """Draw what has no image, also from annotated images of Label Studio; see `stage.generate`."""
    from importers.label_studio.annotated_images import in_project

    return stage.generate(campaign, ledger, progress, model, wait=wait, in_project=in_project)


def score(
    campaign: Campaign,
    ledger: Ledger,
    progress: Progress = silent,
    model: ClipModel | None = None,
) -> ScoreReport:
    """Score the images that this version of the model has not scored, also those pushed before.

    Args:
        model: The campaign's CLIP model, where it is loaded already.

    Raises:
        ModelError: the CLIP model cannot be found or loaded.
    """
    from importers.config.review_config import review_config
    from ls_backend.labels.config import read_label_config

    target = read_label_config(review_config(campaign))
    model = model or open_model(campaign.score.model)
    version = model.version(target)
    note_scored(campaign, ledger, version)
    waiting = to_score(campaign, ledger, target, version)
    if waiting:
        note_unselected(ledger)
    result = score_samples(
        waiting, model, target, ledger, ImageStore(campaign.images_path), progress
    )
    return ScoreReport(version, result.scored, result.unreadable)


def select(campaign: Campaign, ledger: Ledger) -> SelectReport:
    """Choose which of the scored samples people should see.

    Raises:
        ConfigError: nothing is scored yet, or not as campaign.toml now says.
    """
    from importers.scoring.select import held
    from importers.scoring.select import select as choose

    version = scored_version(campaign, ledger)
    choose(campaign, ledger, version)
    note_selected(campaign, ledger, version)
    return SelectReport(held(ledger.samples(), campaign))


def score_and_select(
    campaign: Campaign, ledger: Ledger, progress: Progress = silent
) -> SelectedReport:
    """Score, then choose which samples people should see; see `score` and `select`."""
    report = score(campaign, ledger, progress)
    return SelectedReport(**vars(report), held=select(campaign, ledger).held)


def push(
    campaign: Campaign,
    ledger: Ledger,
    ls: LabelStudio,
    progress: Progress = silent,
) -> PushReport:
    """Push the chosen samples to Label Studio, lowest score first.

    Raises:
        ConfigError: nothing is scored yet, or not as campaign.toml now says.
        LabelStudioError: Label Studio refuses something.
    """
    from importers.label_studio import push as label_studio_push

    version = selected_version(campaign, ledger)
    report = label_studio_push.push(ls, campaign, ledger, version, progress)
    if report.project_url is not None:
        ledger.set_note(Note.PROJECT_URL, report.project_url)
    return report


def run(
    campaign: Campaign,
    ledger: Ledger,
    ls: LabelStudio,
    watch: Callable[[str], PaidProgress] = lambda _: silent,
) -> RunReport:
    """Generate, score, select and push.

    Before anything is paid for, Label Studio is asked who we are and how old it is, and the CLIP
    model is loaded.

    Args:
        watch: Gives the progress of a stage, named "Generating", "Scoring" or "Pushing".
    """
    from importers.label_studio.version import check_version

    ls.request("GET", "/api/current-user/whoami", what="sign in")
    check_version(ls)
    model = open_model(campaign.score.model)
    return RunReport(
        generate(campaign, ledger, watch("Generating"), model),
        score(campaign, ledger, watch("Scoring"), model),
        select(campaign, ledger),
        push(campaign, ledger, ls, watch("Pushing")),
    )
