"""What a text mentions: labels, in their own words or a synonym's; positions, counts, relations.

Label and text are split into words as the ML backend splits labels (`_`, `-`, camelCase). Plurals
are English; a label that is not written in ASCII is looked for as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from importers.config.campaign import NONE_OF_THESE, Campaign
from importers.sample import Prompt
from ls_backend.labels.texts import readable

ADVERSARIAL = "adversarial"

_IRREGULAR = {
    **{"men": "man", "women": "woman", "children": "child", "people": "person", "mice": "mouse"},
    **{"geese": "goose", "feet": "foot", "teeth": "tooth", "oxen": "ox", "dice": "die"},
    **{"cacti": "cactus", "fungi": "fungus", "leaves": "leaf", "loaves": "loaf"},
    **{"knives": "knife", "wolves": "wolf", "shelves": "shelf", "calves": "calf"},
    **{"scarves": "scarf", "halves": "half", "hooves": "hoof", "thieves": "thief"},
}
_AROUND_WORDS = "\"'“”‘’.,:;!?()[]{}…«»"
_ES_FOLLOWS = ("s", "x", "z", "ch", "sh", "o")
_COUNTS = (
    r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens?|both|several|many|"
    r"multiple|a few|(?:a |one )?(?:pair|couple|group|row|herd|flock|pile|stack) of)"
)
_POSITIONS = (
    r"(?:(?:to|on|at) (?:the|its|his|her|their) (?:left|right)(?: (?:side )?of)?|"
    r"(?:left|right) of|(?:top|bottom|upper|lower) (?:left|right)|"
    r"in the (?:fore|back)ground|in the (?:cent(?:er|re)|middle|corner)(?: of)?|"
    r"upside down|side by side)"
)
# Where the sky is no object to be above or below.
_NO_OBJECT = (
    r"(?! (?:(?:the|a|an) )?(?:\w+ )?(?:sky|stars?|sun|moon|moonlight|sunlight|rain|water))"
)
_RELATIONS = (
    r"(?:in front of|on top of|next to|close to|far from|across from|away from|opposite|"
    r"behind|between|beside|besides|alongside|above|beneath|underneath|among|amid|inside|outside|"
    rf"(?:under|below|over){_NO_OBJECT}|surrounded by|"
    r"(?:bigger|larger|smaller|taller|shorter|longer|older|younger|heavier|more|less|fewer) than|"
    r"facing|chasing|holding|wearing|carrying|riding|touching|leaning against)"
)
# "3 dogs", but not "35 mm lens", "8-bit", "1950 photo" or "f/2".
_NUMERALS = (
    r"(?<![\w./-])(?:[2-9]|[1-9]\d{1,2})(?= [a-z])"
    r"(?! (?:mm|cm|m|km|px|k|bit|pm|am|degrees?|percent|years?|o'clock)\b)"
)
_PATTERN = re.compile(
    rf"\b(?:{_POSITIONS}|{_COUNTS}|{_RELATIONS})\b|{_NUMERALS}", flags=re.IGNORECASE
)


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


def unmentioned(campaign: Campaign, prompt: Prompt) -> str | None:
    """Why a prompt is refused, in words; None where it mentions its label or a synonym.

    Of an adversarial prompt it is enough to mention what the picture looks like, or truly is.
    """
    names = [prompt.label]
    if prompt.technique == ADVERSARIAL:
        names += [prompt.factors[f] for f in ("looks_like", "other") if f in prompt.factors]
        if prompt.label == NONE_OF_THESE:
            names = names[1:] or list(campaign.labels)
    synonyms = campaign.prompts.synonyms
    if any(mentions(prompt.text, name, synonyms.get(name, ())) for name in names):
        return None
    wanted = " or ".join(repr(name) for name in names)
    return f"the prompt {prompt.text!r} never mentions {wanted}"


def compositional(text: str) -> tuple[str, ...]:
    """The words of a text that name a position, count or relation, in order; most have none."""
    found = (match.group().lower() for match in _PATTERN.finditer(" ".join(text.split())))
    return tuple(dict.fromkeys(found))


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
