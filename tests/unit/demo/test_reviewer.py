"""What the scripted reviewer chooses, seeing what was truly drawn."""

from __future__ import annotations

import pytest

from importers.config.campaign import NONE_OF_THESE, UNUSABLE
from importers.demo.loop import lowest_first, wrong_tasks
from importers.demo.reviewer import AnsweredTask, choose
from importers.sketch.draw import draw, read_truth

LABELS = ("apple", "boat", "cat", "dog", "fish", "rocket")
OFF_PROMPT = ("half_out_of_frame", "wrong_color", "wrong_setting", "wrong_style")
OF_NO_USE = ("garbled", "second_object")
REPLACED = ("another_object", "word_on_another_object", "look_alike")


def chosen(kind: str, seed: int) -> tuple[str, tuple[str, ...]]:
    prompt = "a photo of a red dog in the park"
    drawing = draw(prompt, seed, pixels=64, failure_rate=1.0, kinds=[kind])
    truth = read_truth(drawing.png)
    return choose("dog", truth, LABELS), truth.objects


@pytest.mark.parametrize("kind", OFF_PROMPT)
def test_a_label_that_holds_is_approved(kind: str) -> None:
    assert chosen(kind, 1)[0] == "dog"


@pytest.mark.parametrize("kind", OF_NO_USE)
def test_a_mess_or_two_things_are_of_no_use(kind: str) -> None:
    assert chosen(kind, 1)[0] == UNUSABLE


def test_a_place_with_nothing_in_it_shows_none_of_the_labels() -> None:
    assert chosen("no_object", 1)[0] == NONE_OF_THESE


@pytest.mark.parametrize("kind", REPLACED)
def test_another_label_is_given_where_it_is_right(kind: str) -> None:
    for seed in range(12):
        choice, (shown,) = chosen(kind, seed)
        assert choice == (shown if shown in LABELS else NONE_OF_THESE)
        assert choice != "dog"


def answer(
    task: int, score: float, *, audit: bool = False, label_holds: bool = True
) -> AnsweredTask:
    return AnsweredTask(task, score, audit, "dog", "dog", label_holds)


def test_only_the_queue_has_an_order() -> None:
    assert lowest_first([answer(1, 0.9, audit=True), answer(2, 0.1), answer(3, 0.1)])
    assert not lowest_first([answer(1, 0.2), answer(2, 0.1)])


def test_wrong_tasks_are_those_whose_label_does_not_hold() -> None:
    assert wrong_tasks([answer(1, 0.1, label_holds=False), answer(2, 0.2)]) == {1}
