"""Tasks in, predictions out, on drawings that the tiny CLIP knows."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from drawings import Draw
from hypothesis import given, settings
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface
from model_folders import siglip_of_sketch_clip
from PIL import Image

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.errors import ImageError
from ls_backend.images.image_vectors import ImageParts
from ls_backend.labels.config import read_label_config
from ls_backend.labels.target import LabelTarget
from ls_backend.model import ClipModel
from ls_backend.predictions import one_label, prediction
from ls_backend.unanswered import NoRegion
from ls_backend.zero_shot import Score

LABELS = ("cat", "dog", "bus", "fish")


def xml(attributes: str = "") -> str:
    choices = "".join(f'<Choice value="{label}"/>' for label in LABELS)
    return (
        f'<View><Image name="image" value="$image"/><Choices name="label" toName="image" '
        f'{attributes}>{choices}<Choice value="None of these" clip_none="true"/></Choices></View>'
    )


def target(attributes: str = "") -> LabelTarget:
    return read_label_config(xml(attributes))


@pytest.fixture(scope="session")
def model(clip: Clip) -> ClipModel:
    return ClipModel(clip)


def score(model: ClipModel, image: Image.Image, claim: str | None, **more: Any) -> Score:
    asked = more.get("target", target())
    return model.score([image], asked, [claim], [more.get("prompt")])[0]


def test_a_right_claim_scores_high_and_a_wrong_one_low(model: ClipModel, drawing: Draw) -> None:
    right = score(model, drawing("cat"), "cat")
    wrong = score(model, drawing("cat"), "dog")

    assert (right.label, wrong.label) == ("cat", "dog")
    assert (right.predicted_label, wrong.predicted_label) == ("cat", "cat")
    assert wrong.label_probability < 0.1 < 0.9 < right.label_probability
    assert wrong.margin < 0 < right.margin


@pytest.mark.parametrize("claim", [None, "zebra", "none of these"])
def test_without_a_valid_claim_it_classifies(
    model: ClipModel, drawing: Draw, claim: str | None
) -> None:
    assert score(model, drawing("bus"), claim).label == "bus"


def test_background_lowers_what_it_explains(model: ClipModel, drawing: Draw) -> None:
    tree = drawing("tree")
    without = target('clip_claim="$label"')
    with_trees = target('clip_claim="$label" clip_background="tree"')

    plain = score(model, tree, "dog", target=without)
    lowered = score(model, tree, "dog", target=with_trees)

    assert lowered.predicted_label in LABELS
    assert lowered.predicted_probability < 0.1 < plain.predicted_probability


PICTURES = ("cat", "dog", "bus", "fish", "tree", "star")


@settings(max_examples=25, deadline=None)
@given(
    label=st.sampled_from(PICTURES),
    before=st.lists(st.sampled_from(PICTURES), max_size=20),
    after=st.lists(st.sampled_from(PICTURES), max_size=20),
    claim=st.sampled_from([None, *LABELS]),
)
def test_a_score_does_not_depend_on_the_batch(
    model: ClipModel,
    drawing: Draw,
    label: str,
    before: list[str],
    after: list[str],
    claim: str | None,
) -> None:
    assert model.clip.precision == "float32"
    batch = [drawing(each) for each in (*before, label, *after)]
    claims = [*(None for _ in before), claim, *(None for _ in after)]
    asked = target('clip_background="tree"')

    among = model.score(batch, asked, claims, [f"a {label}"] * len(batch))[len(before)]
    alone = score(model, drawing(label), claim, target=asked, prompt=f"a {label}")

    assert (among.label, among.predicted_label) == (alone.label, alone.predicted_label)
    for name in (
        "label_probability", "margin", "predicted_probability", "similarity",
        "background_probability",
    ):  # fmt: skip
        assert abs(getattr(among, name) - getattr(alone, name)) <= 1e-5


def test_a_model_with_a_bias_scores_what_fits_nothing_low(drawing: Draw, tmp_path: Path) -> None:
    clip = Clip.load(str(siglip_of_sketch_clip(tmp_path / "biased")))
    plain, biased = ClipModel(Clip.load(str(MODEL_FOLDER))), ClipModel(clip)
    stranger, known = drawing("tree"), drawing("cat")

    assert score(biased, known, "cat").label_probability > 0.5
    assert score(biased, stranger, None).label_probability < 0.1
    without = target('clip_claim="$label"')
    assert score(biased, stranger, None, target=without).label_probability < 0.1
    assert score(plain, stranger, None, target=without).label_probability > 0.3
    digests = {each.version(target()).partition("@")[2] for each in (plain, biased)}
    assert len(digests) == 2


def test_similarity_is_the_fit_to_the_whole_prompt(model: ClipModel, drawing: Draw) -> None:
    cat = drawing("cat")

    right = score(model, cat, "cat", prompt="a photo of a red cat in a park").similarity
    wrong = score(model, cat, "cat", prompt="a photo of a blue cat at the beach").similarity

    assert right is not None
    assert wrong is not None
    assert -1 <= wrong < right <= 1
    assert score(model, cat, "cat", prompt=None).similarity is None
    assert score(model, cat, "cat", prompt="").similarity is None


def test_no_images_no_scores(model: ClipModel) -> None:
    assert model.score([], target(), [], []) == []


def test_the_version_names_the_model_and_is_stable(model: ClipModel) -> None:
    version = model.version(target())

    assert version == model.version(target())
    assert version.startswith("clip:sketch-clip@")
    assert len(version.partition("@")[2]) == 12


def test_the_version_changes_with_all_that_scores_hang_on(model: ClipModel) -> None:
    plain = target()
    variants = [
        plain,
        dataclasses.replace(plain, labels=LABELS[:3], texts=LABELS[:3]),
        dataclasses.replace(plain, texts=("tom cat", *LABELS[1:])),
        dataclasses.replace(plain, background=("tree",)),
        dataclasses.replace(plain, claim_field="label"),
        dataclasses.replace(plain, fit_field="prompt"),
    ]

    assert len({model.version(variant) for variant in variants}) == len(variants)


def test_the_version_does_not_change_with_what_scores_do_not_hang_on(model: ClipModel) -> None:
    plain = target()
    same = [
        dataclasses.replace(plain, from_name="other", to_name="img", image_field="photo"),
        dataclasses.replace(plain, labels=LABELS[::-1], texts=LABELS[::-1]),
    ]

    assert {model.version(variant) for variant in same} == {model.version(plain)}


def test_the_version_changes_with_the_weights(clip: Clip, model: ClipModel) -> None:
    class Other(Clip):
        def __init__(self) -> None:
            self.name, self.fingerprint = clip.name, "0" * 64

    assert ClipModel(Other()).version(target()) != model.version(target())


def test_label_studio_accepts_every_prediction(model: ClipModel, drawing: Draw) -> None:
    config = xml('clip_claim="$label"')
    asked = read_label_config(config)

    scored = score(model, drawing("cat"), "dog", target=asked)
    said = prediction(asked, one_label(asked, scored), "clip:x@1")

    assert LabelInterface(config).validate_prediction(said, return_errors=True) == []
    assert said["result"][0]["value"] == {"choices": ["dog"]}
    assert said["result"][0]["score"] == said["score"]


@pytest.mark.parametrize(
    ("similarity", "shown"), [(0.3, 0.3), (-0.2, 0.0), (1.0, 1.0), (None, 0.7)]
)
def test_with_a_fit_field_the_fit_is_shown(similarity: float | None, shown: float) -> None:
    scored = Score("cat", 0.7, 0.4, "cat", 0.7, similarity)

    assert one_label(target('clip_fit="$prompt"'), scored).score == shown
    assert one_label(target(), scored).score == 0.7


class Reader:
    """Draws what a task's image field says; "broken" cannot be read."""

    def __init__(self, clip: Clip, drawing: Draw) -> None:
        self.clip = clip
        self.drawing = drawing

    def __call__(self, looks: Sequence[ImageParts]) -> list[Any]:
        return [self._vector(look.task["data"][look.field]) for look in looks]

    def _vector(self, label: str) -> Any:
        if label == "broken":
            return ImageError("The image is empty.", hint="Replace it.", code="empty")
        if label == "late":
            return ImageError("The time was over.", hint="Ask for fewer.", code="out_of_time")
        return self.clip.encode_images([self.drawing(label)])


