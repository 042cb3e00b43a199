"""In which order Label Studio serves tasks, held against the order that is promised."""

from __future__ import annotations

import math

import pytest

from importers.label_studio.queue import ServedTask, wrong_order


def served(*scores: float | None) -> list[ServedTask]:
    return [ServedTask(number, f"key {number}", score, 0.0) for number, score in enumerate(scores)]


def promised(*scores: float) -> list[ServedTask]:
    return [ServedTask(number + 10, "", None, score) for number, score in enumerate(scores)]


def test_the_promised_scores_are_in_order() -> None:
    assert wrong_order([], []) is None
    assert wrong_order(served(0.1, 0.2, 0.2), promised(0.1, 0.2, 0.2)) is None


def test_the_digits_that_a_database_drops_change_no_order() -> None:
    assert wrong_order(served(0.12345678), promised(0.1234567)) is None


def test_a_similarity_below_zero_is_served_as_a_score_of_zero() -> None:
    assert wrong_order(served(0.0, 1.0), promised(-0.2, 1.3)) is None


@pytest.mark.parametrize("score", [0.3001, 0.31, 0.9, 1.0, None, math.nan])
def test_a_task_that_should_stand_elsewhere_is_named(score: float | None) -> None:
    said = wrong_order(served(0.1, score, 0.4), promised(0.1, 0.3, 0.4))
    assert said is not None
    assert f"serves task 1 (score {score}) where task 11 (score 0.3000) should stand" in said
