"""From scored samples to a review queue in a real Label Studio."""

from __future__ import annotations

import shutil

import pytest
from review_world import (
    LABELS,
    NEWER_VERSION,
    SCORES,
    VERSION,
    MakeWorld,
    World,
    add_samples,
    picture,
    project_of,
)

from importers.demo.services import LabelStudioServer
from importers.label_studio import uploads
from importers.label_studio.tabs import AUDIT_TAB, REVIEW_TAB
from ls_backend.errors import LabelStudioError, LedgerError
from ls_backend.label_studio import Credentials, LabelStudio


def test_label_all_tasks_serves_the_lowest_score_first(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    served = []
    for _ in SCORES:
        task = world.next_task(project_id)
        served.append(task["data"]["clip_score"])
        world.annotate(task["id"], task["data"]["label"])
    assert served == world.scores()


def test_ranked_by_similarity_the_worst_fit_comes_first(make_world: MakeWorld) -> None:
    world = make_world(order="similarity")
    report = world.push()
    assert report.order is not None
    assert report.order.as_promised
    assert report.project_id is not None
    task = world.next_task(report.project_id)
    assert task["data"]["clip_similarity"] == min(0.5 - score / 2 for score in SCORES)
    assert task["predictions"][0]["score"] == pytest.approx(task["data"]["clip_similarity"])


def test_a_task_shows_picture_prompt_and_preselected_label(make_world: MakeWorld) -> None:
    world = make_world()
    task = world.next_task(project_of(world))
    data = task["data"]
    sample = world.sample(data["sample"])
    image = world.ls.request("GET", data["image"]).content
    assert image == picture(sample.planned.seed)
    assert data["prompt"] == sample.prompt.text
    assert task["predictions"][0]["result"][0]["value"] == {"choices": [sample.prompt.label]}
    assert data["why"] == "CLIP gives cat under 1 % and would say fish"
    assert data["clip_label"] == "fish"


def test_each_of_many_tasks_has_its_own_picture(make_world: MakeWorld) -> None:
    count = uploads.MOST_FILES + 30
    world = make_world(tuple((i + 1) / (count + 1) for i in range(count)))
    project_id = project_of(world)
    tasks = world.tasks(project_id)
    assert len(tasks) == count
    for task in tasks[:: count // 20]:
        seed = world.sample(task["data"]["sample"]).planned.seed
        assert world.ls.request("GET", task["data"]["image"]).content == picture(seed)
    assert [task["data"]["clip_score"] for task in tasks] == world.scores()


def test_large_pictures_go_up_in_several_requests(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_BYTES", 1)
    world = make_world(SCORES[:3])
    for task in world.tasks(project_of(world)):
        seed = world.sample(task["data"]["sample"]).planned.seed
        assert world.ls.request("GET", task["data"]["image"]).content == picture(seed)


def test_pushing_again_changes_nothing(make_world: MakeWorld) -> None:
    world = make_world()
    first, second = world.push(), world.push()
    assert (first.pushed, second.pushed, second.found) == (len(SCORES), 0, 0)
    assert second.project_id == first.project_id
    assert first.project_id is not None
    assert len(world.tasks(first.project_id)) == len(SCORES)
    assert len(world.tabs(first.project_id)) == 2 + len(LABELS)


def test_new_samples_join_the_queue_where_their_score_says(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    add_samples(world.campaign, world.ledger, [0.00001])
    assert world.push().pushed == 1
    assert world.next_task(project_id)["data"]["clip_score"] == 0.00001


def test_the_audit_is_a_random_tenth_with_its_probability(make_world: MakeWorld) -> None:
    world = make_world(tuple(i / 40 for i in range(1, 40)))
    report = world.push()
    assert report.audit == 4
    assert report.project_id is not None
    audited = [t for t in world.tasks(report.project_id) if t["data"]["audit"]]
    in_tab = world.tasks(report.project_id, view=world.tabs(report.project_id)[AUDIT_TAB])
    assert {t["id"] for t in in_tab} == {t["id"] for t in audited}
    assert len(audited) == 4
    assert {t["data"]["audit_probability"] for t in world.tasks(report.project_id)} == {4 / 39}


def test_tabs_show_the_queue_and_a_sheet_per_label(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    tabs = world.tabs(project_id)
    assert list(tabs) == [REVIEW_TAB, AUDIT_TAB, *(f"Sheet: {label}" for label in LABELS)]
    queue = world.tasks(project_id, view=tabs[REVIEW_TAB])
    assert [task["data"]["clip_score"] for task in queue] == world.scores()
    world.annotate(queue[0]["id"], "dog")
    sheet = world.tasks(project_id, view=tabs["Sheet: cat"])
    assert [task["data"]["clip_score"] for task in sheet] == [0.2, 0.9]
    assert {task["data"]["label"] for task in sheet} == {"cat"}


def test_a_new_model_version_reorders_what_was_pushed(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    labelled = world.next_task(project_id)
    world.annotate(labelled["id"], "dog")
    world.rescore([1 - score for score in SCORES], NEWER_VERSION)
    report = world.push(NEWER_VERSION)
    assert (report.pushed, report.rescored) == (0, len(SCORES))
    assert report.order is not None
    assert report.order.as_promised
    task = world.next_task(project_id)
    assert task["data"]["clip_score"] == pytest.approx(0.05)
    assert task["predictions"][0]["model_version"] == NEWER_VERSION
    assert world.push(NEWER_VERSION).rescored == 0
    reviewed = next(t for t in world.tasks(project_id) if t["id"] == labelled["id"])
    assert reviewed["data"]["why"] == labelled["data"]["why"]
    assert [p["model_version"] for p in reviewed["predictions"]] == [VERSION, NEWER_VERSION]


def test_samples_of_another_model_version_wait_for_their_score(make_world: MakeWorld) -> None:
    world = make_world()
    assert world.push(NEWER_VERSION).project_id is None
    world.rescore(SCORES[:2], NEWER_VERSION)
    assert world.push(NEWER_VERSION).pushed == 2


def test_a_label_that_is_added_becomes_a_choice_and_a_sheet(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    wider = world.campaign.model_copy(update={"labels": [*LABELS, "owl & co"]})
    World(world.ls, wider, world.ledger).push()
    config = world.ls.json("GET", f"/api/projects/{project_id}")["label_config"]
    assert '<Choice value="owl &amp; co" hotkey="4"' in config
    assert "Sheet: owl & co" in world.tabs(project_id)


def test_what_people_changed_in_the_config_stays(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    config = world.ls.json("GET", f"/api/projects/{project_id}")["label_config"]
    edited = config.replace('size="3"', 'size="2"')
    assert edited != config
    world.set_project(project_id, label_config=edited)
    world.push()
    assert world.ls.json("GET", f"/api/projects/{project_id}")["label_config"] == edited


def test_a_deleted_project_is_named_with_the_next_step(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    world.ls.request("DELETE", f"/api/projects/{project_id}")
    with pytest.raises(LabelStudioError) as error:
        world.push()
    assert error.value.code == "label_studio_project_gone"
    assert "LABEL_STUDIO_URL" in error.value.hint


def test_somebody_elses_project_is_not_touched(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    world.set_project(project_id, description="mine now")
    with pytest.raises(LabelStudioError) as error:
        world.push()
    assert error.value.code == "label_studio_other_project"


def test_an_image_that_is_gone_is_named(make_world: MakeWorld) -> None:
    world = make_world()
    shutil.rmtree(world.campaign.images_path)
    with pytest.raises(LedgerError, match="not in"):
        world.push()


def test_nothing_scored_makes_no_project(make_world: MakeWorld) -> None:
    report = make_world(()).push()
    assert (report.project_id, report.pushed) == (None, 0)


def test_both_kinds_of_token_push(make_world: MakeWorld, label_studio: LabelStudioServer) -> None:
    world = make_world()
    token = label_studio.personal_access_token()
    with_pat = LabelStudio(Credentials(label_studio.url, token))
    assert World(with_pat, world.campaign, world.ledger).push().pushed == len(SCORES)
