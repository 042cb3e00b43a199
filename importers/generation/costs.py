"""What a campaign has cost so far, from its ledger: by model, label and technique.

A cost that is not known is counted, never added as 0. A request without an answer may have been
paid for: what was reserved for it stands apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal

from importers.config.campaign import Campaign
from importers.ledger import Ledger
from importers.ledger.inputs import WritingAccount
from importers.ledger.requests import Account
from importers.review import STORED
from importers.sample import Sample


@dataclass(frozen=True)
class Cost:
    """What some requests came to. Amounts are US dollars.

    Attributes:
        images: Images that were drawn.
        cost_usd: Sum of the known costs.
        unpriced: Images whose cost is not known.
        unknown: Requests without an answer: each may have been paid for.
        reserved_usd: What those could cost at most, as far as that is known.
        decided: Images with a verdict.
        approved: Those that people approved or gave another label: training data.
        per_approved_usd: cost_usd for each of those; None before there are any, and where the cost
            of an image is not known.
    """

    images: int
    cost_usd: Decimal
    unpriced: int
    unknown: int
    reserved_usd: Decimal
    decided: int
    approved: int
    per_approved_usd: Decimal | None


@dataclass(frozen=True)
class WritingCost:
    """What a language model cost.

    Attributes:
        requests: Requests that were answered with texts.
        cost_usd: Sum of the known costs in US dollars.
        unpriced: Answered requests whose cost is not known.
        unknown: Requests without an answer.
    """

    requests: int
    cost_usd: Decimal
    unpriced: int
    unknown: int


@dataclass(frozen=True)
class CostReport:
    """What a campaign has cost.

    Attributes:
        campaign: Its name.
        total: Of all images; `writers` come on top.
        models, labels, techniques: Of each, by name. A relabelled image counts for the label of
            its prompt, which is what it was paid for.
        writers: Of each language model that wrote prompts.
        total_usd: All known costs, of images and writers.
    """

    campaign: str
    total: Cost
    models: dict[str, Cost]
    labels: dict[str, Cost]
    techniques: dict[str, Cost]
    writers: dict[str, WritingCost]
    total_usd: Decimal


def campaign_costs(campaign: Campaign) -> CostReport:
    """Read what a campaign has cost, also while another process works on it.

    Raises:
        LedgerError: the ledger is damaged, or newer than this program.
    """
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        accounts, samples = ledger.requests.accounts(), ledger.samples()
        writings = ledger.writings.accounts()
    writers = _of_writers(writings)
    total = _cost(accounts, samples)
    return CostReport(
        campaign=campaign.name,
        total=total,
        models=_by(lambda a: a.model, lambda s: s.planned.model, accounts, samples),
        labels=_by(lambda a: a.label, lambda s: s.prompt.label, accounts, samples),
        techniques=_by(lambda a: a.technique, lambda s: s.prompt.technique, accounts, samples),
        writers=writers,
        total_usd=total.cost_usd + sum((w.cost_usd for w in writers.values()), Decimal(0)),
    )


def _by(
    account_name: Callable[[Account], str],
    sample_name: Callable[[Sample], str],
    accounts: Iterable[Account],
    samples: Iterable[Sample],
) -> dict[str, Cost]:
    requests: dict[str, list[Account]] = defaultdict(list)
    for account in accounts:
        requests[account_name(account)].append(account)
    drawn: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        drawn[sample_name(sample)].append(sample)
    return {name: _cost(requests[name], drawn[name]) for name in list(requests)}


def _cost(accounts: Iterable[Account], samples: Iterable[Sample]) -> Cost:
    stored = [account for account in accounts if account.outcome == "stored"]
    unknown = [account for account in accounts if account.outcome == "unknown"]
    known = [account.cost_usd for account in stored if account.cost_usd is not None]
    verdicts = Counter(sample.verdict for sample in samples if sample.verdict)
    approved = sum(verdicts[verdict] for verdict in STORED)
    cost_usd, unpriced = sum(known, Decimal(0)), len(stored) - len(known)
    return Cost(
        images=len(stored),
        cost_usd=cost_usd,
        unpriced=unpriced,
        unknown=len(unknown),
        reserved_usd=sum((a.reserved_usd or Decimal(0) for a in unknown), Decimal(0)),
        decided=verdicts.total(),
        approved=approved,
        per_approved_usd=cost_usd / approved if approved and not unpriced else None,
    )


def _of_writers(writings: Iterable[WritingAccount]) -> dict[str, WritingCost]:
    by_writer: dict[str, list[WritingAccount]] = defaultdict(list)
    for writing in writings:
        by_writer[writing.writer].append(writing)
    return {writer: _writing_cost(requests) for writer, requests in by_writer.items()}


def _writing_cost(writings: Iterable[WritingAccount]) -> WritingCost:
    answered = [writing for writing in writings if writing.outcome == "written"]
    known = [writing.cost_usd for writing in writings if writing.cost_usd is not None]
    return WritingCost(
        requests=len(answered),
        cost_usd=sum(known, Decimal(0)),
        unpriced=sum(writing.cost_usd is None for writing in answered),
        unknown=sum(writing.outcome == "unknown" for writing in writings),
    )
