"""Regions that people or other models drew → boxes to look at.

Label Studio gives places in percent of the image, turned ones around their upper left corner (an
ellipse around its centre), in degrees clockwise.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ls_backend.images.pixels import Box
from ls_backend.labels.target import LabelTarget

OUR_VERSIONS = "clip:"
"""How every model version of ours begins."""
SHAPES = {
    "points": ("points", "closed"),
    "radiusX": ("x", "y", "radiusX", "radiusY", "rotation"),
    "width": ("x", "y", "width", "height", "rotation"),
}
"""What tells a shape → all that describes its place."""

Item = Mapping[str, Any]
_Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Region:
    """One region of an image.

    Attributes:
        item: Item of a result, as Label Studio sent it.
        box: The box around it, in shares of the image.
    """

    item: Item
    box: Box

    @property
    def shape(self) -> dict[str, Any]:
        """Its place alone, without anybody's labels."""
        value = self.item["value"]
        shape = next(shape for sign, shape in SHAPES.items() if sign in value)
        return {key: value[key] for key in shape if key in value}


def regions_of(task: Item, target: LabelTarget, context: Item | None = None) -> list[Region]:
    """The regions that the target can be answered for, from the first source that has any.

    These are: what a person has just drawn (`context`), the task's annotations, predictions of
    other models; of several annotations or predictions the last one.
    """
    annotations = [a for a in task.get("annotations") or [] if not a.get("was_cancelled")]
    others = [
        prediction
        for prediction in task.get("predictions") or []
        if not str(prediction.get("model_version")).startswith(OUR_VERSIONS)
    ]
    for answer in (context or {}, *reversed(annotations), *reversed(others)):
        regions = drawn_in(answer, target)
        if regions:
            return regions
    return []


def drawn_in(answer: Item, target: LabelTarget) -> list[Region]:
    """The regions on the target's image within one annotation, prediction or context."""
    found: dict[Any, Region] = {}
    asked = set()
    for number, item in enumerate(answer.get("result") or []):
        whole = all(isinstance(item.get(key), str) for key in ("from_name", "type"))
        box = _box(item) if whole and item.get("to_name") == target.to_name else None
        if box and _fits(item["value"], target):
            # A region that carries several answers comes once for each.
            key = _key(item, number)
            found.setdefault(key, Region(item, box))
            if _is_asked_for(item, target):
                asked.add(key)
    return [region for key, region in found.items() if key in asked]


def _is_asked_for(item: Item, target: LabelTarget) -> bool:
    """Whether an answer to a region fulfils the target's whenTagName and whenLabelValue."""
    given = item["value"].get(item["type"])
    labels = given if isinstance(given, list) else []
    return target.when_tag in {None, item["from_name"]} and (
        not target.when_labels or any(label in target.when_labels for label in labels)
    )


def _key(item: Item, number: int) -> Any:
    name = item.get("id")
    return name if isinstance(name, str) else number


def _fits(value: Item, target: LabelTarget) -> bool:
    needed = {"rectanglelabels": "width", "ellipselabels": "radiusX"}.get(target.control)
    return needed is None or needed in value


def _box(item: Item) -> Box | None:
    """The box around a region; None where it has no place that can be read."""
    value = item.get("value")
    if not isinstance(value, dict) or item.get("image_rotation"):
        return None
    try:
        # Angles are right in pixels only; without any, every size is as good.
        size = float(item.get("original_width") or 100), float(item.get("original_height") or 100)
        points = _points(value, *size)
        box = _around([(x / size[0], y / size[1]) for x, y in points])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    left, top, right, bottom = box
    return box if left < right and top < bottom else None


def _points(value: Item, width: float, height: float) -> _Points:
    """Points on the outline, in pixels, such that the box around them is the region's."""
    if "points" in value:
        return [(x * width / 100, y * height / 100) for x, y in value["points"]]
    x, y = value["x"] * width / 100, value["y"] * height / 100
    angle = math.radians(value.get("rotation") or 0)
    sine, cosine = math.sin(angle), math.cos(angle)
    if "radiusX" in value:
        a, b = value["radiusX"] * width / 100, value["radiusY"] * height / 100
        reach = math.hypot(a * cosine, b * sine), math.hypot(a * sine, b * cosine)
        return [(x - reach[0], y - reach[1]), (x + reach[0], y + reach[1])]
    w, h = value["width"] * width / 100, value["height"] * height / 100
    corners = [(0.0, 0.0), (w, 0.0), (w, h), (0.0, h)]
    return [(x + u * cosine - v * sine, y + u * sine + v * cosine) for u, v in corners]


def _around(points: _Points) -> Box:
    if not all(math.isfinite(number) for point in points for number in point):
        raise ValueError("a place is no number")
    xs, ys = zip(*points, strict=True)
    left, top, right, bottom = (
        min(1.0, max(0.0, edge)) for edge in (min(xs), min(ys), max(xs), max(ys))
    )
    return left, top, right, bottom
