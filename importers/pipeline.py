"""plan → generate → score → select → push: the stages of a campaign, each resumed from the ledger.

A stage does what is still to be done and returns a report with counts; when nothing is to be done
it does nothing. What was paid for is scored and pushed even when campaign.toml has changed since;
what was only planned is asked for as long as campaign.toml still wants it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from importers import batch_run
from importers.answer_spool import AnswerSpool
from importers.campaign import Campaign
from importers.generate import Drawn, draw, recover
from importers.generators import check as check_generator
from importers.generators import open_generator
from importers.generators.base import operation
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.planning import plan
from importers.progress import Progress, silent
from importers.prompts import writing
from importers.sample import Sample
from importers.techniques import gather
from importers.up_to_date import (
    note_scored,
    note_selected,
    note_unselected,
    scored_version,
    selected_version,
)
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.label_studio.push import PushReport
    from ls_backend.label_studio import LabelStudio
    from ls_backend.model import ClipModel

PROJECT_URL_NOTE = "project_url"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GenerateReport:
    """What stands after generating.

    Attributes:
        planned: Samples that campaign.toml asks for.
        generated: Images drawn by this run.
        refused: Prompts that the generator refused in this run.
        unanswered: Requests of this run that may have been paid for without an image.
        missing: Planned samples that have no image and were not refused.
        in_batch: Samples that are in a batch at the provider.
        cost_usd: Sum of the known costs of this run in US dollars.
        unpriced: Images of this run whose cost is not known.
    """

    planned: int
    generated: int
    refused: int
    unanswered: int
    missing: int
    in_batch: int
    cost_usd: Decimal
    unpriced: int


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
        held: How many samples with an image are kept from people for which reason.
    """

    held: dict[str, int]


@dataclass(frozen=True)
class SelectedReport(ScoreReport):
    """What stands after scoring and selecting.

    Attributes:
        held: As in `SelectReport`.
    """

    held: dict[str, int]


@dataclass(frozen=True)
class RunReport:
    """The reports of the four stages."""

    generate: GenerateReport
    score: ScoreReport
    select: SelectReport
    push: PushReport


class GenerationStopped(KeyboardInterrupt):
    """Ctrl-C while generating: the requests in the air were finished and recorded."""

    def __init__(self, report: GenerateReport) -> None:
        super().__init__(
            f"Stopped: {report.planned - report.missing} of {report.planned} samples are done, "
            f"{report.generated} of them by this run. Run it again to go on."
        )
        self.report = report


def write(
    campaign: Campaign,
    ledger: Ledger,
    progress: Progress = silent,
    model: ClipModel | None = None,
) -> writing.WriteReport:
    """Let the campaign's language model write what is missing; nothing where it has none.

    Args:
        model: The campaign's CLIP model, where it is loaded already; finds near duplicates.

    Raises:
        ConfigError: the writer's settings ask for what cannot be.
        GeneratorError: every further request would meet it; what was written is recorded.
    """
    by_vector = campaign.prompts.writing.near_duplicates < 1
    if model is None and by_vector and writing.to_write(campaign, ledger):
        model = open_model(campaign)
    encode = model.clip.encode_texts if model is not None else None
    return writing.write(campaign, ledger, encode, progress)


