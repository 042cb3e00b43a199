"""Random numbers that depend on names alone, so that every process draws the same picture."""

from __future__ import annotations

import hashlib
import random


def rng_for(*parts: object) -> random.Random:
    """A generator seeded by the text of ``parts``: the same in any process and on any machine."""
    text = "|".join(map(str, parts))
    # A prompt from JSON may hold half of a surrogate pair, which UTF-8 alone cannot write.
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return random.Random(int.from_bytes(digest[:8], "big"))
