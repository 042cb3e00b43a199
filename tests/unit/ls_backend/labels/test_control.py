"""Controls beside the single choice: several labels, paths, regions. On drawings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from drawings import Draw
from label_studio_sdk.label_interface import LabelInterface
from PIL import Image

from ls_backend.clip.clip import Clip
from ls_backend.errors import LabelConfigError
from ls_backend.images.image_vectors import ImageParts
from ls_backend.images.pixels import cropped
from ls_backend.labels.config import read_label_config
from ls_backend.model import ClipModel
from ls_backend.predictions import several_labels

LABELS = ("cat", "bus", "fish", "umbrella")
TAXONOMY = """<Taxonomy name="what" toName="image" {}>
  <Choice value="animal"><Choice value="cat"/><Choice value="fish" alias="f1"/></Choice>
  <Choice value="thing"><Choice value="bus"/><Choice value="umbrella"/>
    <Choice value="none" clip_none="true"/></Choice>
</Taxonomy>"""


def xml(control: str) -> str:
    return f'<View><Image name="image" value="$image"/>{control}</View>'


def labels(control: str, attributes: str = "", names: Sequence[str] = LABELS) -> str:
    tag = "Label" if control.endswith("Labels") else "Choice"
    inner = "".join(f'<{tag} value="{name}"/>' for name in names)
    return xml(f'<{control} name="what" toName="image" {attributes}>{inner}</{control}>')


class Sees:
    """Looks at one picture, whatever the task."""

    def __init__(self, clip: Clip, image: Image.Image) -> None:
        self.clip = clip
        self.image = image
        self.looks: list[ImageParts] = []

    def __call__(self, looks: Sequence[ImageParts]) -> list[Any]:
        self.looks += looks
        return [
            self.clip.encode_images(
                [cropped(self.image, b) if b else self.image for b in look.boxes]
            )
            for look in looks
        ]


def side_by_side(drawing: Draw, *shown: str) -> Image.Image:
    pictures = [drawing(label) for label in shown]
    both = Image.new("RGB", (sum(p.width for p in pictures), pictures[0].height))
    left = 0
    for picture in pictures:
        both.paste(picture, (left, 0))
        left += picture.width
    return both


def predict(
    clip: Clip, config: str, image: Image.Image, context: Any = None, **task: Any
) -> dict[str, Any]:
    """The one prediction, which Label Studio's own check accepts."""
    target = read_label_config(config)
    asked = {"id": 1, "data": {"image": "x", **task.pop("data", {})}, **task}
    (made,) = ClipModel(clip).predict([asked], target, Sees(clip, image), context)
    assert isinstance(made, dict)
    assert LabelInterface(config).validate_prediction(made, return_errors=True) == []
    assert 0 <= made["score"] <= 1
    return made


def region(name: str, left: float, width: float, kind: str = "rectangle") -> dict[str, Any]:
    return {
        "id": name, "from_name": "shape", "to_name": "image", "type": kind,
        "original_width": 400, "original_height": 200, "image_rotation": 0,
        "value": {"x": left, "y": 0, "width": width, "height": 100, "rotation": 0},
    }  # fmt: skip


def test_of_a_taxonomy_the_path_of_the_best_leaf(clip: Clip, drawing: Draw) -> None:
    config = xml(TAXONOMY.format('clip_background="tree"'))

    cat = predict(clip, config, drawing("cat"))
    fish = predict(clip, config, drawing("fish"))
    tree = predict(clip, config, drawing("tree"))

    assert cat["result"][0]["value"] == {"taxonomy": [["animal", "cat"]]}
    assert cat["result"][0]["type"] == "taxonomy"
    assert fish["result"][0]["value"] == {"taxonomy": [["animal", "f1"]]}
    assert tree["result"][0]["value"] == {"taxonomy": [["thing", "none"]]}


def test_a_claim_names_a_path_or_the_one_leaf(clip: Clip, drawing: Draw) -> None:
    config = xml(TAXONOMY.format('clip_claim="$label"'))

    for claim in ("bus", "thing / bus"):
        said = predict(clip, config, drawing("cat"), data={"label": claim})
        assert said["result"][0]["value"] == {"taxonomy": [["thing", "bus"]]}
        assert said["score"] < 0.1


