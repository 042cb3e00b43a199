from __future__ import annotations

import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from importers.training_storage.records import folder_name, metadata_bytes, parse_metadata

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
    assert SPLIT.search(folder) is None


def test_metadata_is_sorted_and_read_back() -> None:
    records = [
        {"file_name": f"images/{name}", "sample": name, "campaign_id": "1", "prompt": text}
        for name, text in [("b", "a line\u2028separator"), ("a", "zwei\nZeilen")]
    ]
    data = metadata_bytes(records)
    assert data.count(b"\n") == 2
    assert parse_metadata(data) == [records[1], records[0]]
    assert parse_metadata(b"") == []


@pytest.mark.parametrize("data", [b"no json", b"[]\n", b'{"file_name": "a.png"}\n', b"\xff\xfe"])
def test_foreign_metadata_is_known(data: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_metadata(data)
