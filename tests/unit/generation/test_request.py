"""What came of requests, counted."""

from __future__ import annotations

from decimal import Decimal

from importers.generation.budget import CapReached
from importers.generation.request import DrawCounts


def test_counts_of_two_parts_of_a_run_add_up() -> None:
    cap = CapReached("per_run_usd", None, Decimal(5), Decimal(4), Decimal(2))
    one = DrawCounts(1, 2, 3, 4, Decimal("0.5"), 6, (cap,), interrupted=True)
    other = DrawCounts(10, 20, 30, 40, Decimal("5"), 60, (cap,))
    assert one + other == DrawCounts(11, 22, 33, 44, Decimal("5.5"), 66, (cap, cap), True)
    assert DrawCounts() + other == other


def test_an_image_whose_cost_is_not_known_is_counted_apart() -> None:
    counts = DrawCounts()
    counts.count_image(Decimal("0.25"))
    counts.count_image(None)
    assert counts == DrawCounts(generated=2, cost_usd=Decimal("0.25"), unpriced=1)
