"""The texts beside captions that the tiny CLIP learns from: names of objects, and empty scenes."""

from __future__ import annotations

import random

from importers.sketch.grammar import choose_noun, written
from importers.sketch.words import NOUNS, PLACES, STYLE_CLOSERS
from ls_backend.words import with_article

# Texts that name the object and nothing else. {a} "a cat", {bare} "cat",
# {many} "cats". Label prompts of zero-shot classifiers look like these.
NAMINGS = (
    *("{a}", "{bare}", "the {bare}", "{many}"),
    *("a photo of {a}", "a photo of the {bare}", "a photo of {bare}", "a photo of one {bare}"),
    *("a picture of {a}", "an image of {a}", "an image of the {bare}", "a drawing of {a}"),
    *("a good photo of {a}", "a good photo of the {bare}", "a bad photo of {a}"),
    *("a blurry photo of {a}", "a close-up photo of {a}", "a cropped photo of {a}"),
    *("a bright photo of {a}", "a dark photo of {a}", "a clean photo of {a}"),
    *("this is {a}", "there is {a} in the picture", "art of {a}", "a rendering of {a}"),
    *("a photo of my {bare}", "itap of {a}", "a {bare}", "a photo of a nice {bare}"),
)
PLURAL_NAMINGS = (
    *("{many}", "a photo of {many}", "a picture of {many}", "an image of {many}"),
    *("a photo of the {many}", "a photo of many {many}", "a photo of a {many}"),
    *("a good photo of {many}", "a drawing of {many}", "art of {many}", "this is {many}"),
)

# Texts for a setting without any object in it.
EMPTY_OPENERS = ("nothing", "an empty scene", "an empty picture", "no object")


def naming(name: str, rng: random.Random, plural: bool = False) -> str:
    """A text that names the object ``name`` and nothing else, as label prompts do."""
    noun = choose_noun(name, rng)
    form = rng.choice(PLURAL_NAMINGS if plural else NAMINGS)
    return written(
        form.format(
            a=with_article(noun.singular), bare=noun.singular, many=rng.choice(noun.plurals)
        ),
        rng,
    )


def empty_caption(setting: str, style: str, rng: random.Random) -> str:
    """A sentence for a setting in which there is nothing."""
    opener, place = rng.choice(EMPTY_OPENERS), rng.choice(PLACES[setting])
    closer = f", {rng.choice(STYLE_CLOSERS[style])}" if rng.random() < 0.5 else ""
    return written(f"{opener} {place}{closer}", rng)


def plural(name: str) -> str:
    """The usual plural of an object's name: "bus" gives "buses"."""
    return NOUNS[name][0].plurals[0]
