"""What a drawing shows: the words of the sketch world and the `Spec` that picks one of each.

Owns the value sets (20 objects, 6 objects outside the label set, 8 colours, 7 settings, 5 styles,
actions, sizes), and the chance by which specs, and all else in this room, are drawn: `rng_for`
gives the same in any process. How values are said in English is `words.py`, how they are drawn is
`render.py`.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace

OBJECTS = (
    *("apple", "ball", "boat", "bus", "butterfly", "car", "cat", "cup", "dog", "duck"),
    *("fish", "flower", "house", "kite", "mushroom", "plane", "rocket", "star", "tree", "umbrella"),
)
OUTSIDE_OBJECTS = ("cactus", "chair", "clock", "ghost", "key", "snowman")
COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
SETTINGS = ("beach", "park", "street", "snow", "night sky", "desert", "studio")
STYLES = ("photo", "cartoon", "watercolour", "pixel art", "pencil sketch")
ACTIONS = ("sitting", "flying", "floating", "jumping", "resting", "standing")
SIZES = ("big", "tiny")


@dataclass(frozen=True)
class Spec:
    """One drawing in words: each field is a member of the tuple of the same name above."""

    object: str
    color: str
    setting: str
    style: str
    action: str | None = None
    size: str | None = None


@dataclass(frozen=True)
class PartialSpec:
    """What a text says of a drawing; None is what it leaves open."""

    object: str | None = None
    color: str | None = None
    setting: str | None = None
    style: str | None = None
    action: str | None = None
    size: str | None = None

    def over(self, spec: Spec) -> Spec:
        """The spec with all that the text says in it."""
        return replace(spec, **{name: value for name, value in asdict(self).items() if value})

    def complete(self, rng: random.Random) -> Spec:
        """Choose what is open; an action or size that was not asked for stays away."""
        return self.over(replace(random_spec(rng), action=None, size=None))


def random_spec(
    rng: random.Random,
    objects: Sequence[str] = OBJECTS,
    accept: Callable[[Spec], bool] = lambda _: True,
) -> Spec:
    """Draw specs until one is accepted; 40 % have an action and 20 % a size."""
    while True:
        spec = Spec(
            object=rng.choice(objects),
            color=rng.choice(COLORS),
            setting=rng.choice(SETTINGS),
            style=rng.choice(STYLES),
            action=rng.choice(ACTIONS) if rng.random() < 0.4 else None,
            size=rng.choice(SIZES) if rng.random() < 0.2 else None,
        )
        if accept(spec):
            return spec


def rng_for(*parts: object) -> random.Random:
    """A generator seeded by the text of ``parts``: the same in any process and on any machine."""
    text = "|".join(map(str, parts))
    # A prompt from JSON may hold half of a surrogate pair, which UTF-8 alone cannot write.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))
