"""Whether a text mentions a label: in its own words or a synonym's, in singular or plural.

Label and text are split into words as the ML backend splits labels (`_`, `-`, camelCase). Plurals
are English; a label that is not written in ASCII is looked for as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ls_backend.labels.texts import readable

_IRREGULAR = {
    **{"men": "man", "women": "woman", "children": "child", "people": "person", "mice": "mouse"},
    **{"geese": "goose", "feet": "foot", "teeth": "tooth", "oxen": "ox", "dice": "die"},
    **{"cacti": "cactus", "fungi": "fungus", "leaves": "leaf", "loaves": "loaf"},
    **{"knives": "knife", "wolves": "wolf", "shelves": "shelf", "calves": "calf"},
    **{"scarves": "scarf", "halves": "half", "hooves": "hoof", "thieves": "thief"},
}
_AROUND_WORDS = "\"'“”‘’.,:;!?()[]{}…«»"
_ES_FOLLOWS = ("s", "x", "z", "ch", "sh", "o")


def mentions(text: str, label: str, synonyms: Sequence[str] = ()) -> bool:
    """Whether the text names the label or one of its synonyms."""
    return any(_names(text, name) for name in (label, *synonyms))


def mentioned(text: str, labels: Sequence[str], synonyms: Mapping[str, Sequence[str]]) -> list[str]:
    """The labels that a text mentions; "traffic light" is not also a "light"."""
    found = [label for label in labels if mentions(text, label, synonyms.get(label, ()))]
    return [
        label
        for label in found
        if not any(len(other) > len(label) and _names(other, label) for other in found)
    ]


def _names(text: str, name: str) -> bool:
    if not name.isascii():
        return name.casefold() in text.casefold()
    wanted, words = _words(name), _words(text)
    if not wanted:
        return False
    starts = range(len(words) - len(wanted) + 1)
    return any(_same(words[start : start + len(wanted)], wanted) for start in starts)


def _same(words: Sequence[str], wanted: Sequence[str]) -> bool:
    *begins, last = words
    *wanted_begins, wanted_last = wanted
    return begins == wanted_begins and bool(_singulars(last) & _singulars(wanted_last))


def _words(text: str) -> list[str]:
    words = [word.strip(_AROUND_WORDS) for word in readable(text).casefold().split()]
    return [word.removesuffix("'s").removesuffix("’s") for word in words if word]


@lru_cache(maxsize=4096)
def _singulars(word: str) -> frozenset[str]:
    """What a word may be the plural of, and the word itself."""
    forms = {word}
    for plural, singular in _IRREGULAR.items():  # "snowmen", too
        if word.endswith(plural):
            forms.add(word.removesuffix(plural) + singular)
    if word.endswith("ies") and len(word) > 4:
        forms.add(word[:-3] + "y")
    if word.endswith("es") and word[:-2].endswith(_ES_FOLLOWS):
        forms.add(word[:-2])
    if word.endswith("s") and not word.endswith("ss"):
        forms.add(word[:-1])
    return frozenset(forms)
