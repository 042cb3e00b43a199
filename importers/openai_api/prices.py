"""What images and texts cost: the API's own token counts times a dated table of prices.

A model that is not in the table has no known cost; nobody should read that as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

Tier = Literal["standard", "batch"]
"""Asked one by one, or through OpenAI's Batch API, which answers within a day."""

_MILLION = Decimal(1_000_000)
FREE_MODELS = frozenset({"sketch-1", "sketch-writer-1"})
"""The models of the sketch server: nobody is paid."""


@dataclass(frozen=True)
class Price:
    """Prices of a model in one tier, in US dollars for a million tokens.

    Attributes:
        since: First day on which it holds.
        text_in, image_in: Price of the prompt's tokens, and of those of images that go in.
        image_out: Price of the image's tokens.
        text_out: Price of text that a model writes beside it. Where none is published it is that
            of `image_out`, the highest: a cost may be too high, never too low.
        source, read_on: Place and day of reading.
        tier: Way of asking that it holds for.
    """

    model: str
    since: date
    text_in: Decimal
    image_in: Decimal
    image_out: Decimal
    text_out: Decimal
    source: str
    read_on: date
    tier: Tier = "standard"


_LITELLM = "the price table of litellm 1.109.1"
_MODEL_PAGES = "https://developers.openai.com/api/docs/models"
_PAGE_OF_MINI = f"{_MODEL_PAGES}/gpt-image-1-mini"
_PAGE_OF_2_6 = f"{_MODEL_PAGES}/gpt-image-2.6-sunburst"
_BATCH_HELP = "https://help.openai.com/en/articles/9197833"
_READ_ON = date(2026, 11, 22)


def _price(
    model: str,
    since: date,
    source: str,
    per_million: tuple[str, str, str],
    text_out: str | None = None,
) -> Price:
    text_in, image_in, image_out = map(Decimal, per_million)
    text = image_out if text_out is None else Decimal(text_out)
    return Price(model, since, text_in, image_in, image_out, text, source, _READ_ON)


def _half(price: Price) -> Price:
    """The batch tier: half the price, in and out."""
    return replace(
        price,
        text_in=price.text_in / 2,
        image_in=price.image_in / 2,
        image_out=price.image_out / 2,
        text_out=price.text_out / 2,
        source=f"{price.source}; half in a batch: {_BATCH_HELP}",
        tier="batch",
    )


_WITH_BATCH = (
    _price("gpt-image-1-mini", date(2025, 10, 6), _PAGE_OF_MINI, ("2", "2.5", "8")),
    _price("gpt-image-1.5", date(2025, 12, 16), _LITELLM, ("5", "8", "32"), text_out="10"),
    _price("chatgpt-image-latest", date(2025, 12, 16), _LITELLM, ("5", "8", "32"), text_out="10"),
    _price("gpt-image-2", date(2026, 4, 21), _LITELLM, ("5", "8", "30")),
    _price("gpt-image-2.5-sunburst", date(2026, 9, 8), _LITELLM, ("5", "8", "30")),
    _price("gpt-image-2.5-flare", date(2026, 9, 8), _LITELLM, ("5", "8", "30")),
)
# Whether the 2.6 models can be asked in a batch is not published.
_STANDARD_ALONE = (
    _price("gpt-image-2.6-sunburst", date(2026, 11, 4), _PAGE_OF_2_6, ("5", "8", "30")),
    _price("gpt-image-2.6-flare", date(2026, 11, 4), _PAGE_OF_2_6, ("5", "8", "30")),
)
PRICES = (*_WITH_BATCH, *map(_half, _WITH_BATCH), *_STANDARD_ALONE)


def price_of(model: str, on: date, tier: Tier = "standard") -> Price | None:
    """The price of a model on a day; None where none is known."""
    held = [p for p in PRICES if p.model == model and p.tier == tier and p.since <= on]
    return max(held, key=lambda price: price.since, default=None)


def cost_usd(
    model: str, usage: Mapping[str, Any] | None, on: date, tier: Tier = "standard"
) -> Decimal | None:
    """What a request cost in US dollars; None where the price or the usage is not known.

    Args:
        usage: `usage` of the answer: input_tokens, output_tokens and, where the API says so, how
            many of them were images and how many text.
    """
    if model in FREE_MODELS:
        return Decimal(0)
    price = price_of(model, on, tier)
    if price is None or usage is None:
        return None
    tokens_in, tokens_out = _count(usage, "input_tokens"), _count(usage, "output_tokens")
    if tokens_in is None or tokens_out is None:
        return None
    images_in = min(_detail(usage, "input_tokens_details", "image_tokens"), tokens_in)
    text_out = min(_detail(usage, "output_tokens_details", "text_tokens"), tokens_out)
    return cost_of_tokens(price, tokens_in - images_in, images_in, tokens_out - text_out, text_out)


def cost_of_tokens(
    price: Price, text_in: int, image_in: int, image_out: int, text_out: int = 0
) -> Decimal:
    """US dollars for so many tokens of each kind."""
    return (
        text_in * price.text_in
        + image_in * price.image_in
        + image_out * price.image_out
        + text_out * price.text_out
    ) / _MILLION


def _detail(usage: Mapping[str, Any], details: str, name: str) -> int:
    counts = usage.get(details)
    return (_count(counts, name) or 0) if isinstance(counts, Mapping) else 0


@dataclass(frozen=True)
class TextPrice:
    """Standard-tier prices of a text model, in US dollars for a million tokens.

    They are those of requests up to 272,000 tokens of input, far above what is asked here.

    Attributes:
        tokens_in, cached_in: Price of the request's tokens, and of those that the API has seen
            before.
        tokens_out: Price of the answer's tokens, reasoning and all.
        source, read_on: Place and day of reading.
    """

    model: str
    tokens_in: Decimal
    cached_in: Decimal
    tokens_out: Decimal
    source: str
    read_on: date = _READ_ON


def _text_price(
    model: str, tokens_in: str, cached_in: str, tokens_out: str, source: str
) -> TextPrice:
    return TextPrice(model, Decimal(tokens_in), Decimal(cached_in), Decimal(tokens_out), source)


TEXT_PRICES = (
    _text_price("gpt-6-luna", "0.10", "0.01", "0.50", _MODEL_PAGES),
    _text_price("gpt-6.1-terra", "1", "0.05", "5", _LITELLM),
    _text_price("gpt-6.1-sol", "2", "0.10", "10", _LITELLM),
    _text_price("gpt-5.6-luna", "0.20", "0.02", "1.20", _MODEL_PAGES),
    _text_price("gpt-5.4-nano", "0.20", "0.02", "1.25", _LITELLM),
    _text_price("gpt-4.1-mini", "0.40", "0.10", "1.60", _LITELLM),
)


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
    price = next((price for price in TEXT_PRICES if price.model == model), None)
    if price is None or usage is None or not at_openai:
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
