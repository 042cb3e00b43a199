"""What a push says of the tabs in which people work, on a real Label Studio."""

from __future__ import annotations

from review_world import LABELS, SCORES, MakeWorld

from importers.label_studio.tabs import AUDIT_TAB, REVIEW_TAB, TabCount, count_tabs

SHEETS = [f"Sheet: {label}" for label in LABELS]


def test_a_push_counts_what_the_tabs_show(make_world: MakeWorld) -> None:
    world = make_world()
    report = world.push()
    assert report.project_id is not None
    each = len(SCORES) // len(LABELS)
    assert report.tabs == (
        TabCount(REVIEW_TAB, len(SCORES), len(SCORES), 0),
        TabCount(AUDIT_TAB, 1, 1, 0),
        *(TabCount(title, each, each, 0) for title in SHEETS),
    )
    for tab in report.tabs:
        shown = world.tasks(report.project_id, view=world.tabs(report.project_id)[tab.title])
        assert len(shown) == tab.shown
    (audited,) = (t for t in world.tasks(report.project_id) if t["data"]["audit"])
    world.annotate(audited["id"], "dog")
    again = {tab.title: (tab.shown, tab.new) for tab in world.push().tabs}
    assert again[REVIEW_TAB] == (len(SCORES) - 1, 0)
    assert again[AUDIT_TAB] == (0, 0)


def test_a_filter_that_finds_no_new_task_is_noticed(make_world: MakeWorld) -> None:
    """As that of the audit on Label Studio 1.13.1; here no task is an audited one."""
    world = make_world(audit=0.0)
    report = world.push()
    assert report.project_id is not None
    pushed = [{**task["data"], "audit": True} for task in world.tasks(report.project_id)]
    counted = count_tabs(world.ls, report.project_id, world.campaign, pushed)
    lost = {tab.title: (tab.new, tab.lost) for tab in counted}
    assert lost[AUDIT_TAB] == (len(SCORES), len(SCORES))
    assert {lost[title] for title in (REVIEW_TAB, *SHEETS)} == {(9, 0), (3, 0)}
