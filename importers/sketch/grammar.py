"""Captions and the reading of prompts: one grammar, used in both directions.

Owns the sentence forms. What it writes with every attribute named it reads back exactly:
``parse(caption(spec, rng, full=True)) == PartialSpec(**asdict(spec))``. Free prompts are read
leniently: the first word known for an attribute decides, unknown words are passed over.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from importers.sketch.spec import ACTIONS, COLORS, PartialSpec, Spec
from importers.sketch.words import (
    NOUNS,
    OPENERS,
    PLACE_WORDS,
    PLACES,
    SIZE_WORDS,
    STYLE_CLOSERS,
    STYLE_OPENERS,
    STYLE_WORDS,
    Noun,
)
from ls_backend.words import with_article

SYNONYM_SHARE = 0.25
PLURAL_SHARE = 0.15


def caption(spec: Spec, rng: random.Random, full: bool = False) -> str:
    """A sentence that is true of a drawing of ``spec``.

    Args:
        spec: The drawing.
        rng: Chooses the words and, unless ``full``, which attributes are named.
        full: Name every attribute.

    Returns:
        One line of plain English of at most 20 words.
    """
    thing = _thing(spec, rng, full)
    place = rng.choice(PLACES[spec.setting]) if full or rng.random() < 0.55 else ""
    styled = full or rng.random() < 0.5
    sentence = _styled(spec, thing, place, rng) if styled else _unstyled(thing, place, rng)
    return written(sentence, rng)


def choose_noun(name: str, rng: random.Random) -> Noun:
    """A word for an object, most often its usual one."""
    nouns = NOUNS[name]
    return rng.choice(nouns) if rng.random() < SYNONYM_SHARE else nouns[0]


def _thing(spec: Spec, rng: random.Random, full: bool) -> str:
    """The noun with its adjectives and action: "a tiny red cat jumping", "red cats"."""
    noun = choose_noun(spec.object, rng)
    adjectives = []
    if spec.size and (full or rng.random() < 0.7):
        adjectives.append(rng.choice(SIZE_WORDS[spec.size]))
    if full or rng.random() < 0.65:
        adjectives.append(spec.color)
    if rng.random() < PLURAL_SHARE:
        thing = " ".join([*adjectives, rng.choice(noun.plurals)])
    else:
        thing = with_article(" ".join([*adjectives, noun.singular]))
    acts = spec.action is not None and (full or rng.random() < 0.8)
    return f"{thing} {spec.action}" if acts else thing


def _styled(spec: Spec, thing: str, place: str, rng: random.Random) -> str:
    """The sentence with its style named before or after."""
    scene = f"{thing} {place}".strip()
    form = rng.choice(("opener", "opener", "closer", "colon", "place first"))
    if form == "opener":
        return f"{rng.choice(STYLE_OPENERS[spec.style])} {scene}"
    if form == "colon":
        return f"{spec.style}: {scene}"
    closer = rng.choice(STYLE_CLOSERS[spec.style])
    if form == "place first" and place:
        return f"{place}, {thing}, {closer}"
    return f"{scene}, {closer}"


def _unstyled(thing: str, place: str, rng: random.Random) -> str:
    if place and rng.random() < 0.15:
        return f"{place}, {thing}"
    return f"{rng.choice(OPENERS)} {thing} {place}".strip()


def written(sentence: str, rng: random.Random) -> str:
    """The sentence with or without a capital letter and a full stop."""
    if rng.random() < 0.5:
        sentence = sentence[0].upper() + sentence[1:]
    return f"{sentence}." if rng.random() < 0.2 else sentence


def parse(text: str) -> PartialSpec:
    """Read what ``text`` says of a drawing; what it does not say is None.

    The longest known phrase wins where several begin ("in a green park" is a place, not a colour);
    of several values for one attribute the first wins. "photo" is the weakest style, because
    "a photo of" opens prompts of every style. "cat-like" names no cat.
    """
    pattern, meanings = _lexicon()
    found: dict[str, str] = {}
    for match in pattern.finditer(" ".join(text.lower().split())):
        for attribute, value in meanings[match.group()]:
            if attribute not in found or (attribute == "style" and found["style"] == "photo"):
                found[attribute] = value
    return PartialSpec(**found)


@lru_cache(maxsize=1)
def _lexicon() -> tuple[re.Pattern[str], dict[str, list[tuple[str, str]]]]:
    """All phrases as one pattern, longest first, and what each of them means."""
    meanings: dict[str, list[tuple[str, str]]] = {}
    for attribute, phrases in _phrases():
        for value, words in phrases.items():
            for phrase in words:
                meanings.setdefault(phrase, []).append((attribute, value))
    longest_first = sorted(meanings, key=lambda phrase: (-len(phrase), phrase))
    alternatives = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<![a-z0-9])(?:{alternatives})(?![a-z0-9]|-like)"), meanings


def _phrases() -> Iterator[tuple[str, Mapping[str, Sequence[str]]]]:
    yield "object", {name: _forms(nouns) for name, nouns in NOUNS.items()}
    yield "color", {color: (color,) for color in COLORS}
    yield "size", SIZE_WORDS
    yield "action", {action: (action,) for action in ACTIONS}
    yield "setting", PLACES
    yield "setting", PLACE_WORDS
    yield "style", STYLE_WORDS


def _forms(nouns: Sequence[Noun]) -> list[str]:
    return sorted({form for noun in nouns for form in (noun.singular, *noun.plurals)})
