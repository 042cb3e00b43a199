"""Regions as Label Studio gives them → boxes of the image."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ls_backend.images.pixels import cropped
from ls_backend.labels.config import read_label_config
from ls_backend.labels.regions import drawn_in, regions_of
from ls_backend.labels.target import LabelTarget

SHAPES = '<Rectangle name="box" toName="image"/>'


def target(control: str = "RectangleLabels", attributes: str = "") -> LabelTarget:
    tag = "Label" if control.endswith("Labels") else "Choice"
    return read_label_config(
        f'<View><Image name="image" value="$image"/>{SHAPES}<{control} name="what" toName="image" '
        f'{attributes}><{tag} value="cat"/><{tag} value="dog"/></{control}></View>'
    )


def region(name: str = "r1", to_name: str = "image", **value: Any) -> dict[str, Any]:
    return {
        "id": name, "from_name": "box", "to_name": to_name, "type": "rectangle",
        "original_width": 200, "original_height": 100, "image_rotation": 0,
        "value": {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0} | value,
    }  # fmt: skip


def ellipse(**value: Any) -> dict[str, Any]:
    place = {"x": 50, "y": 50, "radiusX": 10, "radiusY": 20, "rotation": 0} | value
    return {**region(), "type": "ellipse", "value": place}


def box_of(item: dict[str, Any], kind: LabelTarget | None = None) -> tuple[float, ...] | None:
    found = drawn_in({"result": [item]}, kind or target("Choices", 'perRegion="true"'))
    return found[0].box if found else None


def test_a_rectangle() -> None:
    assert box_of(region()) == pytest.approx((0.1, 0.2, 0.4, 0.6))


def test_a_turned_rectangle_turns_around_its_upper_left_corner_in_pixels() -> None:
    # 60 x 40 pixels at (20, 20) of 200 x 100, a quarter turn clockwise
    assert box_of(region(rotation=90)) == pytest.approx((0.0, 0.2, 0.1, 0.8))


def test_an_ellipse_and_one_turned_around_its_centre() -> None:
    assert box_of(ellipse()) == pytest.approx((0.4, 0.3, 0.6, 0.7))
    # 20 x 20 pixels is a circle: it looks the same however it is turned
    assert box_of(ellipse(rotation=33)) == pytest.approx((0.4, 0.3, 0.6, 0.7))
    flat = box_of(ellipse(radiusX=20, radiusY=10, rotation=90))
    assert flat == pytest.approx((0.45, 0.1, 0.55, 0.9))


def test_a_polygon() -> None:
    item = {**region(), "type": "polygon", "value": {"points": [[10, 10], [50, 20], [30, 90]]}}

    assert box_of(item) == pytest.approx((0.1, 0.1, 0.5, 0.9))


def test_what_hangs_over_the_edge_is_cut() -> None:
    assert box_of(region(x=-10, y=90, width=500, height=50)) == (0.0, 0.9, 1.0, 1.0)


@pytest.mark.parametrize(
    "item",
    [
        region(x="left"),
        region(x=None),
        region(width=0),
        region(x=120),
        region(x=math.nan),
        region(width=math.inf),
        region(rotation="a bit"),
        region(to_name="other image"),
        {**region(), "image_rotation": 90},
        {**region(), "value": {"rle": [1, 2, 3], "format": "rle"}},
        {**region(), "value": {"points": [[1, 2], [3]]}},
        {**region(), "value": {"points": []}},
        {**region(), "value": None},
        {**region(), "original_width": "wide"},
        {"to_name": "image", "value": {"x": 1, "y": 1, "width": 5, "height": 5}},
        {},
    ],
)
def test_what_has_no_place_is_left_out(item: dict[str, Any]) -> None:
    assert box_of(item) is None


def test_each_control_takes_regions_of_its_own_shape() -> None:
    rectangles, ellipses = target(), target("EllipseLabels")

    assert box_of(region(), rectangles)
    assert box_of(region(), ellipses) is None
    assert box_of(ellipse(), ellipses)
    assert box_of(ellipse(), rectangles) is None


def test_a_region_that_carries_several_answers_comes_once() -> None:
    labelled = {**region(), "type": "choices", "value": region()["value"] | {"choices": ["cat"]}}

    found = drawn_in({"result": [region(), labelled, region("r2", x=50)]}, target())

    assert [each.item["id"] for each in found] == ["r1", "r2"]
    assert "choices" not in found[0].shape


def names(task: dict[str, Any], context: dict[str, Any] | None = None) -> list[str]:
    return [each.item["id"] for each in regions_of(task, target(), context)]


def test_regions_come_from_the_first_source_that_has_any() -> None:
    task: dict[str, Any] = {
        "annotations": [
            {"id": 1, "result": [region("older")]},
            {"id": 2, "result": [region("newer")]},
            {"id": 3, "result": [region("cancelled")], "was_cancelled": True},
            {"id": 4, "result": []},
        ],
        "predictions": [
            {"model_version": "yolo", "result": [region("yolo")]},
            {"model_version": "clip:x@1", "result": [region("ours")]},
        ],
    }

    assert names(task, {"result": [region("drawn")]}) == ["drawn"]
    assert names(task, {"result": []}) == ["newer"]
    assert names(task) == ["newer"]
    assert names({**task, "annotations": []}) == ["yolo"]
    assert names({**task, "annotations": None, "predictions": task["predictions"][1:]}) == []
    assert names({}) == []


@pytest.mark.parametrize(
    ("attributes", "asked"),
    [
        ("", ["a", "b", "c", "d"]),
        ('whenTagName="labels"', ["a", "b", "c"]),
        ('whenTagName="labels" whenLabelValue="small"', ["b"]),
        ('whenTagName="labels" whenLabelValue="small,odd"', ["b", "c"]),
        ('whenLabelValue="big, red"', ["a"]),
        ('whenTagName="other labels"', []),
    ],
)
def test_a_choice_for_some_regions_is_asked_of_no_others(attributes: str, asked: list[str]) -> None:
    result = [region("d")]
    for name, label in (("a", "big, red"), ("b", "small"), ("c", "odd")):
        labelled = {"from_name": "labels", "type": "rectanglelabels"}
        result += [region(name), {**region(name, rectanglelabels=[label]), **labelled}]

    found = drawn_in({"result": result}, target("Choices", f'perRegion="true" {attributes}'))

    assert sorted(each.item["id"] for each in found) == asked


@given(
    st.tuples(*[st.floats(-200, 200)] * 5),
    st.tuples(st.integers(1, 500), st.integers(1, 500)),
)
def test_every_box_is_within_the_image_and_shows_something(
    place: tuple[float, ...], size: tuple[int, int]
) -> None:
    x, y, width, height, rotation = place
    box = box_of(region(x=x, y=y, width=width, height=height, rotation=rotation))
    if box is None:
        return
    left, top, right, bottom = box
    assert 0 <= left < right <= 1
    assert 0 <= top < bottom <= 1
    seen = cropped(Image.new("RGB", size), (left, top, right, bottom))
    assert 1 <= seen.width <= size[0]
    assert 1 <= seen.height <= size[1]
