"""The ways in which a drawing fails, as image models do.

Owns the kinds and what each does to a drawing. *Blatant* and *subtle* failures concern the label,
*off-prompt* ones leave it right and miss the prompt. When a drawing fails is `draw.py`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
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


@dataclass(frozen=True)
class Failed:
    """A failed drawing: what is drawn instead, how, and what that leaves true.

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


def fail(kind: str, asked: Spec, rng: random.Random) -> Failed:
    """What becomes of ``asked`` under the failure ``kind``, one of `ALL`."""
    return _FAILURES[kind](asked, rng)


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


def _shows_another(asked: Spec, name: str, word: str | None = None) -> Failed:
    drawn = replace(asked, object=name)
    return Failed(drawn, Mishap(word=word), (name,), label_holds=False)


def _another_object(asked: Spec, rng: random.Random) -> Failed:
    return _shows_another(asked, _other(OBJECTS, asked.object, rng))


def _word_on_another_object(asked: Spec, rng: random.Random) -> Failed:
    return _shows_another(asked, _other(OBJECTS, asked.object, rng), word=asked.object)


def _look_alike(asked: Spec, _: random.Random) -> Failed:
    return _shows_another(asked, LOOK_ALIKES[asked.object])


def _no_object(asked: Spec, _: random.Random) -> Failed:
    return Failed(asked, Mishap(missing=True), (), label_holds=False)


def _garbled(asked: Spec, _: random.Random) -> Failed:
    return Failed(asked, Mishap(garbled=True), (), label_holds=False)


def _second_object(asked: Spec, rng: random.Random) -> Failed:
    companion = Companion(_other(OBJECTS, asked.object, rng), rng.choice(COLORS))
    objects = (asked.object, companion.object)
    return Failed(asked, Mishap(companion=companion), objects, label_holds=False)


def _half_out_of_frame(asked: Spec, _: random.Random) -> Failed:
    return Failed(asked, Mishap(cut_off=True), (asked.object,), label_holds=True)


def _off_prompt(asked: Spec, drawn: Spec) -> Failed:
    return Failed(drawn, Mishap(), (asked.object,), label_holds=True)


def _wrong_color(asked: Spec, rng: random.Random) -> Failed:
    return _off_prompt(asked, replace(asked, color=_other(COLORS, asked.color, rng)))


def _wrong_setting(asked: Spec, rng: random.Random) -> Failed:
    return _off_prompt(asked, replace(asked, setting=_other(SETTINGS, asked.setting, rng)))


def _wrong_style(asked: Spec, rng: random.Random) -> Failed:
    return _off_prompt(asked, replace(asked, style=_other(STYLES, asked.style, rng)))


_FAILURES: dict[str, Callable[[Spec, random.Random], Failed]] = {
    "another_object": _another_object,
    "no_object": _no_object,
    "word_on_another_object": _word_on_another_object,
    "garbled": _garbled,
    "second_object": _second_object,
    "half_out_of_frame": _half_out_of_frame,
    "look_alike": _look_alike,
    "wrong_color": _wrong_color,
    "wrong_setting": _wrong_setting,
    "wrong_style": _wrong_style,
}
