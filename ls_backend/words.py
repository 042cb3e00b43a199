"""English for people and for CLIP: a number with its noun, "a" or "an", "a, b and c", dollars.

The library `inflect` does not do: its import takes 3 s of CPU (typeguard compiles it anew each
time), and it says "a 8-bit picture", "an UV lamp" and "a SUV".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal

# By sound, of letters without accents.
_SOUNDS_LIKE_A_VOWEL = re.compile(
    r"""
    8 | 1[18](\d\d)?(?!\d)                      # eight, eleven, eighteen, the 1890s
    | [aefhilmnorsx](?![a-z'])                  # a letter by itself: an X-ray, an f/2 lens
    | (?-i: [FHLMNRSX][B-DF-HJ-NP-TV-XZ]+\b)    # spelled out: an LCD, an HDR photo
    | (?-i: LED\b) | (suv | mri | fbi | nba)\b
    | hour(?!i) | honest | honou?r | heir       # a silent h
    | (?! eu | ewe | one\b | once\b | oui) [aeio]
    | u(?!                                      # not where it is spoken like "you":
        \b | (ae | i | k | ps | sb | v | x)\b | (?-i: [NS]\b)
        | biq | fo | gan | k[aeiour] | nanim | nesco | [rstvw][aeiou] | yg
        | ni(?! d(?!ir) | gn | m | n)           # unit and unidirectional, but unidentified
    )
    """,
    re.IGNORECASE | re.VERBOSE,
)
_OPENING = "\"'“‘«([{"
_HAS_ARTICLE = re.compile(r"(?:a|an|the|some)\s", re.IGNORECASE)
_ARTICLE = re.compile(r"\b([Aa])(?=\s+(\S+))")
_DECIMALS = 4
"""Of an amount below a dollar; of a very small one, two digits that are not 0 are shown."""


def article(text: str) -> str:
    """ "an" where the text begins with the sound of a vowel, else "a"."""
    letters = unicodedata.normalize("NFKD", text.lstrip().lstrip(_OPENING))
    plain = "".join(letter for letter in letters if not unicodedata.combining(letter))
    return "an" if _SOUNDS_LIKE_A_VOWEL.match(plain) else "a"


def with_article(text: str) -> str:
    """ "owl" → "an owl"; a text that brings its own article stays as it is."""
    return text if _HAS_ARTICLE.match(text) else f"{article(text)} {text}"


def mend_articles(text: str) -> str:
    """Say "an" where it belongs, as in "a orange apple" → "an orange apple"."""
    return _ARTICLE.sub(
        lambda found: found[1] + "n" if article(found[2]) == "an" else found[1], text
    )


def count(number: int, noun: str, nouns: str | None = None) -> str:
    """`1 picture`, `1,234 pictures`.

    Args:
        nouns: The plural, where it is not the noun and an "s".
    """
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def listed(texts: Iterable[str]) -> str:
    """`a, b and c`; "none" for nothing."""
    *first, last = list(texts) or ["none"]
    return f"{', '.join(first)} and {last}" if first else last


def dollars(amount: Decimal | float) -> str:
    """US dollars, with as many digits as tell small amounts apart: `$1,234.50`, `$0.00004`."""
    exact = Decimal(str(amount))
    if not exact or abs(exact) >= 1:
        return f"${exact:,.2f}"
    decimals = max(_DECIMALS, 1 - exact.adjusted())
    whole, _, parts = f"{exact:.{decimals}f}".partition(".")
    return f"${whole}.{parts.rstrip('0'):0<2}"
