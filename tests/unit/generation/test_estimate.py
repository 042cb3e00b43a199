"""Token estimates meet what is published, say what they assume, and know what they do not know."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from importers.config.sections import GeneratorSettings
from importers.generation.estimate import (
    Estimator,
    Tokens,
    assumptions_of,
    gpt_image_2_tokens,
    tokens_of,
)
from importers.openai_api.prices import cost_of_tokens, price_of
from importers.sample import PlannedSample, Prompt

PUBLISHED = {
    ("low", 1024, 1024): "0.006",
    ("medium", 1024, 1024): "0.053",
    ("high", 1024, 1024): "0.211",
    ("low", 1024, 1536): "0.005",
    ("medium", 1536, 1024): "0.041",
    ("high", 1024, 1536): "0.165",
}


def planned(
    model: str = "gpt-image-2",
    size: str = "1024x1024",
    quality: str = "low",
    text: str = "x",
    parents: tuple[str, ...] = (),
) -> PlannedSample:
    prompt, parameters = Prompt(text, "dog", "vanilla", {}), {"quality": quality}
    return PlannedSample("key", prompt, model, size, parameters, seed=0, parents=parents)


@pytest.mark.parametrize(("quality", "width", "height"), list(PUBLISHED))
def test_the_formula_meets_the_published_prices(quality: str, width: int, height: int) -> None:
    cost = gpt_image_2_tokens(quality, width, height) * Decimal(30) / 1_000_000
    assert round(cost, 3) == Decimal(PUBLISHED[quality, width, height])


@pytest.mark.parametrize(
    ("model", "quality", "size", "published"),
    [
        ("gpt-image-1.5", "low", "1024x1024", "0.009"),
        ("gpt-image-1.5", "high", "1024x1536", "0.200"),
        ("gpt-image-1-mini", "medium", "1536x1024", "0.013"),
    ],
)
def test_the_table_of_the_models_before(
    model: str, quality: str, size: str, published: str
) -> None:
    tokens = tokens_of(planned(model, size, quality))
    price = price_of(model, date(2026, 11, 22))
    assert tokens is not None
    assert price is not None
    cost = cost_of_tokens(price, 0, 0, tokens.image_out)
    assert abs(cost - Decimal(published)) < Decimal("0.0025")


def test_a_text_never_has_more_tokens_than_bytes() -> None:
    tokens = tokens_of(planned(text="ein süßer Hund"))
    assert tokens is not None
    assert tokens.text_in >= len("ein süßer Hund".encode())


def test_images_that_go_in_are_counted() -> None:
    none, two = (tokens_of(planned(parents=parents)) for parents in ((), ("a", "b")))
    assert none is not None
    assert two is not None
    assert (none.image_in, two.image_in) == (0, 2 * 6821)


@pytest.mark.parametrize(
    ("model", "size", "quality"),
    [
        ("gpt-image-9", "1024x1024", "low"),
        ("gpt-image-2.5-flare", "1024x1024", "xhigh"),
        ("gpt-image-1.5", "2048x2048", "low"),
    ],
)
def test_what_is_not_known_has_no_number(model: str, size: str, quality: str) -> None:
    assert tokens_of(planned(model, size, quality)) is None


def test_what_the_model_chooses_is_taken_at_its_dearest() -> None:
    high = tokens_of(planned(quality="high"))
    assert tokens_of(planned(size="auto", quality="auto")) == high


def test_assumptions_are_said_and_published_numbers_need_none() -> None:
    assert assumptions_of(planned()) == ()
    assert "gpt-image-2 are assumed" in assumptions_of(planned("gpt-image-2.5-flare"))[0]
    drafts = " ".join(assumptions_of(planned("gpt-image-2.6-flare", "auto", parents=("a",))))
    assert all(part in drafts for part in ("times 4", "chooses the size", "6,821 tokens"))


def test_tokens_of_several_requests_add_up() -> None:
    assert Tokens(1, 20, 300) + Tokens(4000, 50_000, 600_000) == Tokens(4001, 50_020, 600_300)


def test_what_was_paid_raises_the_estimate_of_requests_like_it_alone() -> None:
    estimator = Estimator(GeneratorSettings(model="unheard-of"))
    assert estimator.cost_usd(planned("unheard-of")) is None
    for paid in ("0.02", "0.05", "0.03"):
        estimator.learn(planned("unheard-of", text="another"), Decimal(paid))
    estimator.learn(planned("unheard-of"), None)
    assert estimator.cost_usd(planned("unheard-of")) == Decimal("0.05")
    for other in (
        planned("unheard-of", quality="high"),
        planned("unheard-of", size="512x512"),
        planned("unheard-of", parents=("a",)),
        planned("not-heard-of"),
    ):
        assert estimator.cost_usd(other) is None


def test_an_estimate_is_never_below_what_is_published() -> None:
    estimator = Estimator(GeneratorSettings(model="gpt-image-2"))
    published = estimator.cost_usd(planned())
    assert published is not None
    estimator.learn(planned(), published / 2)
    assert estimator.cost_usd(planned()) == published
    estimator.learn(planned(), published * 2)
    assert estimator.cost_usd(planned()) == published * 2


def test_what_an_estimate_takes_for_granted_is_said() -> None:
    assert assumptions_of(planned()) == ()
    [quality] = assumptions_of(planned(quality="auto"))
    assert "high is assumed" in quality
    [size] = assumptions_of(planned(size="auto"))
    assert "The model chooses the size" in size
    [image] = assumptions_of(planned(parents=("a",)))
    assert "Each image that goes in" in image
