"""`yolo`: the tree that Ultralytics trains classifiers on: train, val and test, a folder per class.

Ultralytics numbers classes by the alphabet of the folders in `train`; there is no other way that
it documents. So each folder starts with the number of its class, in four digits, and every class
has its folder in each split, with a text file that keeps it there: then the numbers are those of
the class list, however many classes have no picture in a split.
"""

from __future__ import annotations

import json

from importers.record import TEST, TRAIN, VALIDATION
from importers.training_storage.classes import ClassList
from importers.training_storage.layouts.base import Contents, Output
from importers.training_storage.layouts.folders import by_split, class_names, folder_name

NAMES = "names.yaml"
_FOLDERS = {TRAIN: "train", VALIDATION: "val", TEST: "test"}


def lay_out(contents: Contents, out: Output) -> None:
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
    out.write(NAMES, _names_file(contents.classes))


def _names_file(classes: ClassList) -> bytes:
    """Number and label of each class, as Ultralytics writes `names` in YAML."""
    lines = [
        f"  {number}: {json.dumps(name, ensure_ascii=False)}\n"  # JSON's text is YAML's, too
        for number, name in enumerate(class_names(classes))
    ]
    return "".join(["names:\n", *lines]).encode()
