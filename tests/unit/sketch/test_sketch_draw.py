"""The drawing of a prompt: repeatable anywhere, failing as told, truthful about it."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys

import pytest
from PIL import Image

from importers.sketch.draw import Drawing, draw, read_truth
from importers.sketch.failures import ALL, BLATANT, LOOK_ALIKES, OFF_PROMPT, SUBTLE
from importers.sketch.spec import OBJECTS, OUTSIDE_OBJECTS
from ls_backend.errors import ConfigError, ImageError

PROMPT = "a cartoon of a red cat on the beach"
LABEL_HOLDS = {"half_out_of_frame", *OFF_PROMPT}


def failed(kind: str, seed: int = 0, prompt: str = PROMPT) -> Drawing:
    return draw(prompt, seed, pixels=32, failure_rate=1.0, kinds=(kind,))


def test_another_process_draws_the_same_bytes() -> None:
    code = (
        "import hashlib; from importers.sketch.draw import draw\n"
        "for style in ('photo', 'watercolour', 'pixel art', 'pencil sketch'):\n"
        "    png = draw(f'a {style} of a dog', 3, 64, 0.5).png\n"
        "    print(hashlib.sha256(png).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    there = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    here = [
        hashlib.sha256(draw(f"a {style} of a dog", 3, 64, 0.5).png).hexdigest()
        for style in ("photo", "watercolour", "pixel art", "pencil sketch")
    ]
    assert there.stdout.split() == here


def test_the_picture_is_a_png_that_carries_its_truth() -> None:
    drawing = draw(PROMPT, 4, pixels=96)
    with Image.open(io.BytesIO(drawing.png)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (96, 96))
    assert read_truth(drawing.png) == drawing.truth
    truth = drawing.truth
    assert (truth.prompt, truth.seed, truth.failure, truth.label_holds) == (PROMPT, 4, None, True)
    assert truth.asked == truth.drawn
    assert truth.objects == ("cat",)


@pytest.mark.parametrize("prompt", ["ein Hund — 犬\n\0 🐕", "half a pair: \ud83d", ""])
def test_a_truth_survives_any_prompt(prompt: str) -> None:
    drawing = draw(prompt, 0, pixels=32, failure_rate=1.0)
    assert read_truth(drawing.png) == drawing.truth


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_bytes_that_are_no_drawing_have_no_truth(content: bytes) -> None:
    with pytest.raises(ImageError, match="no image"):
        read_truth(content)


def test_a_png_from_elsewhere_has_no_truth() -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    with pytest.raises(ImageError, match="no text chunk"):
        read_truth(buffer.getvalue())


def test_unknown_words_give_some_known_object_and_the_truth_says_which() -> None:
    asked = {draw("a qwertz", seed, pixels=32).truth.asked.object for seed in range(40)}
    assert asked <= set(OBJECTS)
    assert len(asked) > 5


def test_an_outside_object_is_drawn_when_asked_for() -> None:
    assert draw("a photo of snowmen", 0, pixels=32).truth.objects == ("snowman",)


def test_a_higher_rate_only_adds_failures() -> None:
    failures: dict[float, dict[int, str]] = {}
    for rate in (0.0, 0.1, 0.5, 1.0):
        truths = [draw(PROMPT, seed, 32, rate).truth for seed in range(60)]
        failures[rate] = {truth.seed: truth.failure for truth in truths if truth.failure}
    assert failures[0.0] == {}
    assert len(failures[1.0]) == 60
    assert failures[0.1].items() <= failures[0.5].items() <= failures[1.0].items()
    assert len(failures[0.1]) < len(failures[0.5]) < 60


def test_drawings_that_do_not_fail_are_the_same_at_any_rate() -> None:
    for seed in range(10):
        drawing = draw(PROMPT, seed, 32, 0.3)
        assert drawing.truth.failure or drawing.png == draw(PROMPT, seed, 32).png


def test_only_the_given_kinds_occur_and_no_kinds_means_no_failures() -> None:
    seen = {draw(PROMPT, seed, 32, 1.0, SUBTLE).truth.failure for seed in range(40)}
    assert seen == set(SUBTLE)
    assert draw(PROMPT, 0, 32, 1.0, ()).truth.failure is None


def test_an_unknown_kind_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="melted") as refused:
        draw(PROMPT, 0, 32, 1.0, ("melted",))
    assert "garbled" in refused.value.hint


@pytest.mark.parametrize("kind", ALL)
def test_the_truth_of_each_kind(kind: str) -> None:
    for seed in range(5):
        drawing = failed(kind, seed)
        truth = drawing.truth
        assert truth.failure == kind
        assert truth.asked.object == "cat"
        assert truth.label_holds == (kind in LABEL_HOLDS)
        assert ("cat" in truth.objects) == (kind in {"second_object", *LABEL_HOLDS})
        assert drawing.png != draw(PROMPT, seed, pixels=32).png
        assert read_truth(drawing.png) == truth


@pytest.mark.parametrize(("kind", "seen"), [("no_object", 0), ("garbled", 0), ("second_object", 2)])
def test_how_many_objects_can_be_recognised(kind: str, seen: int) -> None:
    assert len(set(failed(kind).truth.objects)) == seen


@pytest.mark.parametrize("field", ["color", "setting", "style"])
def test_an_off_prompt_drawing_differs_in_one_word(field: str) -> None:
    truth = failed(f"wrong_{field}").truth
    asked, drawn = vars(truth.asked), vars(truth.drawn)
    assert {name for name in asked if asked[name] != drawn[name]} == {field}


def test_blatant_subtle_and_off_prompt_are_all_kinds() -> None:
    assert (*BLATANT, *SUBTLE, *OFF_PROMPT) == ALL
    assert len(set(ALL)) == 10


def test_every_object_has_a_look_alike() -> None:
    everything = {*OBJECTS, *OUTSIDE_OBJECTS}
    assert set(LOOK_ALIKES) == everything
    assert set(LOOK_ALIKES.values()) <= everything
    assert all(name != other for name, other in LOOK_ALIKES.items())
    assert failed("look_alike", prompt="a kite").truth.objects == (LOOK_ALIKES["kite"],)
