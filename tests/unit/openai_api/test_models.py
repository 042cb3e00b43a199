"""What each model accepts, and which are gone."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.openai_api.models import LIVING, azure_retirement_of, capability_of


@pytest.mark.parametrize("model", LIVING)
def test_living_models_take_neither_seed_nor_response_format(model: str) -> None:
    capability = capability_of(model)
    assert capability.seed is False
    assert "response_format" in capability.refused
    assert capability_of(model).ends is None


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
    assert capability.seed is None
    assert capability.parameter_problem({"quality": "hd", "response_format": "b64_json"}) is None


def test_the_ends_of_openais_older_models_are_known() -> None:
    assert capability_of("dall-e-3").ends == date(2026, 5, 12)
    assert capability_of("gpt-image-1").ends == date(2026, 10, 23)
    assert capability_of("gpt-image-1-mini").ends == date(2026, 12, 1)


def test_what_is_known_of_a_model_has_a_source_and_a_date() -> None:
    for model in ("dall-e-2", "gpt-image-1.5", "sketch-1", *LIVING):
        known = capability_of(model)
        assert known.source
        assert known.read_on is not None


def test_azure_has_ends_of_its_own() -> None:
    assert azure_retirement_of("gpt-image-1.5") == date(2026, 12, 16)
    assert azure_retirement_of("gpt-image-2") == date(2027, 4, 21)
    assert azure_retirement_of("my-deployment") is None


@pytest.mark.parametrize(
    ("model", "parameters", "problem"),
    [
        ("gpt-image-2", {"background": "transparent"}, None),
        ("gpt-image-2", {"background": "transparent", "output_format": "webp"}, None),
        ("gpt-image-2", {"background": "transparent", "output_format": "jpeg"}, "png or webp"),
        ("gpt-image-2", {"background": "green"}, "background 'green'"),
        ("gpt-image-2", {"output_format": "jpeg", "output_compression": 80}, None),
        ("gpt-image-2", {"output_compression": 80}, "not with png"),
        ("gpt-image-2", {"output_format": "webp", "output_compression": 101}, "0 to 100"),
        ("gpt-image-2", {"output_format": "gif"}, "output_format 'gif'"),
        ("gpt-image-2", {"moderation": "none"}, "moderation 'none'"),
        ("gpt-image-2", {"frame_count": 4}, "refuses"),
        ("gpt-image-2.6-flare", {"output_format": "gif", "frame_count": 4}, None),
        ("gpt-image-2.6-flare", {"frame_count": 4}, "gif only"),
        ("gpt-image-2.6-flare", {"complexity": "low", "quality": "max"}, None),
        ("gpt-image-2.6-flare", {"output_format": "svg"}, "output_format 'svg'"),
        ("gpt-image-1.5", {"quality": "xhigh"}, "quality 'xhigh'"),
        ("sketch-1", {"background": "transparent"}, "background 'transparent'"),
        ("sd-cpp-local", {"background": "transparent", "output_format": "jpeg"}, None),
    ],
)
def test_parameters_that_a_model_would_refuse(
    model: str, parameters: dict[str, object], problem: str | None
) -> None:
    found = capability_of(model).parameter_problem(parameters)
    assert found is None if problem is None else problem in str(found)


def test_models_that_are_going_draw_three_sizes() -> None:
    capability = capability_of("gpt-image-1.5")
    assert capability.size_problem("1536x1024") is None
    assert "1024x1536" in str(capability.size_problem("816x816"))
