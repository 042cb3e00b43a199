"""Paid requests are recorded before they are sent, and what became of them after."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from ledger_samples import planned, store

from importers.ledger import Ledger


def test_a_refused_prompt_is_not_asked_for_again(ledger: Ledger) -> None:
    ledger.plan([planned(1), planned(2)])
    ledger.requests.ended(ledger.requests.begin(planned(1).key), "refused", "moderation_blocked")
    ledger.requests.ended(ledger.requests.begin(planned(2).key), "failed", "server_error")
    assert [s.key for s in ledger.to_generate()] == [planned(2).key]
    assert ledger.samples()[0].refused == "moderation_blocked"


def test_a_request_in_the_air_is_unknown_to_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    with Ledger(path) as ledger:
        ledger.plan([planned(1), planned(2)])
        store(ledger, planned(1).key)
        ledger.requests.begin(planned(2).key)
    with Ledger(path) as ledger:
        spending = ledger.requests.spending()
        assert (spending.stored, spending.unknown) == (1, 1)
        assert [s.key for s in ledger.to_generate()] == [planned(2).key]


def test_spending_tells_known_costs_from_unpriced_images(ledger: Ledger) -> None:
    ledger.plan([planned(1), planned(2)])
    store(ledger, planned(1).key, Decimal("0.0059"))
    store(ledger, planned(2).key, None)
    spending = ledger.requests.spending()
    assert spending.cost_usd == Decimal("0.0059")
    assert (spending.stored, spending.unpriced) == (2, 1)
