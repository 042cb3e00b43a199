"""plan → generate → score → push: the stages of a campaign, each resumed from the ledger.

A stage does what is still to be done and returns a report with counts; when nothing is to be done
it does nothing. What was paid for is scored and pushed even when campaign.toml has changed since;
what was only planned is asked for as long as campaign.toml still wants it.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from importers.answer_spool import AnswerSpool
from importers.budget import Budget, CapReached, check_priced
from importers.campaign import Campaign
from importers.costs import commitments
from importers.easel import Drawn, Easel
from importers.estimate import Estimator
from importers.generate import GivenUp, draw, given_up, rules_of
from importers.generators import check as check_generator
from importers.generators import open_generator
from importers.generators.base import operation
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.planning import plan
from importers.progress import PaidProgress, Progress, silent
from importers.sample import Sample
from importers.terms import show_terms_once
from ls_backend.errors import ConfigError

if TYPE_CHECKING:
    from importers.label_studio.push import PushReport
    from ls_backend.label_studio import LabelStudio
    from ls_backend.model import ClipModel

MODEL_VERSION_NOTE = "model_version"
PROJECT_URL_NOTE = "project_url"
_SCORED_AS_NOTE = "scored_as"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GenerateReport:
    """What stands after generating.

    Attributes:
        planned: Samples that campaign.toml asks for.
        generated: Images drawn by this run.
        refused: Prompts that the generator refused in this run.
        unanswered: Requests of this run that may have been paid for without an image.
        given_up: Planned samples that are not asked for again after too many such requests.
        caps_reached: The caps of [budget] that kept requests of this run from being sent.
        missing: Planned samples that have no image, were not refused and are not given up.
        cost_usd: Sum of the known costs of this run in US dollars.
        unpriced: Images of this run whose cost is not known.
    """

    planned: int
    generated: int
    refused: int
    unanswered: int
    given_up: tuple[GivenUp, ...]
    caps_reached: tuple[CapReached, ...]
    missing: int
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
class RunReport:
    """The reports of the three stages."""

    generate: GenerateReport
    score: ScoreReport
    push: PushReport


class GenerationStopped(KeyboardInterrupt):
    """Ctrl-C while generating: the requests in the air were finished and recorded."""

    def __init__(self, report: GenerateReport) -> None:
        done = report.planned - report.missing - len(report.given_up)
        super().__init__(
            f"Stopped: {done} of {report.planned} samples are done, "
            f"{report.generated} of them by this run. Run it again to go on."
        )
        self.report = report


def generate(campaign: Campaign, ledger: Ledger, progress: PaidProgress = silent) -> GenerateReport:
    """Draw the planned samples that have no image.

    Raises:
        ConfigError: the generator's settings ask for what cannot be.
        GeneratorError: every further request would meet it; what was drawn before is recorded.
        GenerationStopped: Ctrl-C.
    """
    planned = {sample.key for sample in plan(campaign, ledger)}
    store, spool = ImageStore(campaign.images_path), AnswerSpool(campaign.answers_path)
    drawn = Drawn()
    if any(spool.waiting()):
        with closing(open_generator(campaign.generator)) as generator:
            drawn = Easel(generator, ledger, store, spool).recover()
    rules = rules_of(campaign.generator, ledger)
    lacking = [sample for sample in ledger.to_generate() if sample.key in planned]
    waiting = [sample for sample in lacking if not rules.gives_up(sample.key)]
    if waiting:
        campaign.images_path.mkdir(parents=True, exist_ok=True)
        estimator = Estimator(campaign.generator, ledger.samples())
        _before_paying(campaign, ledger, waiting, estimator)
        budget = Budget(campaign.budget, commitments(ledger))
        with closing(open_generator(campaign.generator)) as generator:
            easel = Easel(generator, ledger, store, spool)
            drawn += draw(waiting, easel, rules, budget, estimator, progress)
    lacking = [sample for sample in ledger.to_generate() if sample.key in planned]
    abandoned = given_up(lacking, rules)
    report = GenerateReport(
        planned=len(planned),
        generated=drawn.generated,
        refused=drawn.refused,
        unanswered=drawn.unanswered,
        given_up=abandoned,
        caps_reached=drawn.caps_reached,
        missing=len(lacking) - len(abandoned),
        cost_usd=drawn.cost_usd,
        unpriced=drawn.unpriced,
    )
    if drawn.interrupted:
        raise GenerationStopped(report)
    return report


def _before_paying(
    campaign: Campaign, ledger: Ledger, samples: Sequence[Sample], estimator: Estimator
) -> None:
    """Say what people should know before the first request is sent, or refuse to send it."""
    settings = campaign.generator
    unpriced = sum(estimator.cost_usd(sample.planned) is None for sample in samples)
    notices = [check_priced(campaign.budget, settings.model, unpriced)]
    notices += check_generator(settings, _operations(samples))
    for notice in filter(None, notices):
        log.warning("%s", notice)
    show_terms_once(settings, ledger)


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
    from importers.scoring import score_samples
    from ls_backend.label_config import read_label_config

    target = read_label_config(review_config(campaign))
    model = model or open_model(campaign)
    version = model.version(target)
    ledger.set_note(MODEL_VERSION_NOTE, version)
    ledger.set_note(_SCORED_AS_NOTE, _scored_as(campaign))
    waiting = [s for s in ledger.to_score(version) if s.prompt.label in target.labels]
    result = score_samples(
        waiting, model, target, ledger, ImageStore(campaign.images_path), progress
    )
    return ScoreReport(version, result.scored, result.unreadable)


def push(
    campaign: Campaign, ledger: Ledger, ls: LabelStudio, progress: Progress = silent
) -> PushReport:
    """Push the scored samples to Label Studio, lowest score first.

    Raises:
        ConfigError: nothing is scored yet, or not as campaign.toml now says.
        LabelStudioError: Label Studio refuses something.
    """
    from importers.label_studio import push as label_studio_push

    version = ledger.note(MODEL_VERSION_NOTE)
    if version is None:
        raise ConfigError(
            f"Nothing of {campaign.name!r} is scored yet.",
            hint="Run `ls-clip score` first, or `ls-clip run` for all of it.",
        )
    if ledger.note(_SCORED_AS_NOTE) != _scored_as(campaign):
        raise ConfigError(
            f"The labels or the scoring of {campaign.name!r} have changed since it was scored.",
            hint="Run `ls-clip score` first, or `ls-clip run` for all of it.",
        )
    report = label_studio_push.push(ls, campaign, ledger, version, progress)
    if report.project_url is not None:
        ledger.set_note(PROJECT_URL_NOTE, report.project_url)
    return report


def run(
    campaign: Campaign,
    ledger: Ledger,
    ls: LabelStudio,
    watch: Callable[[str], PaidProgress] = lambda _: silent,
) -> RunReport:
    """Generate, score and push.

    Before anything is paid for, Label Studio is asked who we are, and the CLIP model is loaded.

    Args:
        watch: Gives the progress of a stage, named "Generating", "Scoring" or "Pushing".
    """
    ls.request("GET", "/api/current-user/whoami", what="sign in")
    model = open_model(campaign)
    return RunReport(
        generate(campaign, ledger, watch("Generating")),
        score(campaign, ledger, watch("Scoring"), model),
        push(campaign, ledger, ls, watch("Pushing")),
    )


def _scored_as(campaign: Campaign) -> str:
    """What decides the scores, in one word: push must not mix scores with other labels."""
    from importers.label_studio.label_config import review_config

    decides = f"{campaign.score.model}\n{review_config(campaign)}"
    return hashlib.sha256(decides.encode()).hexdigest()
