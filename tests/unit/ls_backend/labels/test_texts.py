"""Words of labels, and what the attributes of ours change in a prediction."""

from __future__ import annotations

from typing import Any

import pytest
from drawings import Draw

from importers.sketch.spec import OBJECTS
from ls_backend.clip.clip import Clip
from ls_backend.errors import LabelConfigError
from ls_backend.labels.config import read_label_config
from ls_backend.labels.texts import is_opaque
from ls_backend.model import ClipModel
from ls_backend.predictions import one_label, prediction


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


@pytest.mark.parametrize(("claim", "label"), [(7, "7"), (7.0, "7"), ("7", "7"), (0.5, None)])
def test_a_label_that_a_table_made_a_number_is_still_claimed(
    clip: Clip, claim: object, label: str | None
) -> None:
    target = read_label_config(xml('clip_claim="$digit"', "7", "cat"))
    vector = clip.encode_texts(["a cat"])

    (said,) = ClipModel(clip).predict(
        [{"data": {"digit": claim}}], target, lambda looks: [vector for _ in looks]
    )

    assert isinstance(said, dict)
    assert said["result"][0]["value"] == {"choices": [label or "cat"]}


def test_one_label_alone_is_not_seen_in_everything(clip: Clip, drawing: Draw) -> None:
    """Of 20 x 19 drawings of something else, those taken for the one label."""
    model, drawings = ClipModel(clip), [drawing(name) for name in OBJECTS]
    nothing = [None] * len(OBJECTS)
    taken = []
    for name in OBJECTS:
        scores = model.score(drawings, read_label_config(xml("", name)), nothing, nothing)
        assert scores[OBJECTS.index(name)].label_probability > 0.9
        others = [s for s, other in zip(scores, OBJECTS, strict=True) if other != name]
        taken += [other.label_probability > 0.5 for other in others]

    assert sum(taken) / len(taken) < 0.25


def test_of_two_labels_neither_is_seen_in_everything(clip: Clip, drawing: Draw) -> None:
    target = read_label_config(xml("", "umbrella", "bus"))

    def said(name: str) -> Any:
        [seen] = ClipModel(clip).score([drawing(name)], target, [None], [None])
        return prediction(target, one_label(target, seen), "v")

    for label in ("umbrella", "bus"):
        assert said(label)["result"][0]["value"] == {"choices": [label]}
        assert said(label)["score"] > 0.9
    assert said("cat")["result"] == []
    assert said("cat")["score"] < 0.5


def test_of_many_odd_labels_a_few_are_named(clip: Clip) -> None:
    target = read_label_config(xml("", *(f"cls_{n:03}" for n in range(500))))

    lines = ClipModel(clip).study(target).lines()

    assert len(lines) == 12
    assert lines[5] == "And 495 more labels that CLIP cannot know: see /versions."


def test_warnings_name_codes_and_twins(clip: Clip) -> None:
    study = ClipModel(clip).study(read_label_config(xml("", "cat", "Cat", "A1", "bus")))

    assert study.opaque == ("A1",)
    assert study.alike == (("cat", "Cat"),)
    assert [line.split()[:2] for line in study.lines()] == [["CLIP", "cannot"], ["'cat'", "and"]]