def generate(
    campaign: Campaign,
    ledger: Ledger,
    progress: Progress = silent,
    model: ClipModel | None = None,
    *,
    wait: bool = True,
) -> GenerateReport:
    """Draw the planned samples that have no image; what they are told is written first.

    Args:
        model: The campaign's CLIP model, where it is loaded already.
        wait: Stay until batches at the provider have ended, or leave them to a later run.

    Raises:
        ConfigError: the generator's or the writer's settings ask for what cannot be.
        GeneratorError: every further request would meet it; what was drawn before is recorded.
        GenerationStopped: Ctrl-C.
    """
    for line in writing.told(write(campaign, ledger, model=model)):
        log.info("%s", line)
    gather(campaign, ledger)
    planned = {sample.key for sample in plan(campaign, ledger)}
    store, spool = ImageStore(campaign.images_path), AnswerSpool(campaign.answers_path)
    drawn = Drawn()
    if any(spool.waiting()):
        with closing(open_generator(campaign.generator)) as generator:
            drawn = recover(generator, ledger, store, spool)
    batch, in_batch = campaign.generator.batch, ledger.batches.keys_in_flight()
    if batch or in_batch:
        wait = wait and batch
        drawn += batch_run.draw(
            campaign, planned, ledger, store, spool, wait=wait, progress=progress
        )
        in_batch = ledger.batches.keys_in_flight()
    waiting = [s for s in ledger.to_generate() if s.key in planned and s.key not in in_batch]
    if waiting and not batch and not drawn.interrupted:
        campaign.images_path.mkdir(parents=True, exist_ok=True)
        for notice in check_generator(campaign.generator, _operations(waiting)):
            log.warning("%s", notice)
        with closing(open_generator(campaign.generator)) as generator:
            drawn += draw(
                waiting,
                generator,
                ledger,
                store,
                spool,
                parallel=campaign.generator.parallel,
                progress=progress,
            )
    report = GenerateReport(
        planned=len(planned),
        generated=drawn.generated,
        refused=drawn.refused,
        unanswered=drawn.unanswered,
        missing=sum(sample.key in planned for sample in ledger.to_generate()),
        in_batch=len(in_batch),
        cost_usd=drawn.cost_usd,
        unpriced=drawn.unpriced,
    )
    if drawn.interrupted:
        raise GenerationStopped(report)
    return report


def _operations(samples: Sequence[Sample]) -> set[str]:
    planned = [sample.planned for sample in samples]
    return {operation(len(p.parents), masked=p.mask is not None) for p in planned}


def open_model(campaign: Campaign) -> ClipModel:
    """Load the campaign's CLIP model.

    Raises:
        ModelError: it cannot be found or loaded.
    """
    from importers.sketch import resolve_model
    from ls_backend.clip import Clip
    from ls_backend.model import ClipModel

    return ClipModel(Clip.load(resolve_model(campaign.score.model)))


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
    from importers.label_studio.label_config import review_config
    from importers.scoring import score_samples, to_score
    from ls_backend.label_config import read_label_config

    target = read_label_config(review_config(campaign))
    model = model or open_model(campaign)
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
    from importers import selection

    version = scored_version(campaign, ledger)
    selection.select(campaign, ledger, version)
    note_selected(campaign, ledger, version)
    return SelectReport(selection.held(ledger.samples(), campaign))


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
    *,
    drop: bool = False,
) -> PushReport:
    """Push the chosen samples to Label Studio, lowest score first.

    Args:
        drop: Leave out those whose label_probability is below `drop_below`.

    Raises:
        ConfigError: nothing is scored yet, or not as campaign.toml now says; or `drop` without
            `drop_below`.
        LabelStudioError: Label Studio refuses something.
    """
    from importers.label_studio import push as label_studio_push

    _check_drop(campaign, drop)
    version = selected_version(campaign, ledger)
    report = label_studio_push.push(ls, campaign, ledger, version, progress, drop=drop)
    if report.project_url is not None:
        ledger.set_note(PROJECT_URL_NOTE, report.project_url)
    return report


def _check_drop(campaign: Campaign, drop: bool) -> None:
    if drop and campaign.selection.drop_below is None:
        raise ConfigError(
            f"--drop says to drop, but {campaign.name!r} does not say below which probability.",
            hint="Set drop_below under [selection] in campaign.toml, such as drop_below = 0.05.",
        )


def run(
    campaign: Campaign,
    ledger: Ledger,
    ls: LabelStudio,
    watch: Callable[[str], Progress] = lambda _: silent,
    *,
    drop: bool = False,
) -> RunReport:
    """Generate, score, select and push.

    Before anything is paid for, Label Studio is asked who we are, and the CLIP model is loaded.

    Args:
        watch: Gives the progress of a stage, named "Generating", "Scoring" or "Pushing".
        drop: As for `push`.
    """
    _check_drop(campaign, drop)
    ls.request("GET", "/api/current-user/whoami", what="sign in")
    model = open_model(campaign)
    return RunReport(
        generate(campaign, ledger, watch("Generating"), model),
        score(campaign, ledger, watch("Scoring"), model),
        select(campaign, ledger),
        push(campaign, ledger, ls, watch("Pushing"), drop=drop),
    )
