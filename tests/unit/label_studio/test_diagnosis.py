"""What is wrong with a queue, told from what Label Studio says of its project and backend."""

from __future__ import annotations

from typing import Any

import pytest

from importers.label_studio.diagnosis import (
    Fault,
    hidden_control,
    hidden_predictions,
    missing_scores,
    not_asked,
    not_first,
    queue_faults,
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
        "task_number": 12,
    }
    return good | changes  # type: ignore[return-value]


def campaign(**changes: Any) -> Project:
    return project(description="Lowest CLIP score first. ls-clip campaign 1f2e", **changes)


def backend(**changes: Any) -> MlBackend:
    good = {
        "id": 3,
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
    assert queue_faults(project(), {OLDER: 9, VERSION: 3}, 0, [backend()], backend()) == []
    assert queue_faults(project(), {}, 12, [backend()], backend()) == []  # they come one by one
    assert unreached(project(), backend()) is None


def test_settings_are_notices_in_a_project_that_no_push_made() -> None:
    found(hidden_predictions(project(show_collab_predictions=False)), "predictions_off")
    changed = {"sampling": "Sequential sampling", "maximum_annotations": 2}
    sampling, several = unordered(project(**changed))
    assert (sampling.code, several.code) == ("sampling", "several_annotations")
    assert "Sequential sampling" in sampling.message
    assert "2 annotations per task" in several.message
    for fault in (sampling, several):
        assert fault.is_notice
        assert "Order by > Prediction score, then Label Tasks As Displayed" in fault.next_step
        assert "PATCH /api/projects/7" in fault.next_step
    assert not any(fault.is_notice for fault in unordered(campaign(**changed)))


def test_all_faults_are_found_and_notices_come_last() -> None:
    ill = project(sampling="Uniform sampling", show_collab_predictions=False)
    faults = queue_faults(ill, {OLDER: 12, VERSION: 1}, 11, [backend()], backend())
    assert [fault.code for fault in faults] == ["predictions_off", "missing_scores", "sampling"]
    assert [fault.is_notice for fault in faults] == [False, False, True]
    assert [fault.code for fault in queue_faults(project(), {OLDER: 12}, 12)] == ["no_scores"]


@pytest.mark.parametrize(
    ("made", "command"),
    [(project(), "ls-clip prelabel --project 7"), (campaign(), "ls-clip run")],
)
def test_tasks_that_a_model_change_left_without_score_are_counted(
    made: Project, command: str
) -> None:
    for stored in ({OLDER: 12, VERSION: 1}, {OLDER: 12}):
        fault = found(missing_scores(made, stored, 11), "missing_scores")
        assert "11 of 12 tasks have no prediction of this version" in fault.message
        assert VERSION in fault.message
        assert fault.next_step.startswith(command)
        assert not fault.is_notice
    assert missing_scores(made, {OLDER: 12, VERSION: 12}, 0) is None


def test_tasks_that_had_no_prediction_before_are_a_notice() -> None:
    fault = found(missing_scores(project(), {VERSION: 11, "theirs": 9}, 1), "missing_scores")
    assert fault.message.startswith("1 of 12 tasks has no prediction of this version")
    assert fault.is_notice
    assert missing_scores(project(model_version="theirs"), {"theirs": 3}, 9) is None


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
    assert fault.next_step.endswith("ls-clip prelabel --project 7.")
    assert not_asked(project(model_version=""), backend()) is None


def test_of_another_models_predictions_the_whole_change_over_is_told() -> None:
    fault = found(not_asked(project(model_version="theirs"), backend()), "backend_not_chosen")
    assert f"prelabel --project 7, then choose {VERSION} in the project's" in fault.next_step


def test_a_backend_that_another_one_was_registered_before() -> None:
    vendor = backend(id=2, title="segmentation", model_version="1", url="http://vendor:9000")
    fault = found(not_first(project(), [backend(), vendor], backend()), "backend_not_first")
    assert "'segmentation' at http://vendor:9000" in fault.message
    assert "ls-clip prelabel --project 7" in fault.next_step
    assert "delete 'segmentation' in Settings > Model" in fault.next_step
    assert not_first(project(), [backend(), backend(id=4)], backend()) is None


def config(control: str = "", around: str = "") -> str:
    return (
        f'<View><Image name="i" value="$image"/><View {around}><View>'
        f'<Choices name="c" toName="i" {control}><Choice value="cat"/><Choice value="dog"/>'
        "</Choices></View></View></View>"
    )


@pytest.mark.parametrize(
    "hiding",
    [
        config(control='visibleWhen="choice-selected" whenTagName="x"'),
        config(around='visibleWhen="no-region-selected"'),
    ],
    ids=["control", "around"],
)
def test_a_control_that_stays_hidden(hiding: str) -> None:
    (fault,) = hidden_control(hiding)
    assert (fault.code, fault.is_notice) == ("control_hidden", True)
    assert "'c'" in fault.message
    assert "visibleWhen=" in fault.message


def test_controls_that_are_seen() -> None:
    assert hidden_control(config()) == []
    assert hidden_control(config('perRegion="true" visibleWhen="region-selected"')) == []
    assert hidden_control("<View/>") == []
