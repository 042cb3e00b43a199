from __future__ import annotations

import pytest

from importers.prompts.mention import compositional, mentioned, mentions


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a red cat", "cat"),
        ("Two CATS, asleep", "cat"),
        ("the cat's tail", "cat"),
        ("a cat-like statue", "cat"),
        ("a traffic light at night", "traffic_light"),
        ("traffic lights", "trafficLight"),
        ("a TrafficLight.", "traffic-light"),
        ("buses in a row", "bus"),
        ("a bus", "buses"),
        ("butterflies", "butterfly"),
        ("boxes of fruit", "box"),
        ("tomatoes", "tomato"),
        ("children and snowmen", "snowman"),
        ("two wolves", "wolf"),
        ("a glass of water", "glass"),
        ("eine rote Katze", "Katze"),
        ("赤い猫の写真", "猫"),
        ("una señal", "señal"),
    ],
)
def test_a_label_is_found_in_every_form(text: str, label: str) -> None:
    assert mentions(text, label)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("a category", "cat"),
        ("she cares", "car"),
        ("a dog", "cat"),
        ("a light for traffic", "traffic light"),
        ("", "cat"),
        ("a gla", "glass"),
    ],
)
def test_what_only_looks_like_it_does_not_count(text: str, label: str) -> None:
    assert not mentions(text, label)


def test_synonyms_count() -> None:
    assert not mentions("a ship at sea", "boat")
    assert mentions("two sailing ships", "boat", ["ship"])


def test_the_longer_of_two_labels_wins() -> None:
    labels = ["light", "traffic light", "dog"]
    assert mentioned("a traffic light", labels, {}) == ["traffic light"]
    assert mentioned("a light in the dark", labels, {}) == ["light"]
    assert mentioned("a dog at a traffic light", labels, {}) == ["traffic light", "dog"]
    assert mentioned("a puppy", labels, {"dog": ["puppy"]}) == ["dog"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a cat to the left of a dog", ("to the left of",)),
        ("Three dogs behind a fence", ("three", "behind")),
        ("a dog between two cars", ("between", "two")),
        ("4 apples on a table", ("4",)),
        ("a boat in  front\nof a house", ("in front of",)),
        ("a cat bigger than a car", ("bigger than",)),
        ("a cup on top of a pile of books", ("on top of", "pile of")),
        ("a dog under the table", ("under",)),
        ("a man riding a horse", ("riding",)),
        ("a pair of boots", ("pair of",)),
        ("several fish in the background", ("several", "in the background")),
    ],
)
def test_positions_counts_and_relations_are_found(text: str, words: tuple[str, ...]) -> None:
    found = compositional(text)
    assert [word.removeprefix("a ") for word in found] == list(words)


@pytest.mark.parametrize(
    "text",
    [
        "a red cat on the beach",
        "a photo of a single dog, 35 mm lens, f/2.8",
        "an 8-bit picture of a boat under the stars",
        "a 1950 car on a plain background",
        "one flower in a garden",
        "a cat under a starry sky",
        "a leftover apple, bright light",
        "a 4k photo of a fish",
    ],
)
def test_other_prompts_have_none(text: str) -> None:
    assert compositional(text) == ()
