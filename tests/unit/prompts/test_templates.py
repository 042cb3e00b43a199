from __future__ import annotations

from collections import Counter

import pytest

from importers.campaign import Campaign
from importers.prompts import write_prompts
from importers.prompts.templates import with_articles


def campaign(**changes: object) -> Campaign:
    values: dict[str, object] = {
        "name": "test",
        "labels": ["apple", "cat", "dog"],
        "samples": 60,
        "seed": 3,
        "prompts": {
            "templates": ["a {color} {label} {place}", "{style} of a {label}"],
            "factors": {
                "color": ["red", "orange", "blue", "green", "pink"],
                "place": ["at night", "on the beach"],
                "style": ["a photo", "pixel art"],
            },
        },
        "generator": {"model": "sketch-1"},
    }
    return Campaign.model_validate({**values, **changes})


def test_labels_and_templates_come_equally_often() -> None:
    prompts = write_prompts(campaign())
    assert Counter(prompt.label for prompt in prompts) == {"apple": 20, "cat": 20, "dog": 20}
    for label in ("apple", "cat", "dog"):
        photos = [p for p in prompts if p.label == label and "color" not in p.factors]
        assert len(photos) == 10


def test_each_value_of_a_factor_comes_equally_often_per_label() -> None:
    prompts = write_prompts(
        campaign(prompts={"templates": ["a {n} {label}"], "factors": {"n": list("abcd")}})
    )
    for label in ("apple", "cat", "dog"):
        counts = Counter(p.factors["n"] for p in prompts if p.label == label)
        assert set(counts.values()) == {5}


def test_the_seed_decides_and_more_samples_keep_the_first_ones() -> None:
    assert write_prompts(campaign()) == write_prompts(campaign())
    assert write_prompts(campaign()) != write_prompts(campaign(seed=4))
    assert write_prompts(campaign(samples=90))[:60] == write_prompts(campaign())


def test_a_prompt_names_its_label_and_only_the_factors_it_uses() -> None:
    for prompt in write_prompts(campaign()):
        assert prompt.label in prompt.text
        assert "{" not in prompt.text
        assert all(value in prompt.text for value in prompt.factors.values())


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("a orange apple", "an orange apple"),
        ("A apple on a umbrella", "An apple on an umbrella"),
        ("a unicorn in a European city", "a unicorn in a European city"),
        ("a red apple", "a red apple"),
        ("pizza oven", "pizza oven"),
    ],
)
def test_articles(written: str, spoken: str) -> None:
    assert with_articles(written) == spoken
