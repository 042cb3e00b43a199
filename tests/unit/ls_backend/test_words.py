"""Articles by sound, counts with their nouns, lists, and amounts of money."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ls_backend.words import article, count, dollars, listed, mend_articles, with_article

AN = """
owl|Apple|hourglass|hourly bus|heirloom|honest man|honorary degree|honour|umbrella|uncle|urn
ugly dog|upright piano|unusual shape|uneven road|unarmed guard|unimportant thing|uninteresting wall
unidentified object|oar|onion|onerous task|opossum|eel|elf|8-bit picture|80s car|11|18 dogs
1890s photo|18th-century house|X-ray|f/2 lens|F16|e-mail|MRI|LCD|HDR photo|LED|SUV|suv|ASCII art
O'Brien|'orange' apple|“old” book|Éclair|übermensch|udon
"""
A = """
dog|red apple|house|historic house|hen|horse|herb|honeycomb|Honolulu|unicorn|uniform|union|unit
universe|unidirectional arrow|unanimous vote|useful tool|usual day|user|utensil|utility pole|ukulele
Ukrainian flag|uranium|Uranus|uvula|ubiquitous sign|European city|euro coin|eucalyptus|ewe
one-way sign|one|once-red car|ouija board|UFO|ufo|USB stick|usb stick|UV lamp|US flag|UK flag
U-turn|T-shirt|DVD|NASA rocket|FOX|St Bernard|Mr Bean|7|100|110|180|1980s|2nd|yew|猫
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "an") for text in AN.strip().replace("\n", "|").split("|")),
        *((text, "a") for text in A.strip().replace("\n", "|").split("|")),
    ],
)
def test_the_article_is_chosen_by_sound(text: str, expected: str) -> None:
    assert article(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dog", "a dog"),
        ("owl", "an owl"),
        ("the moon", "the moon"),
        ("a dog on a rug", "a dog on a rug"),
        ("Some sand", "Some sand"),
        ("ant", "an ant"),
    ],
)
def test_a_text_that_brings_its_own_article_keeps_it(text: str, expected: str) -> None:
    assert with_article(text) == expected


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("a orange apple", "an orange apple"),
        ("A apple on a umbrella", "An apple on an umbrella"),
        ("a unicorn in a European city", "a unicorn in a European city"),
        ('a "orange" cat and a hourglass', 'an "orange" cat and an hourglass'),
        ("a red apple", "a red apple"),
        ("an red apple", "an red apple"),
        ("pizza oven", "pizza oven"),
    ],
)
def test_a_becomes_an_within_a_text(written: str, spoken: str) -> None:
    assert mend_articles(written) == spoken


def test_a_number_with_its_noun() -> None:
    assert [count(n, "picture") for n in (0, 1, 1234)] == [
        "0 pictures",
        "1 picture",
        "1,234 pictures",
    ]
    assert [count(n, "class", "classes") for n in (1, 2)] == ["1 class", "2 classes"]


def test_a_list_in_words() -> None:
    assert [listed(texts) for texts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "none",
        "a",
        "a and b",
        "a, b and c",
    ]


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0.00"),
        ("1", "$1.00"),
        ("1234.5", "$1,234.50"),
        ("0.3", "$0.30"),
        ("0.0375", "$0.0375"),
        ("0.00123", "$0.0012"),
        ("0.00004", "$0.00004"),
        ("0.000123456", "$0.00012"),
        ("0.99999", "$1.00"),
    ],
)
def test_dollars_show_small_amounts(amount: str, shown: str) -> None:
    assert dollars(Decimal(amount)) == shown
    assert dollars(float(amount)) == shown
