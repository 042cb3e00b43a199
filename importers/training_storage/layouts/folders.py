"""Folders of labels: a name that no reader of trees takes for something else, and class names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from importers.record import SPLITS, Record
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts.base import Contents

# A folder with one of these words is taken for a split by Hugging Face's `datasets`, which then
# drops every other folder without saying so; yet "train" and "test tube" are labels too.
_LETTER = r"[^\W\d_]"
_SPLIT_WORD = re.compile(
    rf"(?<!{_LETTER})(train|training|validation|valid|val|dev|test|testing|eval|evaluation)"
    rf"(?!{_LETTER})"
)


@cache
def folder_name(label: str) -> str:
    """The folder of a label: the label itself, with what would be misread percent-encoded.

    `urllib.parse.unquote` gives the label back.
    """
    text = "".join(c if c.isalnum() or c in " -_()&'+,." else _percent(c) for c in label)
    if text[0] in "._":
        text = _percent(text[0]) + text[1:]
    if text[-1] in ". ":
        text = text[:-1] + _percent(text[-1])
    # Its last letter: without the first, `eval` would still say `val`.
    return _SPLIT_WORD.sub(lambda word: word[0][:-1] + _percent(word[0][-1]), text)


def class_names(classes: ClassList) -> list[str]:
    """A name for every number, all different: the label, or that there is none any more."""
    return [
        f"(no class {number})" if name is None else name
        for number, name in enumerate(classes.names)
    ]


def classes_file(classes: ClassList) -> bytes:
    """classes.txt: a name a line; the number of a class is the number of its line, from 0."""
    return "".join(f"{name}\n" for name in class_names(classes)).encode()


def by_split(contents: Contents) -> Iterator[tuple[str, list[Record]]]:
    """Each split with its records, in the order of their keys; one without records too."""
    for split in SPLITS:
        yield split, [record for record in contents.records if record.split == split]


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