def test_leaves_of_the_same_name_are_told_apart_by_what_they_lie_under() -> None:
    twice = xml(
        '<Taxonomy name="t" toName="image"><Choice value="fruit"><Choice value="orange"/></Choice>'
        '<Choice value="color"><Choice value="orange"/><Choice value="red"/></Choice></Taxonomy>'
    )

    target = read_label_config(twice)

    assert target.labels == ("fruit / orange", "color / orange", "color / red")
    assert target.texts == ("fruit orange", "color orange", "red")
    assert target.label_of("orange") is None
    assert target.label_of("red") == "color / red"


def test_such_leaves_bring_what_they_lie_under_until_they_differ() -> None:
    deep = "".join(
        f'<Choice value="{top}"><Choice value="pet"><Choice value="cat"/></Choice></Choice>'
        for top in ("animal", "soft_toy")
    )

    target = read_label_config(xml(f'<Taxonomy name="t" toName="image">{deep}</Taxonomy>'))

    assert target.texts == ("animal pet cat", "soft toy pet cat")


def test_of_several_labels_those_that_hold(clip: Clip, drawing: Draw) -> None:
    background = "|".join(["tree", "house", "ball"])
    config = labels("Choices", f'choice="multiple" clip_background="{background}"')

    one = predict(clip, config, drawing("cat"))
    none = predict(clip, config, drawing("tree"))

    assert one["result"][0]["value"] == {"choices": ["cat"]}
    assert none["result"] == []


def several(attributes: str = "") -> Any:
    return read_label_config(labels("Choices", f'choice="multiple" {attributes}', LABELS[:3]))


@pytest.mark.parametrize(
    ("attributes", "claims", "chosen", "score"),
    [
        ("", [], ("cat", "bus"), 0.6),
        ('clip_threshold="0.8"', [], ("cat",), 0.4),
        ('clip_threshold="0.95"', [], (), 0.1),
        ('clip_claim="$label"', ["bus", "fish"], ("bus", "fish"), 0.2),
        ('clip_claim="$label" clip_prefill="clip"', ["fish"], ("cat", "bus"), 0.2),
        ('clip_claim="$label" clip_prefill="none"', ["cat"], (), 0.9),
    ],
)
def test_the_score_of_several_labels_is_that_of_the_least_sure(
    attributes: str, claims: list[str], chosen: tuple[str, ...], score: float
) -> None:
    said = several_labels(several(attributes), np.array([0.9, 0.6, 0.2]), claims, None)

    assert said.labels == chosen
    assert said.score == pytest.approx(score)


def test_a_label_may_have_a_threshold_of_its_own() -> None:
    target = read_label_config(
        xml(
            '<Choices name="c" toName="image" choice="multiple" clip_threshold="0.7">'
            '<Choice value="cat"/><Choice value="dog" clip_threshold="0.2"/></Choices>'
        )
    )

    assert target.thresholds == (0.7, 0.2)
    assert target.background


@pytest.mark.parametrize("text", ["high", "1.5", "-1", "nan", ""])
def test_a_threshold_that_is_no_probability_is_named(text: str) -> None:
    with pytest.raises(LabelConfigError, match=f"clip_threshold='{text}' on 'what'"):
        several(f'clip_threshold="{text}"')


def test_a_claim_of_several_labels_is_a_list(clip: Clip, drawing: Draw) -> None:
    config = labels("Choices", 'choice="multiple" clip_claim="$label"')

    said = predict(clip, config, drawing("cat"), data={"label": ["cat", "bus", "unheard of"]})

    assert said["result"][0]["value"] == {"choices": ["cat", "bus"]}


