"""Prompts from templates: balance, stability, techniques, and the labels of adversarial ones."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.prompts import write_prompts
from ls_backend.errors import ConfigError
from ls_backend.words import mend_articles

PROMPTS: dict[str, Any] = {
    "templates": ["a {color} {label} {place}", "{style} of a {label}"],
    "factors": {
        "color": ["red", "orange", "blue", "green", "pink"],
        "place": ["at night", "on the beach"],
        "style": ["a photo", "pixel art"],
    },
}


def campaign(**changes: object) -> Campaign:
    values: dict[str, object] = {
        "name": "test",
        "labels": ["apple", "cat", "dog"],
        "samples": 60,
        "seed": 3,
        "prompts": PROMPTS,
        "generator": {"model": "sketch-1"},
    }
    return Campaign.model_validate({**values, **changes})


def adversarial(**changes: object) -> Campaign:
    return campaign(technique=[{"name": "adversarial", **changes}])


def test_labels_and_templates_come_equally_often() -> None:
    prompts = write_prompts(campaign())
    assert Counter(prompt.label for prompt in prompts) == {"apple": 20, "cat": 20, "dog": 20}
    for label in ("apple", "cat", "dog"):
        photos = [p for p in prompts if p.label == label and "color" not in p.factors]
        assert len(photos) == 10


def test_each_value_of_each_factor_comes_equally_often_per_label() -> None:
    prompts = write_prompts(campaign())
    for label in ("apple", "cat", "dog"):
        for factor, values in PROMPTS["factors"].items():
            counts = Counter(p.factors.get(factor) for p in prompts if p.label == label)
            assert {counts[value] for value in values} == {10 // len(values)}


def test_the_seed_decides() -> None:
    assert write_prompts(campaign()) == write_prompts(campaign())
    assert write_prompts(campaign()) != write_prompts(campaign(seed=4))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.floats(0.1, 5), min_size=1, max_size=4))
def test_more_samples_keep_the_first_prompts(few: int, more: int, shares: list[float]) -> None:
    names = ("vanilla", "environment", "style", "adversarial")
    techniques = [{"name": n, "share": s} for n, s in zip(names, shares, strict=False)]
    small = campaign(technique=techniques, samples=few)
    large = campaign(technique=techniques, samples=few + more)
    assert write_prompts(large)[:few] == write_prompts(small)


def test_one_factor_alone_comes_in_the_order_that_it_had_before_pairs_were_counted() -> None:
    def earlier(values: Sequence[str], turn: int, stream: str) -> str:
        round_, place = divmod(turn, len(values))
        shuffled = list(values)
        random.Random(f"{stream}|{round_}").shuffle(shuffled)
        return shuffled[place]

    prompts = {"templates": ["a {n} {label}", "{n}: {label}"], "factors": {"n": list("abcd")}}
    texts = [p.text for p in write_prompts(campaign(prompts=prompts)) if p.label == "cat"]
    assert texts == [
        mend_articles(
            earlier(prompts["templates"], turn, "3|cat|template").format(  # type: ignore[arg-type]
                label="cat", n=earlier(list("abcd"), turn, "3|cat|n")
            )
        )
        for turn in range(20)
    ]


def test_vanilla_named_or_not_is_the_same() -> None:
    assert write_prompts(campaign(technique=[{"name": "vanilla"}])) == write_prompts(campaign())


def test_a_prompt_names_its_label_and_only_the_factors_it_uses() -> None:
    for prompt in write_prompts(campaign()):
        assert prompt.label in prompt.text
        assert "{" not in prompt.text
        assert all(value in prompt.text for value in prompt.factors.values())


def test_techniques_are_mixed_by_share_in_each_label() -> None:
    techniques = [
        {"name": "vanilla", "share": 3},
        {
            "name": "environment",
            "templates": ["a {label} in {weather}"],
            "factors": {"weather": ["rain", "fog"]},
        },
    ]
    prompts = write_prompts(campaign(technique=techniques))
    for label in ("apple", "cat", "dog"):
        mine = [p for p in prompts if p.label == label]
        assert Counter(p.technique for p in mine) == {"vanilla": 15, "environment": 5}
        weather = Counter(p.factors["weather"] for p in mine if p.technique == "environment")
        assert sorted(weather.values()) == [2, 3]


def test_pictures_that_exist_need_no_prompts() -> None:
    values = {"prompts": {}, "generator": {"kind": "folder", "path": "pictures"}}
    assert write_prompts(campaign(**values)) == []


# -- adversarial -------------------------------------------------------------------------------


def test_an_adversarial_picture_is_labelled_as_what_it_is() -> None:
    for prompt in write_prompts(adversarial()):
        looks_like, other = prompt.factors["looks_like"], prompt.factors["other"]
        assert prompt.text == mend_articles(f"a {looks_like}-like {other}")
        assert prompt.label == other != looks_like
        assert prompt.technique == "adversarial"


def test_adversarial_labels_come_equally_often_and_pairs_before_repeats() -> None:
    prompts = write_prompts(adversarial())
    pairs = Counter((p.factors["looks_like"], p.label) for p in prompts)
    assert len(pairs) == 6
    assert set(pairs.values()) == {10}


def test_what_is_none_of_the_labels_is_labelled_so() -> None:
    prompts = write_prompts(
        adversarial(truth="none", others=["statue"], templates=["a {other} of a {color} {label}"])
    )
    assert {p.label for p in prompts} == {NONE_OF_THESE}
    assert {p.factors["other"] for p in prompts} == {"statue"}
    assert {p.factors["looks_like"] for p in prompts} == {"apple", "cat", "dog"}


def test_a_truth_that_is_no_label_is_named() -> None:
    with pytest.raises(ConfigError, match="'statue', which is no label") as error:
        write_prompts(adversarial(others=["dog", "statue"]))
    assert 'truth = "none"' in error.value.hint


def test_a_label_does_not_look_like_itself() -> None:
    with pytest.raises(ConfigError, match="nothing that looks like 'dog'"):
        write_prompts(adversarial(others=["dog"]))


def test_the_adversarial_technique_needs_no_templates_at_all() -> None:
    alone = campaign(prompts={}, technique=[{"name": "adversarial"}])
    assert len(write_prompts(alone)) == 60
