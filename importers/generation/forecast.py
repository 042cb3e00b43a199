"""What a run would draw, what that would cost and how long it would take; sends nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from statistics import median

from importers.config.campaign import Campaign
from importers.generation.budget import (
    NOTICE,
    Budget,
    CapReached,
    check_priced,
    commitments,
    operations_of,
    terms_apply,
)
from importers.generation.estimate import (
    Estimator,
    Tokens,
    assumptions_of,
    is_free,
    utc_today,
)
from importers.generation.one_by_one import rules_of
from importers.generation.plan import known_to, planned_samples
from importers.generation.sources import NotLookedAt, gathered_ahead
from importers.generators import kind_of
from importers.ledger import Ledger
from importers.ledger.requests import RequestEntry
from importers.openai_api.prices import Price, price_of
from importers.prompts.folder import check_folder
from importers.sample import PlannedSample
from ls_backend.errors import ConfigError

_LATEST = 200


@dataclass(frozen=True)
class Forecast:
    """What a run would do.

    Attributes:
        campaign: Name of the campaign.
        planned: Number of samples that campaign.toml asks for.
        images: Number of images that a run would ask for.
        model, size, tier: Model, size and price tier of the requests.
        tokens: Tokens of all requests, at most; None where they are not known.
        cost_usd: US dollars for all requests whose cost is known, at most.
        unpriced: Number of requests whose cost is not known.
        free: Whether nobody is paid for these images.
        price: Line of the price table; None where there is none.
        assumptions: Assumptions of the estimate, in sentences.
        seconds: Duration by the times in the ledger; None where it has none.
        seconds_per_image: Time from sending to storing; None where the ledger has nothing.
        parallel: Number of requests at the same time.
        caps_reached: Caps of [budget] that would stop it on the way.
        affordable: Number of images that the caps leave room for.
        terms: Notice that goes with these images; None where none does.
        not_looked_at: Techniques whose source images were not looked for: these samples are not
            counted, but for what earlier runs found.
        obstacle: Reason why a run would not begin, and what to do; None where none is known.
    """

    campaign: str
    planned: int
    images: int
    model: str
    size: str
    tier: str
    tokens: Tokens | None
    cost_usd: Decimal
    unpriced: int
    free: bool
    price: Price | None
    assumptions: tuple[str, ...]
    seconds: float | None
    seconds_per_image: float | None
    parallel: int
    caps_reached: tuple[CapReached, ...]
    affordable: int
    terms: str | None
    not_looked_at: tuple[NotLookedAt, ...]
    obstacle: str | None


def forecast(campaign: Campaign) -> Forecast:
    """What the next run would do, also while another process works on the campaign.

    Raises:
        ConfigError: the campaign contradicts itself, or its source images are not there.
        LedgerError: the ledger is damaged, or newer than this program.
    """
    settings = campaign.generator
    with gathered_ahead(campaign) as (ledger, not_looked_at):
        planned = planned_samples(campaign, known_to(ledger))
        waiting = _waiting(campaign, ledger, planned)
        estimator = Estimator(settings, ledger.samples())
        budget = Budget(campaign.budget, commitments(ledger))
        per_image = _seconds_per_image(ledger.requests.entries(), settings.model)
    costs = [estimator.cost_usd(sample) for sample in waiting]
    counted = [estimator.tokens(sample) for sample in waiting]
    known = [tokens for tokens in counted if tokens is not None]
    reached = _reached(budget, waiting, costs)
    free = is_free(settings)
    said = [said for sample in waiting if not free for said in assumptions_of(sample)]
    return Forecast(
        campaign=campaign.name,
        planned=len(planned),
        images=len(waiting),
        model=settings.model or settings.kind,
        size=settings.size,
        tier=estimator.tier,
        tokens=sum(known, Tokens()) if len(known) == len(counted) else None,
        cost_usd=sum((cost for cost in costs if cost is not None), Decimal(0)),
        unpriced=costs.count(None),
        free=free,
        price=None if free else price_of(settings.model, utc_today(), estimator.tier),
        assumptions=tuple(dict.fromkeys(said)),
        seconds=None if per_image is None else per_image * len(waiting) / settings.parallel,
        seconds_per_image=per_image,
        parallel=settings.parallel,
        caps_reached=tuple({(cap.cap, cap.label): cap for cap in reached}.values()),
        affordable=len(waiting) - len(reached),
        terms=NOTICE if terms_apply(settings) else None,
        not_looked_at=not_looked_at,
        obstacle=_obstacle(campaign, planned, waiting, costs.count(None)),
    )


def _obstacle(
    campaign: Campaign,
    planned: Sequence[PlannedSample],
    waiting: Sequence[PlannedSample],
    unpriced: int,
) -> str | None:
    """What can be known of it without asking anybody."""
    settings = campaign.generator
    try:
        if settings.kind == "folder":
            check_folder(campaign, planned)
        if waiting:
            check_priced(campaign.budget, settings.model, unpriced)
            kind_of(settings).check_settings(settings, operations_of(waiting))
    except ConfigError as error:
        return f"{error.message} {error.hint}"
    return None


def _waiting(
    campaign: Campaign, ledger: Ledger, planned: Sequence[PlannedSample]
) -> list[PlannedSample]:
    rules = rules_of(campaign.generator, ledger)
    done = {s.key for s in ledger.samples() if s.sha256 is not None or s.refused is not None}
    return [s for s in planned if s.key not in done and not rules.gives_up(s.key)]


def _reached(
    budget: Budget, samples: Sequence[PlannedSample], costs: Sequence[Decimal | None]
) -> list[CapReached]:
    """For each sample that the caps leave no room for, which cap that is."""
    tried = (
        budget.reserve(sample.prompt.label, cost)
        for sample, cost in zip(samples, costs, strict=True)
    )
    return [outcome for outcome in tried if isinstance(outcome, CapReached)]


def _seconds_per_image(entries: Sequence[RequestEntry], model: str) -> float | None:
    took = [
        (entry.finished - entry.started).total_seconds()
        for entry in entries
        if entry.model == model
        and entry.outcome == "stored"
        and entry.finished is not None
        and not entry.batch
    ]
    return median(took[-_LATEST:]) if took else None
