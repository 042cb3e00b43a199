"""label_texts and what the attributes of ours change in an answer."""

from __future__ import annotations

import pytest
from drawings import Draw
from label_studio_sdk.label_interface import LabelInterface

from importers.sketch.spec import OBJECTS
from ls_backend.answers import answer, prediction
from ls_backend.clip import Clip
from ls_backend.errors import LabelConfigError
from ls_backend.label_config import read_label_config
from ls_backend.label_texts import is_opaque
from ls_backend.metrics import REGISTRY
from ls_backend.model import ClipModel
from ls_backend.zero_shot import Score


def xml(attributes: str, *choices: str) -> str:
    inner = "".join(f'<Choice value="{choice}"/>' for choice in choices)
    return (
        '<View><Image name="image" value="$image"/>'
        f'<Choices name="what" toName="image" {attributes}>{inner}</Choices></View>'
    )


@pytest.mark.parametrize("text", ["A1", "NG", "cls 07", "class1", "item 12", "x", "7"])
def test_codes_are_opaque(text: str) -> None:
    assert is_opaque(text)


@pytest.mark.parametrize("text", ["owl", "traffic light", "sky", "猫", "F16 jet", "cat 2", "class"])
def test_words_are_not_opaque(text: str) -> None:
    assert not is_opaque(text)


def test_every_template_has_a_place_for_the_label() -> None:
    with pytest.raises(LabelConfigError, match="without"):
        read_label_config(xml('clip_templates="a photo|{a}"', "cat", "dog"))


def test_an_unknown_prefill_is_refused() -> None:
    with pytest.raises(LabelConfigError, match="unknown"):
        read_label_config(xml('clip_prefill="maybe"', "cat", "dog"))


def score(best: float, background: float) -> Score:
    return Score("cat", best, 0.0, "dog", best, None, background)


@pytest.mark.parametrize(
    ("attributes", "background", "expected"),
    [
        ("", 0.1, ["cat"]),
        ("", 0.9, ["Other"]),
        ('clip_claim="$label"', 0.9, ["cat"]),
        ('clip_claim="$label" clip_prefill="clip"', 0.1, ["dog"]),
        ('clip_claim="$label" clip_prefill="none"', 0.1, None),
    ],
)
def test_what_is_answered(attributes: str, background: float, expected: list[str] | None) -> None:
    config = xml(attributes, "cat", "dog", "Other")
    target = read_label_config(config)
    said = prediction(target, answer(target, score(0.1, background)), "v")
    assert (
        said["result"] == []
        if expected is None
        else said["result"][0]["value"] == {"choices": expected}
    )
    assert LabelInterface(config).validate_prediction(said)


def test_one_label_is_told_from_default_background(clip: Clip, drawing: Draw) -> None:
    target = read_label_config(xml("", "cat"))
    [seen] = ClipModel(clip).score([drawing("cat")], target, [None], [None])
    assert not seen.background_wins


def test_drawings_are_told_apart_beside_default_background(clip: Clip, drawing: Draw) -> None:
    target = read_label_config(xml("", *OBJECTS, "Other"))
    nothing = [None] * len(OBJECTS)
    scores = ClipModel(clip).score([drawing(name) for name in OBJECTS], target, nothing, nothing)
    assert target.background
    assert [None if s.background_wins else s.predicted_label for s in scores] == list(OBJECTS)


def test_a_label_may_bring_the_words_that_clip_reads(clip: Clip, drawing: Draw) -> None:
    plain, told = (
        read_label_config(
            '<View><Image name="image" value="$image"/><Choices name="what" toName="image">'
            f'<Choice value="K9" {own}/><Choice value="fish"/></Choices></View>'
        )
        for own in ("", 'clip_prompt="dog|puppy"')
    )
    model = ClipModel(clip)
    [seen] = model.score([drawing("dog")], told, [None], [None])
    assert seen.predicted_label == "K9"
    assert seen.predicted_probability > 0.9
    assert model.version(plain) != model.version(told)
    assert model.study(plain).opaque
    assert not model.study(told).lines()


def test_claims_are_counted_by_what_became_of_them(clip: Clip) -> None:
    def counted() -> list[float]:
        return [
            REGISTRY.get_sample_value("clip_claims_total", {"outcome": name}) or 0.0
            for name in ("verified", "no_claim", "unknown_label")
        ]

    target = read_label_config(xml('clip_claim="$label"', "cat", "dog"))
    vector = clip.encode_texts(["a cat"])
    tasks = [{"data": {"label": claim}} for claim in ("cat", "dog", None, "", "cow")]
    before = counted()
    ClipModel(clip).predict(tasks, target, lambda looks: [vector for _ in looks])
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [2, 2, 1]


def test_warnings_name_codes_and_twins(clip: Clip) -> None:
    study = ClipModel(clip).study(read_label_config(xml("", "cat", "Cat", "A1", "bus")))

    assert study.opaque == ("A1",)
    assert study.alike == (("cat", "Cat"),)
    assert [line.split()[:2] for line in study.lines()] == [["CLIP", "cannot"], ["'cat'", "and"]]
