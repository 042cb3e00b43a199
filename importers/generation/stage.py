"""The first stage of a campaign: prompts are written, source images gathered, images drawn.

What was only planned is asked for as long as campaign.toml still wants it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from importers.config.campaign import Campaign
from importers.generation import batch
from importers.generation.budget import CampaignBudget, CapReached
from importers.generation.candidates import Finder, nowhere
from importers.generation.one_by_one import GivenUp, Rules, draw, given_up, rules_of
from importers.generation.plan import plan
from importers.generation.request import DrawCounts, PendingAnswers, RequestSender
from importers.generation.sources import gather
from importers.generators import open_generator
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.progress import PaidProgress, Progress, silent
from importers.prompts import writing
from importers.sketch import open_model

if TYPE_CHECKING:
    from ls_backend.model import ClipModel

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GenerateReport:
    """What stands after generating.

    Attributes:
        planned: Number of samples that campaign.toml asks for.
        generated: Number of images drawn by this run.
        refused: Number of prompts that the generator refused in this run.
        unanswered: Number of requests of this run that may have been paid for without an image.
        given_up: Planned samples that are not asked for again after too many such requests.
        caps_reached: Caps of [budget] that kept requests of this run from being sent.
        missing: Number of planned samples that have no image, were not refused and are not given
            up.
        in_batch: Number of samples that are in a batch at the provider.
        cost_usd: Sum of the known costs of this run in US dollars.
        unpriced: Number of images of this run whose cost is not known.
        write: Report of the campaign's language model, which wrote before that.
    """

    planned: int
    generated: int
    refused: int
    unanswered: int
    given_up: tuple[GivenUp, ...]
    caps_reached: tuple[CapReached, ...]
    missing: int
    in_batch: int
    cost_usd: Decimal
    unpriced: int
    write: writing.WriteReport

    @property
    def ended_early(self) -> bool:
        """Whether a cap, or samples that were given up, kept it from drawing all."""
        return bool(self.caps_reached or self.given_up)


class GenerationStopped(KeyboardInterrupt):
    """Ctrl-C while generating: the requests in the air were finished and recorded."""

    def __init__(self, report: GenerateReport) -> None:
        done = report.planned - report.missing - len(report.given_up)
        super().__init__(
            f"Stopped: {done} of {report.planned} samples are done, "
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
    by_vector = campaign.prompts.writing.similar_texts < 1
    if model is None and by_vector and writing.to_write(campaign, ledger):
        model = open_model(campaign.score.model)
    encode = model.clip.encode_texts if model is not None else None
    return writing.write(campaign, ledger, encode, progress)


def generate(
    campaign: Campaign,
    ledger: Ledger,
    progress: PaidProgress = silent,
    model: ClipModel | None = None,
    *,
    wait: bool = True,
    in_project: Finder = nowhere,
) -> GenerateReport:
    """Draw the planned samples that have no image; what they are told is written first.

    Args:
        model: The campaign's CLIP model, where it is loaded already.
        wait: Stay until batches at the provider have ended, or leave them to a later run.
        in_project: Finds the images of a technique that starts from a Label Studio project.

    Raises:
        ConfigError: the generator's or the writer's settings ask for what cannot be.
        GeneratorError: every further request would meet it; what was drawn before is recorded.
        GenerationStopped: Ctrl-C.
    """
    written = write(campaign, ledger, model=model)
    for line in writing.summary_lines(written):
        log.info("%s", line)
    gather(campaign, ledger, in_project)
    planned = {sample.key for sample in plan(campaign, ledger)}
    drawn = _draw(campaign, ledger, planned, progress, wait=wait)
    report = _report(ledger, planned, drawn, rules_of(campaign.generator, ledger), written)
    if drawn.interrupted:
        raise GenerationStopped(report)
    return report


def _draw(
    campaign: Campaign,
    ledger: Ledger,
    planned: Collection[str],
    progress: PaidProgress,
    *,
    wait: bool,
) -> DrawCounts:
    """Store what was paid for before, then draw what is lacking: in batches or one by one."""
    store, pending = ImageStore(campaign.images_path), PendingAnswers(campaign.answers_path)
    drawn, budget = DrawCounts(), CampaignBudget(campaign, ledger)
    if any(pending.waiting()):
        with closing(open_generator(campaign.generator)) as generator:
            drawn = RequestSender(generator, ledger, store, pending).recover()
    in_batches = campaign.generator.batch
    if in_batches or ledger.batches.keys_in_flight():
        wait = wait and in_batches
        drawn += batch.draw(
            campaign, planned, ledger, store, pending, budget, wait=wait, progress=progress
        )
    if in_batches or drawn.interrupted:
        return drawn
    rules, in_flight = rules_of(campaign.generator, ledger), ledger.batches.keys_in_flight()
    waiting = [
        sample
        for sample in ledger.to_generate()
        if sample.key in planned and sample.key not in in_flight and not rules.gives_up(sample.key)
    ]
    if waiting:
        campaign.images_path.mkdir(parents=True, exist_ok=True)
        budget.before_paying([sample.planned for sample in waiting])
        with closing(open_generator(campaign.generator)) as generator:
            sender = RequestSender(generator, ledger, store, pending)
            drawn += draw(waiting, sender, rules, budget.caps, budget.estimator, progress)
    return drawn


def _report(
    ledger: Ledger,
    planned: Collection[str],
    drawn: DrawCounts,
    rules: Rules,
    written: writing.WriteReport,
) -> GenerateReport:
    lacking = [sample for sample in ledger.to_generate() if sample.key in planned]
    abandoned = given_up(lacking, rules)
    return GenerateReport(
        planned=len(planned),
        generated=drawn.generated,
        refused=drawn.refused,
        unanswered=drawn.unanswered,
        given_up=abandoned,
        caps_reached=drawn.caps_reached,
        missing=len(lacking) - len(abandoned),
        in_batch=len(ledger.batches.keys_in_flight()),
        cost_usd=drawn.cost_usd,
        unpriced=drawn.unpriced,
        write=written,
    )
