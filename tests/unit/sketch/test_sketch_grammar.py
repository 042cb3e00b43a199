"""Captions and parser are one grammar: what is written is read back; prompts are read kindly."""

from __future__ import annotations

import itertools
import random
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.sketch_training.texts import empty_caption, naming, plural
from importers.sketch.grammar import caption, parse
from importers.sketch.spec import (
    ACTIONS,
    COLORS,
    OBJECTS,
    OUTSIDE_OBJECTS,
    SETTINGS,
    SIZES,
    STYLES,
    PartialSpec,
    Spec,
    random_spec,
)
from importers.sketch.words import NOUNS

EVERY_OBJECT = (*OBJECTS, *OUTSIDE_OBJECTS)


def test_the_world_has_the_promised_size() -> None:
    sizes = [len(OBJECTS), len(OUTSIDE_OBJECTS), len(COLORS), len(SETTINGS), len(STYLES)]
    assert sizes == [20, 6, 8, 7, 5]
    assert set(NOUNS) == set(EVERY_OBJECT)


@pytest.mark.parametrize("name", EVERY_OBJECT)
def test_a_full_caption_is_read_back_exactly_for_every_combination(name: str) -> None:
    rng = random.Random(name)
    for rest in itertools.product(COLORS, SETTINGS, STYLES, (None, *ACTIONS), (None, *SIZES)):
        spec = Spec(name, *rest)
        text = caption(spec, rng, full=True)
        assert parse(text) == PartialSpec(**asdict(spec)), text


def test_a_shorter_caption_never_says_what_is_not_so() -> None:
    rng = random.Random(1)
    for _ in range(5000):
        spec = random_spec(rng, EVERY_OBJECT)
        text = caption(spec, rng)
        said, true = vars(parse(text)), vars(spec)
        assert said["object"] == spec.object, text
        assert all(value in (None, true[name]) for name, value in said.items()), text


@pytest.mark.parametrize("name", EVERY_OBJECT)
def test_every_form_of_every_noun_names_its_object(name: str) -> None:
    for noun in NOUNS[name]:
        for form in (noun.singular, *noun.plurals):
            assert parse(f"A photo of {form}!").object == name


@pytest.mark.parametrize("name", OBJECTS)
def test_label_prompts_name_the_object_and_nothing_else(name: str) -> None:
    rng = random.Random(name)
    for several in (False, True):
        read = parse(naming(name, rng, plural=several))
        assert read.object == name
        assert (read.color, read.setting, read.action) == (None, None, None)


@pytest.mark.parametrize("setting", SETTINGS)
def test_captions_of_empty_scenes_name_no_object(setting: str) -> None:
    rng = random.Random(setting)
    for style in STYLES:
        read = parse(empty_caption(setting, style, rng))
        assert (read.object, read.setting) == (None, setting)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("an apple in a green park", PartialSpec("apple", setting="park")),
        ("a green apple on a snowy day", PartialSpec("apple", "green", "snow")),
        ("a beach ball in the snow", PartialSpec("ball", setting="snow")),
        ("a cat under the stars", PartialSpec("cat", setting="night sky")),
        ("yellow stars", PartialSpec("star", "yellow")),
        ("a photo of a dog", PartialSpec("dog", style="photo")),
        ("a photo of a dog, watercolour", PartialSpec("dog", style="watercolour")),
        ("a snowman on the beach", PartialSpec("snowman", setting="beach")),
        ("TWO PUPPIES!", PartialSpec("dog")),
        ("a cat in front of a house", PartialSpec("cat")),
        ("a cat-like dog", PartialSpec("dog")),
        ("a scarf with a cartography motif", PartialSpec()),
        ("an orange", PartialSpec(color="orange")),
        ("", PartialSpec()),
    ],
)
def test_free_prompts_are_read_kindly(text: str, expected: PartialSpec) -> None:
    assert parse(text) == expected


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(parse(text), PartialSpec)


def test_what_a_prompt_leaves_open_is_chosen_but_no_action_or_size_is_added() -> None:
    chosen = [parse("a dog").complete(random.Random(seed)) for seed in range(50)]
    assert {spec.object for spec in chosen} == {"dog"}
    assert {(spec.action, spec.size) for spec in chosen} == {(None, None)}
    assert {spec.color for spec in chosen} == set(COLORS)


def test_plurals() -> None:
    assert [plural(name) for name in ("bus", "butterfly", "cat", "snowman")] == [
        "buses",
        "butterflies",
        "cats",
        "snowmen",
    ]
