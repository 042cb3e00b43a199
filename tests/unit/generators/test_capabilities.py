"""What each model accepts, and which are gone."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.generators.capabilities import LIVING, capability_of, shutdown_of


@pytest.mark.parametrize("model", LIVING)
def test_living_models_take_neither_seed_nor_response_format(model: str) -> None:
    capability = capability_of(model)
    assert capability.seed is False
    assert "response_format" in capability.refused
    assert shutdown_of(model) is None


@pytest.mark.parametrize(
    ("size", "problem"),
    [
        ("auto", None),
        ("816x816", None),
        ("1024x1024", None),
        ("1536x1024", None),
        ("3840x2160", None),
        ("512x512", "816x816"),
        ("800x800", "816x816"),
        ("3840x3840", "8,294,400"),
        ("1000x1000", "multiples of 16"),
        ("4096x1024", "3840"),
        ("3200x1024", "three times"),
        ("large", "WIDTHxHEIGHT"),
        ("0x0", "WIDTHxHEIGHT"),
        ("1024X1024", "WIDTHxHEIGHT"),
    ],
)
def test_sizes_of_gpt_image_models(size: str, problem: str | None) -> None:
    found = capability_of("gpt-image-2").size_problem(size)
    assert found is None if problem is None else problem in str(found)


@given(width=st.integers(1, 300), height=st.integers(1, 300))
def test_a_legal_size_keeps_every_rule(width: int, height: int) -> None:
    width, height = 16 * width, 16 * height
    legal = (
        max(width, height) <= 3840
        and max(width, height) <= 3 * min(width, height)
        and 655_360 <= width * height <= 8_294_400
    )
    assert (capability_of("gpt-image-2.6-flare").size_problem(f"{width}x{height}") is None) == legal


def test_the_sketch_model_draws_squares_and_takes_a_seed() -> None:
    sketch = capability_of("sketch-1")
    assert sketch.seed is True
    assert sketch.size_problem("256x256") is None
    assert "512x512" in str(sketch.size_problem("300x300"))


def test_an_unknown_model_may_be_tried_with_any_size_and_quality() -> None:
    capability = capability_of("sd-cpp-local")
    assert capability.size_problem("64x64") is None
    assert (capability.qualities, capability.seed, capability.refused) == (None, None, frozenset())


def test_the_ends_of_openais_older_models_are_known() -> None:
    assert shutdown_of("dall-e-3") == date(2026, 5, 12)
    assert shutdown_of("gpt-image-1") == date(2026, 10, 23)
    assert shutdown_of("gpt-image-1-mini") == date(2026, 12, 1)
