"""What an image costs: the API's own token counts times a dated table of prices.

A model that is not in the table has no known cost; nobody should read that as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

_MILLION = Decimal(1_000_000)
FREE_MODELS = frozenset({"sketch-1"})


@dataclass(frozen=True)
class Price:
    """Standard-tier prices of a model, in US dollars for a million tokens.

    Attributes:
        since: First day on which it holds.
        text_in, image_in: Tokens of the prompt.
        image_out: Tokens of the image. Text that a model writes beside it has no published price
            and is counted at this, the highest: a cost may be too high, never too low.
        source, read_on: Where and when it was read.
    """

    model: str
    since: date
    text_in: Decimal
    image_in: Decimal
    image_out: Decimal
    source: str
    read_on: date


def _price(model: str, since: date, source: str) -> Price:
    return Price(
        model,
        since,
        text_in=Decimal(5),
        image_in=Decimal(8),
        image_out=Decimal(30),
        source=source,
        read_on=date(2026, 11, 22),
    )


_LITELLM = "the price table of litellm 1.109.1"
_MODEL_PAGE = "https://developers.openai.com/api/docs/models/gpt-image-2.6-sunburst"
PRICES = (
    _price("gpt-image-2", date(2026, 4, 21), _LITELLM),
    _price("gpt-image-2.5-sunburst", date(2026, 9, 8), _LITELLM),
    _price("gpt-image-2.5-flare", date(2026, 9, 8), _LITELLM),
    _price("gpt-image-2.6-sunburst", date(2026, 11, 4), _MODEL_PAGE),
    _price("gpt-image-2.6-flare", date(2026, 11, 4), _MODEL_PAGE),
)


def price_of(model: str, on: date) -> Price | None:
    """The price of a model on a day; None where none is known."""
    held = [price for price in PRICES if price.model == model and price.since <= on]
    return max(held, key=lambda price: price.since, default=None)


def cost_usd(model: str, usage: Mapping[str, Any] | None, on: date) -> Decimal | None:
    """What a request cost in US dollars; None where the price or the usage is not known.

    Args:
        usage: `usage` of the answer: input_tokens, output_tokens and, where the API says so, how
            many of the input tokens were images.
    """
    if model in FREE_MODELS:
        return Decimal(0)
    price = price_of(model, on)
    if price is None or usage is None:
        return None
    tokens_in, tokens_out = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    if tokens_in is None or tokens_out is None:
        return None
    details = usage.get("input_tokens_details")
    images = _count(details, "image_tokens") if isinstance(details, Mapping) else 0
    images_in = min(images or 0, tokens_in)
    return (
        (tokens_in - images_in) * price.text_in
        + images_in * price.image_in
        + tokens_out * price.image_out
    ) / _MILLION


def _count(counts: Mapping[str, Any], name: str) -> int | None:
    value = counts.get(name)
    return value if isinstance(value, int) and value >= 0 else None
