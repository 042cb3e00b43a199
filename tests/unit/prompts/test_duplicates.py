from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import pytest

from importers.openai_api.prices import TEXT_PRICES, text_cost_usd
from importers.prompts.writing import without_duplicates
from importers.sketch import resolve_model
from ls_backend.clip.clip import Clip


def test_exact_duplicates_do_not_depend_on_case_and_punctuation() -> None:
    texts = ["A red cat.", "a  red cat", "“a red cat”", "a blue cat", "", " . "]
    assert without_duplicates(texts, [], None, 0.9) == ["A red cat.", "a blue cat"]
    assert without_duplicates(texts, ["A BLUE CAT!"], None, 0.9) == ["A red cat."]


def test_similar_texts_are_told_by_the_text_tower() -> None:
    clip = Clip.load(resolve_model("sketch"))
    texts = ["a photo of a red cat", "a photograph of a red cat", "a blue boat at night"]
    cosines = clip.encode_texts(texts) @ clip.encode_texts(texts).T
    assert cosines[0, 1] > 0.9 > cosines[0, 2]
    kept = without_duplicates(texts, [], clip.encode_texts, 0.9)
    assert kept == ["a photo of a red cat", "a blue boat at night"]
    assert without_duplicates(texts[2:], ["a blue boat at night, a"], clip.encode_texts, 0.9) == []


def test_the_cosine_one_asks_nobody() -> None:
    def encode(texts: Sequence[str]) -> np.ndarray:
        raise AssertionError(f"{texts} are encoded")

    assert without_duplicates(["a", "b"], [], encode, 1.0) == ["a", "b"]


# -- prices ------------------------------------------------------------------------------------


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
def test_what_is_not_known_is_not_free(
    model: str, usage: dict[str, int] | None, at_openai: bool
) -> None:
    assert text_cost_usd(model, usage, at_openai=at_openai) is None


def test_the_sketch_writer_is_free() -> None:
    assert text_cost_usd("sketch-writer-1", None, at_openai=False) == 0


def test_every_price_has_a_source_and_a_date() -> None:
    assert all(price.source and price.read_on > date(2026, 1, 1) for price in TEXT_PRICES)
