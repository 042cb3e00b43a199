"""The audit sample: which samples people see whatever CLIP thinks of them.

A simple random sample of what is about to be pushed, drawn once and noted in the ledger together
with its inclusion probability n/N, so that rates can be estimated without bias.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence

from importers.config.campaign import Campaign
from importers.ledger import Ledger
from importers.sample import Sample


def draw_audit(campaign: Campaign, ledger: Ledger, waiting: Sequence[Sample]) -> None:
    """Decide for each sample that is about to be pushed, and not decided yet, if it is audited."""
    keys = [sample.key for sample in waiting if sample.audit is None]
    if keys:
        drawn = draw(keys, campaign.review.audit, campaign.seed)
        ledger.record_audit({key: key in drawn for key in keys}, len(drawn) / len(keys))


def draw(keys: Collection[str], share: float, seed: int) -> set[str]:
    """A simple random sample of the keys; the same at every call, whatever their order.

    Its size is rounded up, so that every sample has a chance. (0.1 * 30 is a little more than 3 in
    binary: that surplus does not count.)
    """
    size = math.ceil(round(len(keys) * share, 9))
    return set(random.Random(f"audit {seed}").sample(sorted(keys), size))
