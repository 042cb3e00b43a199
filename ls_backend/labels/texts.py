"""What CLIP reads for a label: words, prompts, templates, default background; and odd labels."""

from __future__ import annotations

import re

from ls_backend.errors import LabelConfigError

DEFAULT_BACKGROUND = (
    "something else", "a background with nothing in it", "an object", "a thing", "something",
    "nothing",
)  # fmt: skip
"""They name nothing in particular: none takes from a label what a kindred word would ("an animal"
from "dog"). Six and not two: of drawings of something else, the tiny CLIP takes 18 % and not 34 %
for a label that stands alone, and still all of the right ones."""

NONE_NAMES = frozenset({"none of these", "other"})

_WORD_BREAK = re.compile(r"[_\-\s]+|(?<=[a-z0-9])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+")
_VOWEL = re.compile(r"[aeiouy]")
_PLACEHOLDERS = {"class", "label", "category", "type", "id", "item", "object", "obj"}


def readable(value: str) -> str:
    """The words in a choice's value: "traffic_light" and "trafficLight" → "traffic light"."""
    return " ".join(_WORD_BREAK.sub(" ", value).split()) or value


def split_texts(value: str | None) -> tuple[str, ...]:
    """The texts of "a | b", without empty ones."""
    return tuple(text.strip() for text in (value or "").split("|") if text.strip())


def is_opaque(text: str) -> bool:
    """Whether no text model can know what it means: "A1", "NG", "cls_07", "class 2", "x"."""
    is_numbered = any(character.isdigit() for character in text)
    words = [word.lower() for word in _WORD.findall(text)]
    return not any(_says_something(word, is_numbered) for word in words)


def _says_something(word: str, is_numbered: bool) -> bool:
    if not word.isascii():
        return True
    spoken = len(word) > 1 and bool(_VOWEL.search(word))
    return spoken and not (is_numbered and word in _PLACEHOLDERS)


def read_templates(value: str | None, default: tuple[str, ...], name: str) -> tuple[str, ...]:
    """The templates of `clip_templates`, or `default`.

    Raises:
        LabelConfigError: One of them lacks {a}.
    """
    templates = split_texts(value) or default
    wrong = [template for template in templates if "{a}" not in template]
    if wrong:
        raise LabelConfigError(
            f"clip_templates of {name!r} has a text without {{a}}: {wrong[0]!r}.",
            hint='Write {a} where the label goes, such as clip_templates="a photo of {a}|{a}".',
        )
    return templates
