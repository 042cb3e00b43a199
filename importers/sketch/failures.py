"""The ways in which a drawing fails, as image models do.

Owns the kinds and what each does to a drawing. *Blatant* and *subtle* failures concern the label,
*off-prompt* ones leave it right and miss the prompt. When a drawing fails is `draw.py`.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from importers.sketch.render import Companion, Mishap
from importers.sketch.spec import COLORS, OBJECTS, SETTINGS, STYLES, Spec
from ls_backend.errors import ConfigError

BLATANT = ("another_object", "no_object", "word_on_another_object", "garbled")
SUBTLE = ("second_object", "half_out_of_frame", "look_alike")
OFF_PROMPT = ("wrong_color", "wrong_setting", "wrong_style")
ALL = (*BLATANT, *SUBTLE, *OFF_PROMPT)

# What each object is most easily taken for, judged by its outline.
LOOK_ALIKES = {
    **{"apple": "ball", "ball": "apple", "boat": "kite", "bus": "car", "butterfly": "flower"},
    **{"car": "bus", "cat": "dog", "cup": "cactus", "dog": "cat", "duck": "fish"},
    **{"fish": "plane", "flower": "butterfly", "house": "bus", "kite": "key"},
    **{"mushroom": "umbrella", "plane": "rocket", "rocket": "plane", "star": "flower"},
    **{"tree": "mushroom", "umbrella": "mushroom", "cactus": "cup", "chair": "house"},
    **{"clock": "ball", "ghost": "snowman", "key": "kite", "snowman": "ghost"},
}
_OTHER_VALUES = {
    "another_object": ("object", OBJECTS),
    "word_on_another_object": ("object", OBJECTS),
    "wrong_color": ("color", COLORS),
    "wrong_setting": ("setting", SETTINGS),
    "wrong_style": ("style", STYLES),
}
"""What else is drawn under these failures: field of the `Spec`, and its values."""


@dataclass(frozen=True)
class Outcome:
    """What is drawn, how, and what that leaves true.

    Attributes:
        drawn: Spec for the renderer.
        mishap: Mishap in rendering.
        objects: Objects that can be recognised in the picture.
        label_holds: Whether the asked object's label is right for the picture.
    """

    drawn: Spec
    mishap: Mishap
    objects: tuple[str, ...]
    label_holds: bool


def fail(kind: str | None, asked: Spec, rng: random.Random) -> Outcome:
    """What becomes of ``asked`` under the failure ``kind``, one of `ALL`, or under none."""
    drawn, companion = asked, None
    if kind in _OTHER_VALUES:
        attribute, values = _OTHER_VALUES[kind]
        drawn = replace(asked, **{attribute: _other(values, getattr(asked, attribute), rng)})
    elif kind == "look_alike":
        drawn = replace(asked, object=LOOK_ALIKES[asked.object])
    elif kind == "second_object":
        companion = Companion(_other(OBJECTS, asked.object, rng), rng.choice(COLORS))
    mishap = Mishap(
        missing=kind == "no_object",
        companion=companion,
        cut_off=kind == "half_out_of_frame",
        word=asked.object if kind == "word_on_another_object" else None,
        garbled=kind == "garbled",
    )
    seen = () if mishap.missing or mishap.garbled else (drawn.object,)
    objects = (*seen, companion.object) if companion else seen
    return Outcome(drawn, mishap, objects, label_holds=objects == (asked.object,))


def check_kinds(kinds: Sequence[str]) -> None:
    """Look whether there are such kinds of failures.

    Raises:
        ConfigError: one is unknown.
    """
    unknown = [kind for kind in kinds if kind not in ALL]
    if unknown:
        raise ConfigError(
            f"Unknown kind of failure: {', '.join(unknown)}.",
            hint=f"The kinds are: {', '.join(ALL)}.",
        )


def _other(values: tuple[str, ...], value: str, rng: random.Random) -> str:
    return rng.choice([other for other in values if other != value])
