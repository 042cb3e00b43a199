"""What `ls-clip connect` tells people: how things stand, and the next step."""

from __future__ import annotations

from rich.text import Text

from importers.commands.project_words import connect_lines
from importers.label_studio.connect import ConnectReport
from importers.label_studio.diagnosis import NOT_FIRST, Fault

URL = "http://127.0.0.1:9090"
OLD, NEW = "clip:old@000000000001", "clip:new@000000000002"


def said(report: ConnectReport, project: int | None) -> str:
    return "\n".join(connect_lines(report, URL, project))


def test_a_new_connection_names_what_comes_next() -> None:
    told = said(ConnectReport(7, True, NEW, NEW), 12)
    assert "ls-clip prelabel --project 12" in told
    assert "ls-clip doctor --project 12" in told
    assert "Next:" not in said(ConnectReport(7, False, NEW, NEW), 12)


def test_a_queue_of_another_version_is_changed_over_by_prelabelling() -> None:
    told = said(ConnectReport(7, False, NEW, OLD), 12)
    assert f"stays with the scores of {OLD}" in told
    assert f"ls-clip prelabel --project 12, then choose {NEW}" in told
    assert "campaign" not in told


def test_the_queue_of_a_campaign_is_changed_over_by_running_it() -> None:
    told = said(ConnectReport(7, False, NEW, OLD), None)
    assert "ls-clip run" in told
    assert "prelabel" not in told


def test_what_is_wrong_with_the_queue_is_said_at_once() -> None:
    drift = Fault("missing_scores", "11 of 12 tasks have no prediction.", "ls-clip prelabel")
    sampling = Fault("sampling", "It is 'Sequential [x]'.", "Two clicks.", is_notice=True)
    lines = connect_lines(ConnectReport(7, False, NEW, NEW, faults=(drift, sampling)), URL, 12)
    plain = [Text.from_markup(line).plain for line in lines]
    assert plain[-4:] == [
        "fault      11 of 12 tasks have no prediction.",
        "           ls-clip prelabel",
        "notice     It is 'Sequential [x]'.",
        "           Two clicks.",
    ]


def test_a_backend_that_is_not_asked_promises_nothing() -> None:
    other = Fault(NOT_FIRST, "Another one was first.", "Delete it.", is_notice=True)
    report = ConnectReport(7, True, NEW, NEW, faults=(other,))
    assert not report.live
    assert "open a task" not in said(report, 12)
