"""Which words of a prompt ask for a position, a count or a relation.

Image models often get these wrong, with every object in the picture: a reviewer has to look twice
(Conwell and Ullman, "Testing relational understanding in text-guided image generation", 2022; Huang
et al., "T2I-CompBench", 2023).
"""

from __future__ import annotations

import re

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


def compositional(text: str) -> tuple[str, ...]:
    """The words of a text that name a position, count or relation, in order; most have none."""
    found = (match.group().lower() for match in _PATTERN.finditer(" ".join(text.split())))
    return tuple(dict.fromkeys(found))
