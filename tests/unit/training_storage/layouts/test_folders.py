from __future__ import annotations

import re
from typing import get_args
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.config.storage_sections import LayoutName
from importers.training_storage.layouts import LAYOUTS
from importers.training_storage.layouts.folders import folder_name

# As Hugging Face's `datasets` looks for splits in the names of folders.
SPLIT = re.compile(
    r"(^|[-._ 0-9])(train|training|validation|valid|val|dev|test|testing|eval|evaluation)"
    r"([-._ 0-9]|$)"
)


@pytest.mark.parametrize("label", ["cat", "hot-air balloon", "Löwe", "salt & pepper", "trainer"])
def test_a_plain_label_is_its_own_folder(label: str) -> None:
    assert folder_name(label) == label


@pytest.mark.parametrize(
    ("label", "folder"),
    [
        ("train", "trai%6E"),
        ("test tube", "tes%74 tube"),
        ("steam train", "steam trai%6E"),
        ("training ground", "trainin%67 ground"),
        ("eval_x", "eva%6C_x"),
        (".hidden", "%2Ehidden"),
        ("__init__", "%5F_init__"),
        ("what?", "what%3F"),
        ("a*b[c]", "a%2Ab%5Bc%5D"),
        ("50%", "50%25"),
        ("a\\b:c", "a%5Cb%3Ac"),
        ("etc.", "etc%2E"),
        (".", "%2E"),
        ("etc ", "etc%20"),
    ],
)
def test_what_would_be_misread_is_encoded(label: str, folder: str) -> None:
    assert folder_name(label) == folder


SPLITS = ["train", "training", "validation", "valid", "val", "dev", "test", "eval", "evaluation"]
WORDS = st.sampled_from([*SPLITS, "a", "Z", "9", " ", "-", "_", ".", "%", "é"])


@given(st.lists(WORDS, min_size=1, max_size=6).map("".join) | st.text(min_size=1, max_size=20))
def test_every_label_has_a_safe_folder_that_gives_the_label_back(label: str) -> None:
    label = label.encode(errors="ignore").decode() or "x"
    folder = folder_name(label)
    assert unquote(folder) == label
    assert not set(folder) & set('/\\:*?"<>|#[]\0')
    assert not folder.startswith((".", "__"))
    assert not folder.endswith((".", " "))
    assert SPLIT.search(folder) is None


def test_every_layout_of_a_campaign_has_a_module() -> None:
    assert set(LAYOUTS) == set(get_args(LayoutName))
