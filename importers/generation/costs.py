"""What a campaign has cost so far, from its ledger: by model, label and technique.

A cost that is not known is counted, never added as 0. A request without an answer may have been
paid for: what was reserved for it stands apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from importers.config.campaign import Campaign
from importers.ledger import Ledger
from importers.ledger.inputs import WritingEntry
from importers.ledger.requests import RequestEntry
from importers.review import STORED
from importers.sample import Sample


@dataclass(frozen=True)
class Cost:
    """What some requests came to. Amounts are US dollars.

    Attributes:
        images: Number of images that were drawn.
        cost_usd: Sum of the known costs.
        unpriced: Number of images whose cost is not known.
        unknown: Number of requests without an answer: each may have been paid for.
        reserved_usd: Highest possible cost of those, as far as that is known.
        decided: Number of images with a verdict.
        approved: Number of those that people approved or gave another label: training data.
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
        requests: Number of requests that were answered with texts.
        cost_usd: Sum of the known costs in US dollars.
        unpriced: Number of answered requests whose cost is not known.
        unknown: Number of requests without an answer.
    """

    requests: int
    cost_usd: Decimal
    unpriced: int
    unknown: int


@dataclass(frozen=True)
class CostReport:
    """What a campaign has cost.

    Attributes:
        campaign: Name of the campaign.
        total: Cost of all images; `writers` come on top.
        models, labels, techniques: Cost of each, by name. A relabelled image counts for the label
            of its prompt, which is what it was paid for.
        writers: Cost of each language model that wrote prompts.
        total_usd: Sum of all known costs, of images and writers, in US dollars.
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
        entries, samples = ledger.requests.entries(), ledger.samples()
        writings = ledger.writings.entries()
    names = dict.fromkeys(writing.writer for writing in writings)
    writers = {name: _writing_cost([w for w in writings if w.writer == name]) for name in names}
    total = _cost(entries, samples)
    return CostReport(
        campaign=campaign.name,
        total=total,
        models=_by(lambda a: a.model, lambda s: s.planned.model, entries, samples),
        labels=_by(lambda a: a.label, lambda s: s.prompt.label, entries, samples),
        techniques=_by(lambda a: a.technique, lambda s: s.prompt.technique, entries, samples),
        writers=writers,
        total_usd=total.cost_usd + sum((w.cost_usd for w in writers.values()), Decimal(0)),
    )


def _by(
    entry_name: Callable[[RequestEntry], str],
    sample_name: Callable[[Sample], str],
    entries: Iterable[RequestEntry],
    samples: Iterable[Sample],
) -> dict[str, Cost]:
    requests: dict[str, list[RequestEntry]] = defaultdict(list)
    for entry in entries:
        requests[entry_name(entry)].append(entry)
    drawn: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        drawn[sample_name(sample)].append(sample)
    return {name: _cost(requests[name], drawn[name]) for name in list(requests)}


def _cost(entries: Iterable[RequestEntry], samples: Iterable[Sample]) -> Cost:
    stored = [entry for entry in entries if entry.outcome == "stored"]
    unknown = [entry for entry in entries if entry.outcome == "unknown"]
    known = [entry.cost_usd for entry in stored if entry.cost_usd is not None]
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


def _writing_cost(writings: Sequence[WritingEntry]) -> WritingCost:
    answered = [writing for writing in writings if writing.outcome == "written"]
    known = [writing.cost_usd for writing in writings if writing.cost_usd is not None]
    return WritingCost(
        requests=len(answered),
        cost_usd=sum(known, Decimal(0)),
        unpriced=sum(writing.cost_usd is None for writing in answered),
        unknown=sum(writing.outcome == "unknown" for writing in writings),
    )