def task(number: int, image: str, **data: object) -> dict[str, Any]:
    return {"id": number, "data": {"image": image, **data}}


def test_one_answer_per_task_in_order(
    model: ClipModel, drawing: Draw, caplog: pytest.LogCaptureFixture
) -> None:
    shown = [*LABELS, "broken"] * (8)
    tasks = [task(number, label) for number, label in enumerate(shown)]

    with caplog.at_level(logging.WARNING, "ls_backend"):
        answers = model.predict(tasks, target(), Reader(model.clip, drawing))

    assert [answer and answer["result"][0]["value"]["choices"][0] for answer in answers] == [
        [] if label == "broken" else label for label in shown
    ]
    assert {a["model_version"] for a in answers if a} == {model.version(target())}
    assert len(caplog.messages) == 8
    assert "task 4: no prediction [empty] The image is empty. Replace it." in caplog.messages


def test_claims_and_prompts_come_from_the_task(model: ClipModel, drawing: Draw) -> None:
    tasks = [
        task(1, "cat", label="dog", prompt="a photo of a red cat in a park"),
        task(2, "cat", label=None, prompt=7),
        task(3, "broken", label="dog"),
        task(4, "cat", label="bus"),
    ]

    verified = model.predict(tasks, target('clip_claim="$label"'), Reader(model.clip, drawing))
    fitted = model.predict(tasks, target('clip_fit="$prompt"'), Reader(model.clip, drawing))

    assert [a and a["result"][0]["value"]["choices"] for a in verified] == [
        ["dog"],
        ["cat"],
        [],
        ["bus"],
    ]
    expected = score(model, drawing("cat"), None, prompt=tasks[0]["data"]["prompt"])
    assert fitted[0]["score"] == pytest.approx(expected.similarity, abs=1e-5)  # type: ignore[call-overload]
    assert fitted[1]["score"] == pytest.approx(expected.label_probability, abs=1e-5)  # type: ignore[call-overload]


