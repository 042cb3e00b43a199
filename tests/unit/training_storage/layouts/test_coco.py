"""The coco layout, loaded by pycocotools."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
from file_output import contents_of, lay_out, sample_record, sample_records
from PIL import Image

from importers.record import Record
from importers.review import Box
from importers.training_storage.layouts import coco as layout

# pycocotools 2.0 with numpy 2, where it makes masks.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

NAMES = ["train", "cat", None, "dog"]
SHOWN = [("cat", "train"), ("dog", "train"), ("train", "test"), ("cat", "test")]


def _load(root: Path, records: list[Record], split: str, names: list[str | None] = NAMES) -> Any:
    from pycocotools.coco import COCO

    folder = lay_out("coco", contents_of(records, names), root).folder
    return COCO(str(folder / f"annotations_{split}.json"))


def _with_boxes(root: Path, *boxes: Box, **changes: Any) -> Record:
    """A record of a picture of 200 by 100 pixels, cat."""
    return sample_record(root, 0, "cat", "train", 1, width=200, height=100, boxes=boxes, **changes)


def test_classes_are_annotations_that_cover_their_picture(tmp_path: Path) -> None:
    records = sample_records(tmp_path, NAMES, SHOWN)
    coco = _load(tmp_path, records, "train")

    categories = {category["id"]: category["name"] for category in coco.loadCats(coco.getCatIds())}
    assert categories == {1: "train", 2: "cat", 4: "dog"}
    assert len(coco.imgs) == 2
    for record in records[:2]:
        [image] = [image for image in coco.imgs.values() if image["sample"] == record.sample]
        with Image.open(tmp_path / image["file_name"]) as picture:
            assert picture.size == (image["width"], image["height"])
        [annotation] = coco.loadAnns(coco.getAnnIds(image["id"]))
        assert annotation["category_id"] == image["category_id"] == record.class_id + 1
        assert annotation["bbox"] == [0, 0, image["width"], image["height"]]
        assert coco.annToMask(annotation).all()
        assert (image["label"], image["original_name"]) == (record.label, "IMG 1.png")


def test_boxes_are_the_annotations_where_people_drew_any(tmp_path: Path) -> None:
    drawn = _with_boxes(tmp_path, Box("dog", 10, 20, 30, 40), Box("cat", 0, 0, 50, 50))
    empty = sample_record(tmp_path, 1, "dog", "train", 3)
    coco = _load(tmp_path, [drawn, empty], "train")

    boxes = {a["category_id"]: (a["bbox"], a["area"]) for a in coco.anns.values()}
    assert boxes == {4: ([20, 20, 60, 40], 2400), 2: ([0, 0, 100, 50], 5000)}
    # Reviewed, and none was found.
    [image] = [image for image in coco.imgs.values() if image["sample"] == empty.sample]
    assert coco.getAnnIds(image["id"]) == []
    assert image["label"] == "dog"


def test_a_turned_box_keeps_its_outline(tmp_path: Path) -> None:
    """A quarter turn around the upper left corner: what went right goes down, down goes left."""
    coco = _load(tmp_path, [_with_boxes(tmp_path, Box("cat", 50, 10, 20, 20, 90))], "train")
    [annotation] = coco.anns.values()
    assert annotation["bbox"] == [80, 10, 20, 40]
    assert annotation["area"] == 800

    turned = _with_boxes(tmp_path / "b", Box("cat", 50, 10, 20, 20, 45))
    [annotation] = _load(tmp_path / "b", [turned], "train").anns.values()
    side = math.sqrt(0.5)
    assert annotation["area"] == 800
    assert annotation["bbox"] == pytest.approx(
        [100 - 20 * side, 10, 60 * side, 60 * side], abs=0.01
    )
    mask = coco.annToMask(annotation | {"image_id": next(iter(coco.imgs))})
    assert int(mask.sum()) == pytest.approx(800, rel=0.05)


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        (Box("cat", -5, 90, 20, 20), ([0, 90, 30, 10], 300)),
        (Box("cat", 0, 0, 100, 100, 0), ([0, 0, 200, 100], 20000)),
        # A square on a corner of the picture, on its tip: a quarter of it is in the picture.
        (Box("cat", 0, -20, 10, 20, 45), ([0, 0, 8.28, 8.28], 34.31)),
        (Box("cat", 110, 0, 5, 5), None),
        (Box("cat", 10, 10, 0, 5), None),
        (Box("cat", 10, 10, 5, 0), None),
    ],
)
def test_what_lies_outside_of_the_picture_is_cut_off(
    tmp_path: Path, box: Box, inside: tuple[list[float], float] | None
) -> None:
    anns = _load(tmp_path, [_with_boxes(tmp_path, box)], "train").anns.values()
    assert [(a["bbox"], a["area"]) for a in anns] == ([inside] if inside else [])


def test_a_box_label_that_is_no_class_has_the_same_id_in_every_release(tmp_path: Path) -> None:
    drawn = _with_boxes(tmp_path, Box("wheel", 10, 10, 10, 10))
    more = sample_record(tmp_path, 5, "cat", "train", 1, boxes=(Box("axle", 10, 10, 10, 10),))

    before = _load(tmp_path, [drawn], "train").cats
    after = _load(tmp_path / "b", [drawn, more], "train", [*NAMES, "bird"]).cats

    assert {c["name"] for c in after.values()} == {"train", "cat", "dog", "bird", "wheel", "axle"}
    assert {c["name"] for c in before.values()} == {"train", "cat", "dog", "wheel"}
    assert before.items() <= after.items()


def test_ids_stay_as_samples_come_and_go(tmp_path: Path) -> None:
    records = sample_records(tmp_path, NAMES, SHOWN)
    all_of_them = _load(tmp_path, records, "train")
    fewer = _load(tmp_path / "b", [records[1]], "train")
    assert fewer.imgs.items() <= all_of_them.imgs.items()
    assert fewer.anns.items() <= all_of_them.anns.items()
    assert all(0 < number < 2**53 for number in [*all_of_them.imgs, *all_of_them.anns])


def test_two_samples_never_have_one_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "_ID_DIGITS", 1)  # so that nearly all collide
    records = sample_records(tmp_path, NAMES, [("cat", "train")] * 20)
    coco = _load(tmp_path, records, "train")
    assert (len(coco.imgs), len(coco.anns)) == (20, 20)
    assert all(coco.imgs)


def test_a_split_without_samples_loads(tmp_path: Path) -> None:
    coco = _load(tmp_path, sample_records(tmp_path, NAMES, SHOWN), "validation")
    assert (coco.getImgIds(), len(coco.getCatIds())) == ([], 3)


def test_the_same_contents_give_the_same_files(tmp_path: Path) -> None:
    files = [
        lay_out(
            "coco",
            contents_of(
                [
                    dataclasses.replace(record, boxes=(Box("wheel", 1 / 3, 2, 3, 4, 5),))
                    for record in sample_records(root, NAMES, SHOWN)
                ],
                NAMES,
            ),
            root,
        ).files()
        for root in (tmp_path / "a", tmp_path / "b")
    ]
    assert files[0] == files[1]
