"""What is wrong with a queue, told from what Label Studio says of its project and backend."""

from __future__ import annotations

from typing import Any

import pytest

from importers.label_studio.diagnosis import (
    Fault,
    hidden_predictions,
    not_asked,
    unordered,
    unreached,
    vanished_scores,
)
from ls_backend.label_studio_types import MlBackend, Project

VERSION, OLDER = "clip:test@00000000000b", "clip:test@00000000000a"


def project(**changes: Any) -> Project:
    good = {
        "id": 7,
        "description": "",
        "model_version": VERSION,
        "sampling": "Uncertainty sampling",
        "maximum_annotations": 1,
        "show_collab_predictions": True,
    }
    return good | changes  # type: ignore[return-value]


def campaign(**changes: Any) -> Project:
    return project(description="Lowest CLIP score first. ls-clip campaign 1f2e", **changes)


def backend(**changes: Any) -> MlBackend:
    good = {
        "url": "http://127.0.0.1:9090",
        "title": VERSION,
        "model_version": VERSION,
        "readable_state": "Connected",
        "error_message": "",
    }
    return good | changes  # type: ignore[return-value]


def found(fault: Fault | None, code: str) -> Fault:
    assert fault is not None
    assert fault.code == code
    return fault


def test_where_nothing_is_wrong_nothing_is_found() -> None:
    assert hidden_predictions(project()) is None
    assert unordered(project()) is None
    assert vanished_scores(project(), {VERSION: 3}) is None
    assert vanished_scores(project(), {OLDER: 9, VERSION: 3}, backend()) is None
    assert unreached(project(), backend()) is None
    assert not_asked(project(), backend()) is None


def test_settings() -> None:
    found(hidden_predictions(project(show_collab_predictions=False)), "predictions_off")
    sampling = found(unordered(project(sampling="Sequential sampling")), "sampling")
    assert "Sequential sampling" in sampling.message
    several = found(unordered(project(maximum_annotations=2)), "several_annotations")
    assert "2 annotations per task" in several.message


def test_scores_of_another_version_vanish_and_the_remedy_is_the_projects_own() -> None:
    plain = found(vanished_scores(project(), {OLDER: 3}), "no_scores")
    assert VERSION in plain.message
    assert OLDER in plain.message
    assert plain.next_step.endswith("ls-clip prelabel --project 7")
    pushed = found(vanished_scores(campaign(), {OLDER: 3}), "no_scores")
    assert pushed.next_step.endswith("ls-clip push")
    foreign = backend(title=OLDER, model_version=OLDER)
    other = found(vanished_scores(project(), {OLDER: 3}, foreign), "no_scores")
    assert other.next_step.endswith("ls-clip connect --project 7 --url http://127.0.0.1:9090")


@pytest.mark.parametrize(
    ("made", "command"),
    [(project(), "ls-clip prelabel --project 7"), (campaign(), "ls-clip run")],
)
def test_a_backend_that_is_to_bring_them_may_have_brought_none(made: Project, command: str) -> None:
    assert vanished_scores(made, {}, backend()) is None
    fault = found(vanished_scores(made, {OLDER: 3}, backend()), "no_scores")
    assert fault.next_step.startswith(command)


def test_without_any_prediction_and_backend_there_is_nothing_to_go_by() -> None:
    fault = found(vanished_scores(project(model_version=""), {}), "no_scores")
    assert "'none'" in fault.message
    assert "some of none" in fault.message


def test_a_backend_that_answers_with_another_version_than_its_title() -> None:
    fault = found(vanished_scores(project(), {VERSION: 1}, backend(title=OLDER)), "backend_title")
    assert "--url http://127.0.0.1:9090" in fault.next_step
    assert vanished_scores(project(), {VERSION: 1}, backend(model_version=None)) is None


def test_a_backend_that_label_studio_does_not_reach() -> None:
    lost = backend(readable_state="Disconnected", error_message="from long ago")
    assert "long ago" not in found(unreached(project(), lost), "backend_down").message
    failed = backend(readable_state="Error", error_message="boom\n  in line 3")
    assert found(unreached(project(), failed), "backend_down").message.endswith(
        "http://127.0.0.1:9090: Error (boom in line 3)."
    )
    assert unreached(project(), backend(readable_state="Predicting")) is None


def test_a_backend_that_is_not_asked() -> None:
    fault = found(not_asked(project(model_version=OLDER), backend()), "backend_not_chosen")
    assert fault.next_step.endswith("ls-clip prelabel --project 7")
    assert not_asked(project(model_version=""), backend()) is None
