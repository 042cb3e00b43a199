"""From scored samples to a review queue in a real Label Studio."""

from __future__ import annotations

import itertools
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from review_world import (
    LABELS,
    NEWER_VERSION,
    VERSION,
    MakeWorld,
    World,
    add_samples,
    make_campaign,
    picture,
)

from importers.demo.services import LabelStudioServer
from importers.label_studio import push as push_module
from importers.label_studio import pusher, uploads
from importers.label_studio.order import check_order
from importers.label_studio.review_queue import AUDIT_TAB, REVIEW_TAB
from importers.ledger import Ledger
from ls_backend.errors import LabelStudioError, LedgerError
from ls_backend.label_studio import Credentials, LabelStudio

SCORES = (0.9, 0.1, 0.5, 0.00002, 0.3, 0.7, 0.2, 0.95, 0.6)


@pytest.fixture
def make_world(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes campaigns with scored samples; nothing is pushed yet."""
    names = (f"{tmp_path.name} {number}"[-50:] for number in itertools.count())
    with ExitStack() as ledgers:

        def make(scores: tuple[float, ...] = SCORES, **review: object) -> World:
            campaign = make_campaign(tmp_path / next(names), len(scores), **review)
            ledger = ledgers.enter_context(Ledger(campaign.ledger_path))
            add_samples(campaign, ledger, scores)
            return World(label_studio.client(), campaign, ledger)

        yield make


def project_of(world: World) -> int:
    report = world.push()
    assert report.project_id is not None
    return report.project_id


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


def test_what_a_killed_run_left_is_found_and_not_pushed_twice(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    world = make_world()
    shutil.copytree(world.campaign.folder, tmp_path / "as it was before")
    first = world.push()
    forgetful = make_campaign(tmp_path / "as it was before", len(SCORES))
    with Ledger(forgetful.ledger_path) as ledger:
        again = World(world.ls, forgetful, ledger).push()
        assert [s.task_id for s in ledger.samples()] == [s.task_id for s in world.ledger.samples()]
    assert (again.project_id, again.pushed, again.found) == (first.project_id, 0, len(SCORES))
    assert first.project_id is not None
    assert len(world.tasks(first.project_id)) == len(SCORES)


def test_killed_after_any_request_the_next_run_goes_on(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push_module, "BATCH", 4)
    world = make_world()
    for lives in itertools.count(1):
        mortal = MortalLabelStudio(world.ls, lives)
        try:
            report = World(mortal, world.campaign, world.ledger).push()
        except Killed:
            continue
        break
    assert report.project_id is not None
    keys = [task["data"]["sample"] for task in world.tasks(report.project_id)]
    assert sorted(keys) == sorted(sample.key for sample in world.ledger.samples())
    assert len(world.tabs(report.project_id)) == 2 + len(LABELS)
    assert _projects_named(world, world.campaign.project_title) == [report.project_id]
    assert report.order is not None
    assert report.order.as_promised


def test_an_import_that_outlives_its_process_is_waited_for(make_world: MakeWorld) -> None:
    world = make_world()
    posthumous = PosthumousLabelStudio(world.ls)
    with pytest.raises(Killed):
        World(posthumous, world.campaign, world.ledger).push()
    report = world.push()
    assert (report.pushed, report.found) == (0, len(SCORES))
    assert report.project_id is not None
    posthumous.last_will.join()
    assert len(world.tasks(report.project_id)) == len(SCORES)


def test_an_import_that_was_lost_is_done_again(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pusher, "IMPORT_MAY_TAKE_S", 0.1)
    world = make_world()
    key = world.ledger.samples()[0].key
    world.ledger.set_note("import_under_way", json.dumps([time.time(), key]))
    assert world.push().pushed == len(SCORES)


def test_half_a_batch_that_a_killed_run_left_is_completed(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    lost = world.tasks(project_id)[0]
    world.ls.request("DELETE", f"/api/tasks/{lost['id']}")
    with _rolled_back(world) as ledger:
        report = World(world.ls, world.campaign, ledger).push()
    assert (report.pushed, report.found) == (1, len(SCORES) - 1)
    assert len(world.tasks(project_id)) == len(SCORES)


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


def test_the_queue_is_reported_as_promised(make_world: MakeWorld) -> None:
    order = make_world().push().order
    assert order is not None
    assert order.as_promised
    assert order.explanation == "Label Studio serves the lowest score first: 0.000, 0.100, 0.200, …"
    assert [task.promised for task in order.first] == sorted(SCORES)


@pytest.mark.parametrize(
    ("settings", "explanation"),
    [
        ({"sampling": "Sequential sampling"}, "Sequential sampling"),
        ({"maximum_annotations": 2}, "2 annotations per task"),
    ],
)
def test_a_queue_that_is_not_as_promised_is_explained(
    make_world: MakeWorld, settings: dict[str, object], explanation: str
) -> None:
    world = make_world()
    project_id = project_of(world)
    world.set_project(project_id, **settings)
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert explanation in order.explanation


def test_a_model_version_that_hides_the_scores_is_explained_and_mended(
    make_world: MakeWorld,
) -> None:
    world = make_world()
    project_id = project_of(world)
    task = world.tasks(project_id)[0]["id"]
    foreign = {"task": task, "score": 0.5, "model_version": "foreign", "result": []}
    world.ls.request("POST", f"/api/projects/{project_id}/import/predictions", json=[foreign])
    world.set_project(project_id, model_version="foreign")
    order = check_order(world.ls, project_id, world.campaign)
    assert "8 of the next 9 tasks" in order.explanation
    for prediction in world.tasks(project_id)[0]["predictions"]:
        if prediction["model_version"] == "foreign":
            world.ls.request("DELETE", f"/api/predictions/{prediction['id']}/")
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert "at random" in order.explanation
    mended = world.push().order
    assert mended is not None
    assert mended.as_promised


def test_scores_that_somebody_changed_are_noticed(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    prediction = world.tasks(project_id)[0]["predictions"][0]["id"]
    world.ls.request("PATCH", f"/api/predictions/{prediction}/", json={"score": 0.99})
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert "should stand" in order.explanation


def test_tasks_that_others_added_have_no_score_and_are_counted(make_world: MakeWorld) -> None:
    world = make_world()
    project_id = project_of(world)
    world.ls.request("POST", f"/api/projects/{project_id}/import", json=[{"data": {"image": "x"}}])
    order = check_order(world.ls, project_id, world.campaign)
    assert not order.as_promised
    assert "1 of the next 10 tasks" in order.explanation


def test_nothing_to_review_is_as_promised(make_world: MakeWorld) -> None:
    world = make_world(SCORES[:2])
    project_id = project_of(world)
    for task in world.tasks(project_id):
        world.annotate(task["id"], "dog")
    order = check_order(world.ls, project_id, world.campaign)
    assert (order.as_promised, order.explanation) == (True, "No task waits for review.")


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


class Killed(BaseException):
    """Stands for a kill: nothing of ours handles it."""


class MortalLabelStudio(LabelStudio):
    """Label Studio carries out so many of our requests; we never see the last one's answer."""

    def __init__(self, ls: LabelStudio, lives: int) -> None:
        super().__init__(Credentials(ls.url, ls.headers()["Authorization"].split()[1]))
        self.lives = lives

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        response = super().request(method, path, **options)
        self.lives -= 1
        if self.lives == 0:
            raise Killed
        return response


class PosthumousLabelStudio(LabelStudio):
    """Label Studio begins to import only when the process that asked for it is dead."""

    last_will: threading.Timer

    def __init__(self, ls: LabelStudio) -> None:
        super().__init__(Credentials(ls.url, ls.headers()["Authorization"].split()[1]))

    def request(self, method: str, path: str, **options: Any) -> requests.Response:
        if method != "POST" or not isinstance(options.get("json"), list):
            return super().request(method, path, **options)
        self.last_will = threading.Timer(1.0, super().request, args=(method, path), kwargs=options)
        self.last_will.start()
        raise Killed


def _projects_named(world: World, title: str) -> list[int]:
    projects = world.ls.json("GET", "/api/projects", params={"title": title, "page_size": 100})
    return [project["id"] for project in projects["results"] if project["title"] == title]


def _rolled_back(world: World) -> Ledger:
    """A ledger that knows the project, and of no task."""
    project_id = world.ledger.note("project_id")
    world.ledger.close()
    world.campaign.ledger_path.unlink()
    ledger = Ledger(world.campaign.ledger_path)
    add_samples(world.campaign, ledger, SCORES)
    assert project_id is not None
    world.set_project(int(project_id), description=f"ls-clip campaign {ledger.campaign_id}")
    return ledger