def test_no_tasks_no_answers(model: ClipModel, drawing: Draw) -> None:
    assert model.predict([], target(), Reader(model.clip, drawing)) == []


def test_tasks_left_over_are_counted_in_one_line(
    model: ClipModel, drawing: Draw, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = [task(number, label) for number, label in enumerate(["cat", "late", "late"])]

    with caplog.at_level(logging.WARNING, "ls_backend"):
        answers = model.predict(tasks, target(), Reader(model.clip, drawing))

    assert [bool(answer) for answer in answers] == [True, False, False]
    assert caplog.messages == [
        "2 of 3 tasks were left over when the time was up (CLIP_PREDICT_SECONDS): tasks 1 and 2. "
        "For more than a few tasks use: ls-clip prelabel --project N"
    ]


def test_tasks_without_a_region_are_said_to_have_none(
    model: ClipModel, drawing: Draw, caplog: pytest.LogCaptureFixture
) -> None:
    tasks = [task(number, "cat") for number in range(3, 10)]

    with caplog.at_level(logging.INFO, "ls_backend"):
        answers = model.answers(tasks, target('perRegion="true"'), Reader(model.clip, drawing))

    assert {answer.code for answer in answers if isinstance(answer, NoRegion)} == {"no_region"}
    assert len(answers) == 7
    assert caplog.messages == [
        "tasks 3, 4, 5, 6, 7 and 2 more: no prediction [no_region] It has no region to label: "
        "'label' answers for regions, and none is drawn."
    ]
    assert caplog.records[0].levelname == "INFO"


def test_nested_data_is_read_for_image_claim_and_prompt(model: ClipModel, drawing: Draw) -> None:
    data = {"meta": {"label": "dog", "prompts": ["a photo of a red cat in a park"]}}
    tasks = [task(1, "cat", **data)]

    [verified] = model.predict(
        tasks, target('clip_claim="$meta.label"'), Reader(model.clip, drawing)
    )
    [fitted] = model.predict(
        tasks, target('clip_fit="$meta.prompts[0]"'), Reader(model.clip, drawing)
    )

    assert isinstance(verified, dict)
    assert isinstance(fitted, dict)
    assert verified["result"][0]["value"]["choices"] == ["dog"]
    expected = score(model, drawing("cat"), None, prompt=data["meta"]["prompts"][0])
    assert fitted["score"] == pytest.approx(expected.similarity, abs=1e-5)
