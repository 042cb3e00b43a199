"""What a text costs: the API's own token counts times a dated table of prices.

A model that is not in the table, or not asked at OpenAI, has no known cost; that is not free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

_MILLION = Decimal(1_000_000)
_READ_ON = date(2026, 11, 22)
_MODEL_PAGES = "https://developers.openai.com/api/docs/models"
_LITELLM = "the price table of litellm 1.109.1"
FREE_MODELS = frozenset({"sketch-writer-1"})


@dataclass(frozen=True)
class TextPrice:
    """Standard-tier prices of a text model, in US dollars for a million tokens.

    They are those of requests up to 272,000 tokens of input, far above what is asked here.

    Attributes:
        tokens_in, cached_in: Tokens of the request; those that the API has seen before.
        tokens_out: Tokens of the answer, reasoning and all.
        source, read_on: Where and when it was read.
    """

    model: str
    tokens_in: Decimal
    cached_in: Decimal
    tokens_out: Decimal
    source: str
    read_on: date = _READ_ON


def _price(model: str, tokens_in: str, cached_in: str, tokens_out: str, source: str) -> TextPrice:
    return TextPrice(model, Decimal(tokens_in), Decimal(cached_in), Decimal(tokens_out), source)


TEXT_PRICES = (
    _price("gpt-6-luna", "0.10", "0.01", "0.50", _MODEL_PAGES),
    _price("gpt-6.1-terra", "1", "0.05", "5", _LITELLM),
    _price("gpt-6.1-sol", "2", "0.10", "10", _LITELLM),
    _price("gpt-5.6-luna", "0.20", "0.02", "1.20", _MODEL_PAGES),
    _price("gpt-5.4-nano", "0.20", "0.02", "1.25", _LITELLM),
    _price("gpt-4.1-mini", "0.40", "0.10", "1.60", _LITELLM),
)


def text_price_of(model: str) -> TextPrice | None:
    """The price of a text model; None where none is known."""
    return next((price for price in TEXT_PRICES if price.model == model), None)


def text_cost_usd(
    model: str, usage: Mapping[str, Any] | None, *, at_openai: bool
) -> Decimal | None:
    """What a request cost in US dollars; None where the price or the usage is not known.

    Args:
        usage: `usage` of the answer, of the Responses API (input_tokens, output_tokens) or of chat
            completions (prompt_tokens, completion_tokens).
        at_openai: Whether OpenAI answered, whose prices these are.
    """
    if model in FREE_MODELS:
        return Decimal(0)
    price = text_price_of(model) if at_openai else None
    if price is None or usage is None:
        return None
    tokens_in = _count(usage, "input_tokens", "prompt_tokens")
    tokens_out = _count(usage, "output_tokens", "completion_tokens")
    if tokens_in is None or tokens_out is None:
        return None
    details = usage.get("input_tokens_details") or usage.get("prompt_tokens_details")
    cached = _count(details, "cached_tokens") if isinstance(details, Mapping) else 0
    cached = min(cached or 0, tokens_in)
    return (
        (tokens_in - cached) * price.tokens_in
        + cached * price.cached_in
        + tokens_out * price.tokens_out
    ) / _MILLION


def _count(counts: Mapping[str, Any], *names: str) -> int | None:
    value = next((counts[name] for name in names if name in counts), None)
    return value if isinstance(value, int) and value >= 0 else None
