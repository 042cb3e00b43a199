"""The caps of [budget]: what a request may cost is reserved before it is sent, and settled after.

Owns the sums that the caps are held against. A request without an answer keeps its reservation:
it may have been paid for. A day is a day of UTC; it is that on which a request was sent.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from importers.config.sections import BudgetSettings
from importers.generation.estimate import utc_today
from ls_backend.errors import ConfigError

CapName = Literal["per_run_usd", "per_day_usd", "per_label_usd"]


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
        cap: Its name in [budget].
        label: The label whose cap it is; None for those of a run and a day.
        limit_usd: The cap.
        spent_usd: Spent, or reserved by requests without an answer.
        needed_usd: What the next request may cost; None where that is not known.
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


def _fits(limit: Decimal, spent: Decimal, usd: Decimal | None) -> bool:
    if usd is None:
        return spent < limit
    return not usd or spent + usd <= limit
