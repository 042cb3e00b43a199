"""The caps of [budget]: what a request may cost is reserved before it is sent, and settled after.

Owns the sums that the caps are held against, and what is said before the first request that costs
money: unknown prices, the provider's terms. A request without an answer keeps its reservation:
it may have been paid for. A day is a day of UTC; it is that on which a request was sent.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import urlsplit

from importers.config.campaign import Campaign
from importers.config.sections import BudgetSettings, GeneratorSettings
from importers.generation.estimate import Estimator, utc_today
from importers.generators import check as check_generator
from importers.ledger import Ledger
from importers.ledger.inputs import WritingEntry
from importers.ledger.notes import Note
from importers.ledger.requests import RequestEntry
from importers.openai_api.connection import OPENAI_HOST
from importers.openai_api.models import operation
from importers.sample import PlannedSample
from ls_backend.errors import ConfigError

CapName = Literal["per_run_usd", "per_day_usd", "per_label_usd"]
TERMS = "OpenAI Services Agreement of 2026-01-01, section 3.3(e)"
NOTICE = (
    f"The terms of OpenAI's models ({TERMS}) do not allow output to be used to develop models that "
    "compete with OpenAI. Excepted are models that mainly classify or organize data, as long as "
    "they are not distributed or sold to others. Azure has terms of its own; read those that you "
    "signed. For models that you publish or sell, images of a model with an open licence are the "
    "safer choice (FLUX.2-klein-4B, Z-Image-Turbo: Apache-2.0). As read on 2026-11-22; this is not "
    "legal advice, and is shown once per campaign."
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Commitment:
    """Money of an earlier run: spent, or reserved by a request without an answer.

    Attributes:
        label: The label that it was spent on; None for what belongs to no label.
        day: The day in UTC on which it was sent.
    """

    label: str | None
    day: date
    usd: Decimal


@dataclass(frozen=True)
class Reservation:
    """Money that a request may cost; None where nobody knows how much."""

    label: str
    day: date
    usd: Decimal | None


@dataclass(frozen=True)
class CapReached:
    """A request that was not sent, because it could exceed a cap. Amounts are US dollars.

    Attributes:
        cap: Name of the cap in [budget].
        label: Label whose cap it is; None for those of a run and a day.
        limit_usd: Amount of the cap.
        spent_usd: Amount spent, or reserved by requests without an answer.
        needed_usd: Highest cost of the next request; None where that is not known.
    """

    cap: CapName
    label: str | None
    limit_usd: Decimal
    spent_usd: Decimal
    needed_usd: Decimal | None

    @property
    def left_usd(self) -> Decimal:
        return max(self.limit_usd - self.spent_usd, Decimal(0))


class Budget:
    """Holds the sums against the caps; for all threads, which cannot overshoot together.

    Args:
        settings: The campaign's `[budget]`.
        before: What earlier runs spent.
        today: The day in UTC.
    """

    def __init__(
        self,
        settings: BudgetSettings,
        before: Iterable[Commitment] = (),
        today: Callable[[], date] = utc_today,
    ) -> None:
        self._settings = settings
        self._today = today
        self._lock = threading.Lock()
        self._run = Decimal(0)
        self._days: dict[date, Decimal] = defaultdict(Decimal)
        self._labels: dict[str, Decimal] = defaultdict(Decimal)
        for commitment in before:
            self._days[commitment.day] += commitment.usd
            if commitment.label is not None:
                self._labels[commitment.label] += commitment.usd

    def reserve(self, label: str, usd: Decimal | None) -> Reservation | CapReached:
        """Set money aside for a request, or say which cap it could exceed.

        Args:
            usd: What it costs at most. One whose cost nobody knows passes until a cap is spent.
        """
        with self._lock:
            day = self._today()
            for cap, limit, spent in self._caps(label, day):
                if not _fits(limit, spent, usd):
                    of_label = label if cap == "per_label_usd" else None
                    return CapReached(cap, of_label, limit, spent, usd)
            reservation = Reservation(label, day, usd)
            self._add(reservation, usd or Decimal(0))
            return reservation

    def settle(self, reservation: Reservation, cost_usd: Decimal | None) -> None:
        """Replace a reservation by the cost, once that is known; until then it stays."""
        if cost_usd is not None:
            with self._lock:
                self._add(reservation, cost_usd - (reservation.usd or Decimal(0)))

    def _caps(self, label: str, day: date) -> Iterable[tuple[CapName, Decimal, Decimal]]:
        caps: tuple[tuple[CapName, Decimal | None, Decimal], ...] = (
            ("per_run_usd", self._settings.per_run_usd, self._run),
            ("per_day_usd", self._settings.per_day_usd, self._days[day]),
            ("per_label_usd", self._settings.per_label_usd, self._labels[label]),
        )
        return [(cap, limit, spent) for cap, limit, spent in caps if limit is not None]

    def _add(self, reservation: Reservation, usd: Decimal) -> None:
        self._run += usd
        self._days[reservation.day] += usd
        self._labels[reservation.label] += usd


def check_priced(settings: BudgetSettings, model: str, unpriced: int) -> str | None:
    """What people should know where the cost of requests cannot be told beforehand.

    Args:
        unpriced: Number of planned requests whose cost is not known.

    Raises:
        ConfigError: the campaign refuses such requests.
    """
    if not unpriced:
        return None
    what = f"What {unpriced:,} of the requests to {model} will cost is not known"
    if settings.unpriced == "refuse":
        raise ConfigError(
            f"{what}, and [budget] unpriced refuses that: nothing was sent.",
            hint="Use a model, size and quality whose price is known, or set budget.unpriced to "
            '"allow".',
            code="unpriced",
        )
    if any((settings.per_run_usd, settings.per_day_usd, settings.per_label_usd)):
        return f"{what}: the caps of [budget] hold only what turns out to be spent."
    return None


class CampaignBudget:
    """Knows what requests of a campaign may cost, and what is left of the budget."""

    def __init__(self, campaign: Campaign, ledger: Ledger) -> None:
        self.estimator = Estimator(campaign.generator, ledger.samples())
        self.caps = Budget(campaign.budget, commitments(ledger))
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
            reservation = self.caps.reserve(sample.prompt.label, usd)
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
            self.caps.settle(before, Decimal(0))


def operations_of(samples: Collection[PlannedSample]) -> set[str]:
    """Which of the generators' operations the samples need."""
    return {operation(len(s.parents), masked=s.mask is not None) for s in samples}


