"""What two people do in a real Label Studio, and what it means."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from people import answer, colleague, region, tick_on_contact_sheet, who
from review_world import VERSION, MakeWorld, World, project_of

from importers.config.campaign import NONE_OF_THESE, NONE_OR_UNUSABLE, UNUSABLE
from importers.config.review_config import review_config
from importers.config.storage_sections import ApprovalSettings
from importers.label_studio.project import read_project
from importers.review import Review
from importers.training_storage.verdicts import NO_LABEL, TIE, judge, read_rules
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio
from ls_backend.labels.config import read_label_config

if TYPE_CHECKING:
    from importers.demo.services import LabelStudioServer


@pytest.fixture(scope="module")
def ada(label_studio: LabelStudioServer) -> Iterator[LabelStudio]:
    person = colleague(label_studio, "ada")
    yield person
    person.close()


def reviews(world: World, **approval: Any) -> list[Review]:
    """What the tasks say, in the order of their numbers."""
    project = project_of(world)
    config = read_project(world.ls, project)["label_config"]
    rules = read_rules(config, ApprovalSettings(**approval))
    tasks = sorted(world.tasks(project), key=lambda task: int(task["id"]))
    return [judge(task, task["data"]["label"], rules) for task in tasks]


def saved_by_people(ls: LabelStudio, project: int, label_config: str) -> None:
    """What the settings page asks before it saves a labeling config."""
    ls.request("POST", f"/api/projects/{project}/validate/", json={"label_config": label_config})


def test_what_two_people_say(make_world: MakeWorld, ada: LabelStudio) -> None:
    """Lowest score first: the tasks claim cat, dog, fish, cat, …"""
    world = make_world(tuple(number / 20 for number in range(1, 12)))
    project = world.push().project_id
    assert project is not None
    me, her = who(world.ls), who(ada)
    tasks = sorted(task["id"] for task in world.tasks(project))
    predictions = {t["id"]: t["predictions"][0]["id"] for t in world.tasks(project)}

    answer(world.ls, tasks[0], "cat", parent_prediction=predictions[tasks[0]])
    answer(world.ls, tasks[1], "dog")
    answer(ada, tasks[1], "fish")
    tick_on_contact_sheet(ada, project, [tasks[2]], VERSION)
    answer(ada, tasks[3], "cat", was_cancelled=True, parent_prediction=predictions[tasks[3]])
    answer(world.ls, tasks[4], NONE_OF_THESE)
    answer(world.ls, tasks[5], UNUSABLE)
    answer(world.ls, tasks[6])
    taken_back = answer(world.ls, tasks[7], "dog")
    ada.request("DELETE", f"/api/annotations/{taken_back}")
    draft = {"result": [region("fish")], "lead_time": 1.0}
    world.ls.request("POST", f"/api/tasks/{tasks[8]}/drafts", json=draft)
    edited = answer(world.ls, tasks[9], "cat")
    ada.request("PATCH", f"/api/annotations/{edited}", json={"result": [region("dog")]})
    answer(world.ls, tasks[10], "dog", ground_truth=True)
    answer(ada, tasks[10], "dog")

    found = reviews(world)
    assert [(r.outcome, r.reason or r.label) for r in found] == [
        ("approved", "cat"),
        ("relabelled", "fish"),
        ("approved", "fish"),
        ("skipped", None),
        ("none of these", None),
        ("unusable", None),
        ("undecided", NO_LABEL),
        ("waiting", None),
        ("waiting", None),
        ("relabelled", "dog"),
        ("approved", "dog"),
    ]
    assert [(r.reviewers, r.annotators, r.agreement) for r in found[:3]] == [
        ((me,), 1, None),
        ((her,), 2, 0.5),
        ((her,), 1, None),
    ]
    assert (found[10].reviewers, found[10].annotators, found[10].agreement) == ((her, me), 2, 1.0)
    assert [r.reviewed for r in found[:3]] == ["one by one", "one by one", "contact sheet"]
    assert [r.lead_time_s for r in found[:3]] == [1.5, 1.5, None]
    assert [r.changed_by for r in (found[7], found[9])] == [her, her]
    shown = found[2].shown
    assert shown is not None
    assert (shown.label, shown.model_version) == ("fish", VERSION)

    agreed = reviews(world, policy="agreement")
    assert [r.outcome for r in agreed] == [
        *["undecided"] * 3,
        "skipped",
        *["undecided"] * 3,
        *["waiting"] * 2,
        "undecided",
        "approved",
    ]
    assert agreed[1].reason == TIE
    marked = reviews(world, policy="ground_truth")
    assert [r.outcome for r in marked].count("approved") == 1
    assert marked[10].reviewers == (me,)


def test_the_one_way_out_of_earlier_versions_stays_while_it_is_used(make_world: MakeWorld) -> None:
    world = make_world((0.1, 0.2, 0.3))
    project = world.push().project_id
    assert project is not None
    new = review_config(world.campaign)
    old = "\n".join(line for line in new.splitlines() if UNUSABLE not in line)
    old = old.replace(NONE_OF_THESE, NONE_OR_UNUSABLE)
    world.set_project(project, label_config=old)
    tasks = sorted(task["id"] for task in world.tasks(project))
    answer(world.ls, tasks[0], NONE_OR_UNUSABLE)
    assert reviews(world)[0].outcome == "rejected"
    with pytest.raises(LabelStudioError, match="These labels still exist in annotations"):
        saved_by_people(world.ls, project, new)

    world.push()
    followed = read_project(world.ls, project)["label_config"]
    assert followed == review_config(world.campaign, keep_none_or_unusable=True)
    assert read_label_config(followed) == read_label_config(new)
    answer(world.ls, tasks[1], UNUSABLE)
    answer(world.ls, tasks[2], NONE_OF_THESE)
    assert [r.outcome for r in reviews(world)] == ["rejected", "unusable", "none of these"]
    saved_by_people(world.ls, project, followed)

    more = world.campaign.model_copy(update={"labels": [*world.campaign.labels, "owl"]})
    World(world.ls, more, world.ledger).push()
    followed = read_project(world.ls, project)["label_config"]
    assert followed == review_config(more, keep_none_or_unusable=True)
