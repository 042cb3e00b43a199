"""Folders of labels, whose names no reader of trees takes for something else; and class names.

And `yolo`: the tree that Ultralytics trains classifiers on, train, val and test with a folder per
class. It numbers classes by the alphabet of the folders in `train`; there is no other way that it
documents. So each folder starts with the number of its class, in four digits, and every class has
its folder in each split, with a text file that keeps it there: then the numbers are those of the
class list, however many classes have no picture in a split.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache

from importers.record import SPLITS, TEST, TRAIN, VALIDATION, Record
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts import Contents, Output

NAMES = "names.yaml"
_FOLDERS = {TRAIN: "train", VALIDATION: "val", TEST: "test"}
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


def lay_out_yolo(contents: Contents, out: Output) -> None:
    """`<split>/<number>-<folder of the label>/<file>`, `label.txt` beside the files, `names.yaml`.

    `val` and `test` are left out where they have no samples: Ultralytics then uses the other one.
    `train` is always there: without it, Ultralytics would split the test pictures anew.
    """
    names = class_names(contents.classes)
    folders = [f"{number:04d}-{folder_name(name)}" for number, name in enumerate(names)]
    for split, records in by_split(contents):
        if not records and split != TRAIN:
            continue
        for folder, name in zip(folders, names, strict=True):
            out.write(f"{_FOLDERS[split]}/{folder}/label.txt", f"{name}\n".encode())
        for record in records:
            out.place(f"{_FOLDERS[split]}/{folders[record.class_id]}/{record.file_name}", record)
    # As Ultralytics writes `names` in YAML; JSON's text is YAML's, too.
    lines = [f"  {n}: {json.dumps(name, ensure_ascii=False)}\n" for n, name in enumerate(names)]
    out.write(NAMES, "".join(["names:\n", *lines]).encode())


def _percent(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())
