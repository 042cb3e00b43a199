"""Progress of the demo where nobody watches a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from importers.demo.steps import Steps


@pytest.fixture
def steps() -> Steps:
    return Steps(Console(file=io.StringIO(), width=200))


def lines(steps: Steps) -> list[str]:
    assert isinstance(steps.console.file, io.StringIO)
    return [line.strip() for line in steps.console.file.getvalue().splitlines()]


def test_a_step_says_when_it_begins_how_far_it_is_and_how_long_it_took(steps: Steps) -> None:
    with steps.step("Drawing 8 images") as progress:
        for done in range(9):
            progress(done, 8)
    first, *between, last = lines(steps)
    assert first == "… Drawing 8 images"
    assert between == ["2 of 8", "4 of 8", "6 of 8"]
    assert last == "✓ Drawing 8 images 0 s"


def test_a_step_that_fails_is_the_current_one_and_not_ticked_off(steps: Steps) -> None:
    with pytest.raises(ValueError, match="no paint"), steps.step("Drawing"):
        raise ValueError("no paint")
    assert steps.current == "Drawing"
    assert lines(steps) == ["… Drawing"]


def test_nothing_to_do_is_no_progress(steps: Steps) -> None:
    with steps.step("Drawing") as progress:
        progress(0, 0)
    assert len(lines(steps)) == 2
