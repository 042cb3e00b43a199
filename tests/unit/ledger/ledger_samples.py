"""Samples of a ledger, planned and drawn."""

from __future__ import annotations

from decimal import Decimal

from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt, sample_key


def planned(number: int) -> PlannedSample:
    prompt = Prompt(f"a cat {number}", "cat", "vanilla", {"n": str(number)})
    key = sample_key(prompt, "sketch-1", "512x512", {}, 0)
    return PlannedSample(key, prompt, "sketch-1", "512x512", {}, 0)


def store(ledger: Ledger, key: str, cost: Decimal | None = Decimal("0.006")) -> None:
    request = ledger.requests.begin(key)
    ledger.requests.stored(request, "ab" * 32, request_id="req-1", cost_usd=cost, usage={"n": 1})
