"""What stands between samples and the first paid request: checks, notices, the budget."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal

from importers.config.campaign import Campaign
from importers.generation.budget import Budget, CapReached, Reservation, check_priced
from importers.generation.costs import commitments
from importers.generation.estimate import Estimator
from importers.generators import check as check_generator
from importers.generators.base import operation
from importers.ledger import Ledger
from importers.money.terms import show_terms_once
from importers.sample import PlannedSample

log = logging.getLogger(__name__)


class Cashier:
    """Knows what requests of a campaign may cost, and what is left of the budget."""

    def __init__(self, campaign: Campaign, ledger: Ledger) -> None:
        self.estimator = Estimator(campaign.generator, ledger.samples())
        self.budget = Budget(campaign.budget, commitments(ledger))
        self._campaign = campaign
        self._ledger = ledger
        self._reserved: dict[str, Reservation] = {}

    def before_paying(self, samples: Sequence[PlannedSample]) -> None:
        """Say what people should know before the first request is sent, or refuse to send it.

        Raises:
            ConfigError: the settings ask for what cannot be, or for what has no known price.
            GeneratorError: the generator would not draw.
        """
        settings = self._campaign.generator
        unpriced = sum(self.estimator.cost_usd(sample) is None for sample in samples)
        notices = [check_priced(self._campaign.budget, settings.model, unpriced)]
        notices += check_generator(settings, operations_of(samples))
        for notice in filter(None, notices):
            log.warning("%s", notice)
        show_terms_once(settings, self._ledger)

    def affordable(
        self, samples: Iterable[PlannedSample]
    ) -> tuple[dict[str, Decimal | None], tuple[CapReached, ...]]:
        """Reserve the cost of samples that are all asked for at once.

        Returns:
            US dollars by the key of each that the caps allow, and the caps that others reach.
        """
        costs: dict[str, Decimal | None] = {}
        reached: dict[tuple[str, str | None], CapReached] = {}
        for sample in samples:
            self._release(sample.key)
            usd = self.estimator.cost_usd(sample)
            reservation = self.budget.reserve(sample.prompt.label, usd)
            if isinstance(reservation, CapReached):
                reached[reservation.cap, reservation.label] = reservation
            else:
                self._reserved[sample.key] = reservation
                costs[sample.key] = usd
        return costs, tuple(reached.values())

    def _release(self, key: str) -> None:
        """A sample that is asked for again was not drawn before."""
        before = self._reserved.pop(key, None)
        if before is not None:
            self.budget.settle(before, Decimal(0))


def operations_of(samples: Collection[PlannedSample]) -> set[str]:
    """Which of the generators' operations the samples need."""
    return {operation(len(s.parents), masked=s.mask is not None) for s in samples}
