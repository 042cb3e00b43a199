"""`coco`: annotations_<split>.json in COCO's format, with classes, and boxes where people drew any.

Category ids are the numbers of the class list plus 1: in COCO, and for many detectors, 0 is the
background. Every picture listed was reviewed; one without annotations has none of the categories.

Source of the format: https://cocodataset.org/#format-data
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from importers.record import Record
from importers.review import Box
from importers.training_storage.layouts import Contents, Output
from importers.training_storage.layouts.folders import by_split

Point = tuple[float, float]

_ID_DIGITS = 13  # 52 bits: exact in floating point, which pycocotools and JavaScript use
_OTHER_LABELS = 1_000_000  # from here on, the ids of box labels that are no classes


def lay_out(contents: Contents, out: Output) -> None:
    """One file per split, also where it has no samples. `file_name` is below the storage's root.

    Where people drew boxes in any picture, the boxes are the annotations, and a picture without
    any has none; otherwise each picture has one annotation, its class, which covers it. The ids of
    pictures and annotations come from the keys of the samples and stay as samples come and go.
    """
    drawn = any(record.boxes for record in contents.records)
    categories = _categories(contents)
    of_label = {category["name"]: category["id"] for category in categories}
    image_ids = _ids(record.sample for record in contents.records)
    shapes = {record.sample: _shapes(record, drawn, of_label) for record in contents.records}
    annotation_ids = _ids(f"{key}/{n}" for key, found in shapes.items() for n in range(len(found)))
    for split, records in by_split(contents):
        annotations = [
            {"id": annotation_ids[f"{key}/{n}"], "image_id": image_ids[key], **shape, "iscrowd": 0}
            for key in (record.sample for record in records)
            for n, shape in enumerate(shapes[key])
        ]
        file = {
            "info": {"description": f"{split}: pictures that people reviewed and approved"},
            "licenses": [],
            "images": [_image(record, image_ids) for record in records],
            "annotations": annotations,
            "categories": categories,
        }
        out.write(f"annotations_{split}.json", json.dumps(file, ensure_ascii=False).encode())


def _categories(contents: Contents) -> list[dict[str, Any]]:
    """Those of the class list, then labels of boxes that are not in it, in a stable order.

    The id of such a label is made from its name, so that it is the same in every release.
    """
    classes = [
        {"id": class_id + 1, "name": name, "supercategory": ""}
        for class_id, name in enumerate(contents.classes.names)
        if name is not None
    ]
    drawn = {box.label for record in contents.records for box in record.boxes}
    others = sorted(drawn.difference(contents.classes.labels))
    return classes + [
        {"id": _OTHER_LABELS + _hash(name) % 10**9, "name": name, "supercategory": ""}
        for name in others
    ]


def _image(record: Record, image_ids: Mapping[str, int]) -> dict[str, Any]:
    """COCO's keys, then ours: they tell the class of a picture whose annotations are boxes."""
    return {
        "id": image_ids[record.sample],
        "file_name": record.object_path,
        "width": record.width,
        "height": record.height,
        "sample": record.sample,
        "label": record.label,
        "category_id": record.class_id + 1,
        "original_name": record.original_name,
    }


def _shapes(record: Record, drawn: bool, of_label: Mapping[str, int]) -> list[dict[str, Any]]:
    """Category and place of each annotation of a picture."""
    boxes = record.boxes if drawn else (Box(record.label, 0.0, 0.0, 100.0, 100.0),)
    places = [(box.label, _place(box, record)) for box in boxes]
    return [{"category_id": of_label[label], **place} for label, place in places if place]


def _place(box: Box, record: Record) -> dict[str, Any] | None:
    """Box, outline and area in pixels, of what lies in the picture; None where nothing does.

    COCO's boxes are upright: that of a turned box is the smallest around it, the outline is exact.
    """
    outline = _inside(_corners(box, record), record.width, record.height)
    if not outline:
        return None
    left, top = (min(values) for values in zip(*outline, strict=True))
    right, bottom = (max(values) for values in zip(*outline, strict=True))
    bbox = [_rounded(value) for value in (left, top, right - left, bottom - top)]
    if not all(bbox[2:]):  # readers refuse a box without width or height
        return None
    return {
        "bbox": bbox,
        "segmentation": [[_rounded(value) for value in chain.from_iterable(outline)]],
        "area": _rounded(_area(outline)),
    }


def _corners(box: Box, record: Record) -> list[Point]:
    """In pixels, clockwise from the one that the box is turned around."""
    x, y = box.x / 100 * record.width, box.y / 100 * record.height
    width, height = box.width / 100 * record.width, box.height / 100 * record.height
    cos, sin = math.cos(math.radians(box.rotation)), math.sin(math.radians(box.rotation))
    return [
        (x + across * cos - down * sin, y + across * sin + down * cos)
        for across, down in ((0, 0), (width, 0), (width, height), (0, height))
    ]


def _inside(outline: Sequence[Point], width: int, height: int) -> list[Point]:
    """What of a convex outline lies in the picture (Sutherland and Hodgman, 1974)."""
    points = list(outline)
    for axis, sign, limit in ((0, 1, 0), (0, -1, -width), (1, 1, 0), (1, -1, -height)):
        # A point is inside an edge where its depth is not negative.
        depths = [sign * point[axis] - limit for point in points]
        kept: list[Point] = []
        for n, (point, depth) in enumerate(zip(points, depths, strict=True)):
            before, depth_before = points[n - 1], depths[n - 1]
            if (depth < 0) != (depth_before < 0):
                share = depth_before / (depth_before - depth)
                kept.append(_between(before, point, share))
            if depth >= 0:
                kept.append(point)
        points = kept
    return points


def _between(start: Point, end: Point, share: float) -> Point:
    return start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])


def _area(outline: Sequence[Point]) -> float:
    """In square pixels (Gauss's area formula)."""
    following = [*outline[1:], outline[0]]
    return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(outline, following, strict=True))) / 2


def _rounded(value: float) -> float:
    return round(value, 2) + 0.0  # never -0.0


def _ids(keys: Iterable[str]) -> dict[str, int]:
    """A number for each key, the same whatever other keys there are; from 1, as COCO's are.

    Two keys of one number, less than one in a million among 90,000: the later one gets the next.
    """
    ids: dict[str, int] = {}
    taken: set[int] = set()
    for key in keys:
        number = _hash(key)
        while number in taken or number == 0:
            number += 1
        taken.add(number)
        ids[key] = number
    return ids


def _hash(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:_ID_DIGITS], 16)
