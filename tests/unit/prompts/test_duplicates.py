"""Which texts say the same: exactly, without case and punctuation, or nearly, to CLIP."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from importers.prompts.writing import without_duplicates
from ls_backend.clip.clip import Clip


def test_exact_duplicates_do_not_depend_on_case_and_punctuation() -> None:
    texts = ["A red cat.", "a  red cat", "“a red cat”", "a blue cat", "", " . "]
    assert without_duplicates(texts, [], None, 0.9) == ["A red cat.", "a blue cat"]
    assert without_duplicates(texts, ["A BLUE CAT!"], None, 0.9) == ["A red cat."]


def test_similar_texts_are_told_by_the_text_tower() -> None:
    clip = Clip.load("sketch")
    texts = ["a photo of a red cat", "a photograph of a red cat", "a blue boat at night"]
    cosines = clip.encode_texts(texts) @ clip.encode_texts(texts).T
    assert cosines[0, 1] > 0.9 > cosines[0, 2]
    kept = without_duplicates(texts, [], clip.encode_texts, 0.9)
    assert kept == ["a photo of a red cat", "a blue boat at night"]
    assert without_duplicates(texts[2:], ["a blue boat at night, a"], clip.encode_texts, 0.9) == []


def test_the_cosine_one_asks_nobody() -> None:
    def encode(texts: Sequence[str]) -> np.ndarray:
        raise AssertionError(f"{texts} are encoded")

    assert without_duplicates(["a", "b"], [], encode, 1.0) == ["a", "b"]
