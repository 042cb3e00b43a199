"""The English of the sketch world: every word and phrase for every value of a `Spec`.

Owns the vocabulary alone. `grammar.py` builds captions from these tables and reads texts with the
same tables, so a phrase added here is written and understood from then on.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Noun:
    """A word for an object; `plurals` lists all its plural forms, the usual one first."""

    singular: str
    plurals: tuple[str, ...]


def _noun(singular: str, *plurals: str) -> Noun:
    return Noun(singular, plurals or (f"{singular}s",))


NOUNS: dict[str, tuple[Noun, ...]] = {
    "apple": (_noun("apple"),),
    "ball": (_noun("ball"), _noun("beach ball"), _noun("beachball")),
    "boat": (_noun("boat"), _noun("sailboat"), _noun("ship")),
    "bus": (_noun("bus", "buses"), _noun("minibus", "minibuses")),
    "butterfly": (_noun("butterfly", "butterflies"),),
    "car": (_noun("car"), _noun("automobile")),
    "cat": (_noun("cat"), _noun("kitten")),
    "cup": (_noun("cup"), _noun("mug"), _noun("teacup")),
    "dog": (_noun("dog"), _noun("puppy", "puppies")),
    "duck": (_noun("duck"), _noun("duckling")),
    "fish": (_noun("fish", "fishes", "fish"), _noun("goldfish", "goldfish")),
    "flower": (_noun("flower"), _noun("daisy", "daisies"), _noun("blossom")),
    "house": (_noun("house"), _noun("cottage")),
    "kite": (_noun("kite"),),
    "mushroom": (_noun("mushroom"), _noun("toadstool")),
    "plane": (_noun("plane"), _noun("airplane"), _noun("aeroplane"), _noun("jet")),
    "rocket": (_noun("rocket"), _noun("spaceship"), _noun("space rocket")),
    "star": (_noun("star"),),
    "tree": (_noun("tree"),),
    "umbrella": (_noun("umbrella"), _noun("parasol")),
    "cactus": (_noun("cactus", "cacti", "cactuses"),),
    "chair": (_noun("chair"),),
    "clock": (_noun("clock"), _noun("alarm clock")),
    "ghost": (_noun("ghost"),),
    "key": (_noun("key"),),
    "snowman": (_noun("snowman", "snowmen"),),
}

SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "big": ("big", "large"),
    "tiny": ("tiny", "small", "little"),
}

# Where: whole phrases that captions use.
PLACES: dict[str, tuple[str, ...]] = {
    "beach": ("on the beach", "at the beach", "by the sea", "at the seaside", "on a sandy beach"),
    "park": ("in the park", "in a green park", "on the grass", "in a garden", "in a meadow"),
    "street": ("in the street", "on a city street", "in the city", "on the road"),
    "snow": ("in the snow", "on a snowy day", "in winter", "in a snowy field"),
    "night sky": ("in the night sky", "under the stars", "at night", "on a starry night"),
    "desert": ("in the desert", "on a sand dune", "in a sandy desert"),
    "studio": ("in a studio", "on a plain background", "against a plain background"),
}
# Single words that settle the place when no whole phrase does.
PLACE_WORDS: dict[str, tuple[str, ...]] = {
    "beach": ("beach", "sea", "seaside", "ocean", "shore"),
    "park": ("park", "grass", "garden", "meadow", "lawn"),
    "street": ("street", "city", "road", "town"),
    "snow": ("snow", "snowy", "winter", "ice"),
    "night sky": ("night sky", "night", "starry", "moonlight", "midnight"),
    "desert": ("desert", "dune", "dunes"),
    "studio": ("studio", "plain background", "white background", "plain"),
}

# How: what stands before the thing ("a cartoon of …"), after it, and what settles it alone.
STYLE_OPENERS: dict[str, tuple[str, ...]] = {
    "photo": ("a realistic photo of", "a photograph of", "a photo of"),
    "cartoon": ("a cartoon of", "a cartoon drawing of", "a comic of"),
    "watercolour": (
        *("a watercolour painting of", "a watercolour of"),
        *("a watercolor painting of", "a watercolor of"),
    ),
    "pixel art": ("pixel art of", "a pixel art of", "an 8-bit picture of"),
    "pencil sketch": ("a pencil sketch of", "a pencil drawing of", "a sketch of"),
}
STYLE_CLOSERS: dict[str, tuple[str, ...]] = {
    "photo": ("realistic photo", "photo", "in a realistic style", "in the style of a photo"),
    "cartoon": ("cartoon", "cartoon style", "in the style of a cartoon"),
    "watercolour": (
        *("watercolour", "watercolour style", "watercolor"),
        "in the style of a watercolour",
    ),
    "pixel art": ("pixel art", "pixel art style", "in the style of pixel art"),
    "pencil sketch": ("pencil sketch", "pencil sketch style", "in the style of a pencil sketch"),
}
STYLE_WORDS: dict[str, tuple[str, ...]] = {
    "photo": ("photo", "photograph", "photographic", "photorealistic", "realistic"),
    "cartoon": ("cartoon", "comic", "comic book", "animated"),
    "watercolour": ("watercolour", "watercolor"),
    "pixel art": ("pixel art", "pixel", "pixel-art", "pixelated", "8-bit"),
    "pencil sketch": ("pencil sketch", "pencil", "sketch", "sketched", "crayon"),
}

# Openers that say nothing of the style, for captions that leave it open.
OPENERS = ("a picture of", "an image of", "a nice picture of", "this is", "")
