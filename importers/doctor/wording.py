"""Labels that no text model can know: told from their words alone, without loading a model."""

from __future__ import annotations

import re

from importers.doctor.checks import Concern
from importers.doctor.patient import Patient

_LETTERS = re.compile(r"[^\W\d_]+")
_PLACEHOLDERS = {"cls", "class", "label", "category", "type", "id", "item", "object", "obj"}
_SHOWN = 5


def label_wording(patient: Patient) -> str:
    """Every label's text says something."""
    opaque = [text for text in patient.target.texts if is_opaque(text)]
    if not opaque:
        return f"{len(patient.target.texts)} labels with words that CLIP can know"
    named = ", ".join(map(repr, opaque[:_SHOWN])) + (", …" if len(opaque) > _SHOWN else "")
    raise Concern(
        f"No model can know what these labels mean: {named}.",
        hint='Give each such Choice readable words: clip_prompt="a photo of …".',
    )


def is_opaque(text: str) -> bool:
    """A text without a word in it ("07"), or with a placeholder and a number ("cls 07")."""
    words = [word.lower() for word in _LETTERS.findall(text)]
    if not any(len(word) > 1 for word in words):
        return True
    numbered = any(character.isdigit() for character in text)
    return numbered and all(word in _PLACEHOLDERS for word in words)