def terms_apply(settings: GeneratorSettings) -> bool:
    """Whether OpenAI, or Azure for it, draws the images."""
    host = urlsplit(settings.base_url or f"https://{OPENAI_HOST}").hostname or ""
    hosted = host == OPENAI_HOST or host.endswith((f".{OPENAI_HOST}", ".azure.com"))
    return settings.kind == "azure" or (settings.kind == "openai" and hosted)


def show_terms_once(settings: GeneratorSettings, ledger: Ledger) -> None:
    """Show the notice where it applies and was not shown before, and note that in the ledger.

    The note is made for each model, since a campaign may change from one provider to another.
    """
    if not terms_apply(settings):
        return
    if ledger.note(Note.TERMS) is None:
        log.warning("%s", NOTICE)
        ledger.set_note(Note.TERMS, datetime.now(UTC).date().isoformat())
    ledger.set_note(Note.TERMS, TERMS, of=settings.model)


def noted_terms(ledger: Ledger, model: str) -> str | None:
    """The terms that a model's images of this campaign came with; None where none are noted."""
    return ledger.note(Note.TERMS, of=model)


def commitments(ledger: Ledger) -> list[Commitment]:
    """What the caps of [budget] count of earlier runs: spent, or reserved without an answer."""
    images = [
        Commitment(entry.label, _day(entry), entry.committed_usd)
        for entry in ledger.requests.entries()
    ]
    texts = [
        Commitment(None, _day(writing), writing.cost_usd)
        for writing in ledger.writings.entries()
        if writing.cost_usd is not None
    ]
    return images + texts


def _fits(limit: Decimal, spent: Decimal, usd: Decimal | None) -> bool:
    if usd is None:
        return spent < limit
    return not usd or spent + usd <= limit


def _day(entry: RequestEntry | WritingEntry) -> date:
    return entry.started.astimezone(UTC).date()