def test_rectangles_are_labelled_where_they_are(clip: Clip, drawing: Draw) -> None:
    config = labels("RectangleLabels")
    drawn = [region("left", 0, 50), region("right", 50, 50)]

    said = predict(
        clip, config, side_by_side(drawing, "cat", "bus"), annotations=[{"result": drawn}]
    )

    assert [
        (item["id"], item["type"], item["from_name"], item["value"]["rectanglelabels"])
        for item in said["result"]
    ] == [
        ("left", "rectanglelabels", "what", ["cat"]),
        ("right", "rectanglelabels", "what", ["bus"]),
    ]
    assert said["result"][1]["value"]["x"] == 50
    assert said["result"][1]["original_width"] == 400
    assert said["score"] == min(item["score"] for item in said["result"])


def test_ellipses_of_another_model_are_labelled(clip: Clip, drawing: Draw) -> None:
    place = {"x": 50, "y": 50, "radiusX": 50, "radiusY": 50, "rotation": 0}
    drawn = {**region("r", 0, 0, "ellipse"), "value": place}

    said = predict(
        clip, labels("EllipseLabels"), drawing("fish"),
        predictions=[{"model_version": "detector", "result": [drawn]}],
    )  # fmt: skip

    assert said["result"][0]["value"] == {**place, "ellipselabels": ["fish"]}


def test_a_choice_per_region_comes_with_its_region(clip: Clip, drawing: Draw) -> None:
    config = labels("Choices", 'perRegion="true"').replace(
        "<Choices", '<Rectangle name="shape" toName="image"/><Choices'
    )

    said = predict(
        clip, config, side_by_side(drawing, "cat", "bus"),
        annotations=[{"result": [region("right", 50, 50)]}],
    )  # fmt: skip

    shape, choice = said["result"]
    assert (shape["type"], shape["from_name"], shape["id"]) == ("rectangle", "shape", "right")
    assert (choice["type"], choice["from_name"], choice["id"]) == ("choices", "what", "right")
    assert choice["value"]["choices"] == ["bus"]
    assert shape["value"].items() <= choice["value"].items()


def test_a_task_without_regions_gets_nothing_and_its_image_is_not_read(
    clip: Clip, drawing: Draw
) -> None:
    sees = Sees(clip, drawing("cat"))
    target = read_label_config(labels("RectangleLabels"))

    answers = ClipModel(clip).predict([{"id": 1, "data": {"image": "x"}}], target, sees)

    assert answers == [[]]
    assert sees.looks == []


def test_interactively_the_region_that_was_just_drawn(clip: Clip, drawing: Draw) -> None:
    picture = side_by_side(drawing, "cat", "bus")
    context = {"result": [region("now", 50, 50)]}
    before = [{"result": [region("before", 0, 50)]}]

    boxes = predict(clip, labels("RectangleLabels"), picture, context, annotations=before)
    whole = predict(clip, labels("Choices"), picture, context)

    assert [item["id"] for item in boxes["result"]] == ["now"]
    assert boxes["result"][0]["value"]["rectanglelabels"] == ["bus"]
    assert whole["result"][0]["value"] == {"choices": ["bus"]}


def test_each_kind_has_a_version_of_its_own(clip: Clip) -> None:
    model = ClipModel(clip)
    kinds = [
        labels("Choices", 'clip_background="tree"'),
        labels("Choices", 'choice="multiple" clip_background="tree"'),
        labels("Choices", 'choice="multiple" clip_background="tree" clip_threshold="0.6"'),
        labels("Choices", 'perRegion="true" clip_background="tree"'),
        labels("RectangleLabels", 'clip_background="tree"'),
        labels("EllipseLabels", 'clip_background="tree"'),
        labels("Taxonomy", 'clip_background="tree"'),
        labels("Choices", 'perRegion="true" whenTagName="box" clip_background="tree"'),
        labels("Choices", 'perRegion="true" whenLabelValue="cat" clip_background="tree"'),
    ]

    assert len({model.version(read_label_config(kind)) for kind in kinds}) == len(kinds)


def test_labels_nested_without_end_are_refused() -> None:
    deep = "<Choice value='a'>" * 2000 + "</Choice>" * 2000

    with pytest.raises(LabelConfigError, match="nested deeper"):
        read_label_config(xml(f'<Taxonomy name="t" toName="image">{deep}</Taxonomy>'))
