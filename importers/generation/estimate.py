"""What a sample will cost at most, before it is paid for.

Published prices and token counts give a first answer; what this campaign has paid for the same
kind of request corrects it upwards. A cost that is not known is None, never 0.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from datetime import date, datetime, timezone
from decimal import Decimal

from importers.config.sections import GeneratorSettings
from importers.generators.image_tokens import Tokens, tokens_of
from importers.generators.prices import FREE_MODELS, Tier, cost_of_tokens, price_of
from importers.sample import PlannedSample, Sample

FREE_KINDS = frozenset({"diffusers", "folder"})
"""Generators that run here: nobody is paid."""


class Estimator:
    """Estimates the requests of a campaign; for all threads.

    Args:
        settings: The campaign's `[generator]`.
        drawn: Samples that the campaign has paid for.
    """

    def __init__(self, settings: GeneratorSettings, drawn: Iterable[Sample] = ()) -> None:
        self.tier: Tier = "batch" if settings.batch else "standard"
        self._free = is_free(settings)
        self._lock = threading.Lock()
        self._highest: dict[str, Decimal] = {}
        for sample in drawn:
            self.learn(sample.planned, sample.cost_usd)

    def cost_usd(self, sample: PlannedSample) -> Decimal | None:
        """US dollars that a request for the sample costs at most; None where that is not known."""
        if self._free:
            return Decimal(0)
        with self._lock:
            paid = self._highest.get(_kind(sample))
        computed = _computed(sample, self.tier)
        known = [cost for cost in (paid, computed) if cost is not None]
        return max(known, default=None)

    def tokens(self, sample: PlannedSample) -> Tokens | None:
        """Tokens of a request for the sample; None where they are not known."""
        return None if self._free else _tokens(sample)

    def learn(self, sample: PlannedSample, cost_usd: Decimal | None) -> None:
        """A request for such a sample cost so much."""
        if cost_usd is not None:
            with self._lock:
                kind = _kind(sample)
                self._highest[kind] = max(cost_usd, self._highest.get(kind, cost_usd))


def is_free(settings: GeneratorSettings) -> bool:
    """Whether nobody is paid for this generator's images."""
    return settings.kind in FREE_KINDS or settings.model in FREE_MODELS


def utc_today() -> date:
    return datetime.now(timezone.utc).date()


def images_in(sample: PlannedSample) -> int:
    """How many images a request for the sample carries, its mask among them."""
    return len(sample.parents) + (sample.mask is not None)


def _computed(sample: PlannedSample, tier: Tier) -> Decimal | None:
    price, tokens = price_of(sample.model, utc_today(), tier), _tokens(sample)
    if price is None or tokens is None:
        return None
    return cost_of_tokens(price, tokens.text_in, tokens.image_in, tokens.image_out)


def _tokens(sample: PlannedSample) -> Tokens | None:
    return tokens_of(
        sample.model, sample.prompt.text, sample.size, sample.parameters, images_in(sample)
    )


def _kind(sample: PlannedSample) -> str:
    """Requests that are alike in everything but the prompt cost about the same."""
    alike = [sample.model, sample.size, dict(sample.parameters), images_in(sample)]
    return json.dumps(alike, sort_keys=True)
