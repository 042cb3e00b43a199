"""Costs from usage: exact where all is known, unknown otherwise, never zero for unknown."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from importers.openai_api.models import LIVING
from importers.openai_api.prices import (
    PRICES,
    TEXT_PRICES,
    cost_usd,
    price_of,
    text_cost_usd,
)

TODAY = date(2026, 11, 22)


def usage(text: int, images: int, out: int) -> dict[str, Any]:
    return {
        "input_tokens": text + images,
        "input_tokens_details": {"text_tokens": text, "image_tokens": images},
        "output_tokens": out,
    }


def test_each_kind_of_token_has_its_price() -> None:
    million = 1_000_000
    assert cost_usd("gpt-image-2", usage(million, 0, 0), TODAY) == 5
    assert cost_usd("gpt-image-2", usage(0, million, 0), TODAY) == 8
    assert cost_usd("gpt-image-2", usage(0, 0, million), TODAY) == 30


def test_a_published_price_of_an_image_is_met() -> None:
    """gpt-image-2, 1024x1024, low: 196 image tokens, published as $0.006."""
    cost = cost_usd("gpt-image-2", usage(0, 0, 196), TODAY)
    assert cost is not None
    assert round(cost, 3) == Decimal("0.006")


def test_without_details_the_input_is_text() -> None:
    plain = {"input_tokens": 100, "output_tokens": 0}
    assert cost_usd("gpt-image-2", plain, TODAY) == Decimal("0.0005")


def test_drawings_are_free() -> None:
    assert cost_usd("sketch-1", usage(9, 0, 9), TODAY) == 0
    assert cost_usd("sketch-1", None, TODAY) == 0


@pytest.mark.parametrize(
    "counts",
    [
        None,
        {},
        {"input_tokens": 5},
        {"input_tokens": "5", "output_tokens": 5},
        {"input_tokens": 5, "output_tokens": -1},
    ],
)
def test_without_usable_usage_the_cost_is_unknown(counts: dict[str, Any] | None) -> None:
    assert cost_usd("gpt-image-2", counts, TODAY) is None


def test_an_unknown_model_has_no_known_cost() -> None:
    assert cost_usd("gpt-image-9", usage(1, 0, 1), TODAY) is None


def test_a_price_does_not_hold_before_its_day() -> None:
    assert price_of("gpt-image-2.6-flare", date(2026, 11, 3)) is None
    assert price_of("gpt-image-2.6-flare", date(2026, 11, 4)) is not None


def test_a_batch_costs_half_where_that_is_published() -> None:
    counts = usage(1_000_000, 1_000_000, 1_000_000)
    assert cost_usd("gpt-image-2", counts, TODAY) == 43
    assert cost_usd("gpt-image-2", counts, TODAY, "batch") == Decimal("21.5")
    assert cost_usd("gpt-image-2.6-flare", counts, TODAY, "batch") is None
    assert cost_usd("sketch-1", counts, TODAY, "batch") == 0


def test_text_that_comes_with_an_image_has_its_own_price_where_there_is_one() -> None:
    counts = {**usage(0, 0, 100), "output_tokens_details": {"image_tokens": 60, "text_tokens": 40}}
    assert cost_usd("gpt-image-1.5", counts, TODAY) == Decimal("0.00232")
    assert cost_usd("gpt-image-2", counts, TODAY) == Decimal("0.003")


def test_every_living_model_has_a_price_with_a_source() -> None:
    assert {price.model for price in PRICES} >= set(LIVING)
    assert all(price.source and price.read_on <= TODAY for price in PRICES)


# -- of texts ----------------------------------------------------------------------------------


def test_both_apis_count_alike() -> None:
    responses = {
        "input_tokens": 1_000_000,
        "input_tokens_details": {"cached_tokens": 400_000},
        "output_tokens": 100_000,
    }
    chat = {
        "prompt_tokens": 1_000_000,
        "prompt_tokens_details": {"cached_tokens": 400_000},
        "completion_tokens": 100_000,
    }
    for usage in (responses, chat):
        assert text_cost_usd("gpt-6-luna", usage, at_openai=True) == Decimal("0.114")


@pytest.mark.parametrize(
    ("model", "usage", "at_openai"),
    [
        ("gpt-99", {"input_tokens": 1, "output_tokens": 1}, True),
        ("gpt-6-luna", None, True),
        ("gpt-6-luna", {"input_tokens": 1}, True),
        ("gpt-6-luna", {"input_tokens": 1, "output_tokens": 1}, False),
    ],
)
def test_of_a_text_what_is_not_known_is_not_free(
    model: str, usage: dict[str, int] | None, at_openai: bool
) -> None:
    assert text_cost_usd(model, usage, at_openai=at_openai) is None


def test_the_sketch_writer_is_free() -> None:
    assert text_cost_usd("sketch-writer-1", None, at_openai=False) == 0


def test_every_price_of_a_text_has_a_source_and_a_date() -> None:
    assert all(price.source and price.read_on > date(2026, 1, 1) for price in TEXT_PRICES)
