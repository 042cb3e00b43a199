"""What `ls-clip connect` tells people: how things stand, and the next step."""

from __future__ import annotations

from importers.commands.project import connect_lines
from importers.label_studio.connect import ConnectReport

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
