"""What a sync reads of a real Label Studio: what has changed, what is gone, and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from plain_projects import add_tasks, data_uri, new_project, task_ids, uploaded
from review_records import all_reviews
from review_world import MakeWorld, World, add_samples, picture
from served import answering

from importers.config.job import Job, campaign_job, load_job
from importers.config.new import new_project_file
from importers.config.storage_sections import ApprovalSettings
from importers.label_studio import queries
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.review import CONTACT_SHEET, ONE_BY_ONE, STORED
from importers.training_storage.originals import picture_bytes
from importers.training_storage.reading import TASK_GONE, Read, read_reviews
from importers.training_storage.records import describe
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio

OTHER = {
    **dict.fromkeys(("prompt", "label", "why", "clip_label", "technique", "sample"), ""),
    "image": "https://example.org/x.png",
    "clip_score": 0,
}
"""A task that somebody adds to a campaign's project."""
READING = "importers.training_storage.reading"


@pytest.fixture
def exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without overlap: what is read is what has changed."""
    monkeypatch.setattr(f"{READING}.OVERLAP_S", 0.0)


class Reading:
    """A project that people work on, and the ledger that follows it."""

    def __init__(self, ls: LabelStudio, job: Job, ledger: Ledger, tasks: list[int]) -> None:
        self.ls, self.job, self.ledger, self.tasks = ls, job, ledger, tasks

    def read(self, **options: Any) -> Read:
        return read_reviews(self.ls, self.job, self.ledger, **options)

    def counts(self, **options: Any) -> tuple[int, int, int, bool]:
        """Tasks read, changed and gone, and whether all were looked at."""
        read = self.read(**options)
        return read.tasks, read.changed, read.gone, read.swept

    def outcomes(self) -> list[str]:
        found = {task.task_id: task.review.outcome for task in all_reviews(self.ledger)}
        return [found.get(task, "never read") for task in self.tasks]

    def verdicts(self) -> list[str | None]:
        return [sample.verdict for sample in self.ledger.pushed()]

    def annotate(self, number: int, label: str, **more: Any) -> int:
        path = f"/api/tasks/{self.tasks[number]}/annotations"
        return int(self.ls.json("POST", path, json={"result": chosen(label), **more})["id"])

    def delete(self, number: int) -> None:
        self.ls.request("DELETE", f"/api/tasks/{self.tasks[number]}")


def chosen(label: str) -> list[dict[str, Any]]:
    region = {"from_name": "label", "to_name": "image", "type": "choices"}
    return [{**region, "value": {"choices": [label]}}]


def of_campaign(world: World) -> Reading:
    """The world, pushed; its samples are cat, dog, fish, cat, dog, fish."""
    world.push()
    job = campaign_job(world.campaign, world.campaign.folder / "campaign.toml")
    return Reading(world.ls, job, world.ledger, [s.task_id or 0 for s in world.ledger.pushed()])


@contextmanager
def of_project(ls: LabelStudio, project: int, folder: Path) -> Iterator[Reading]:
    job = load_job(new_project_file(folder, project))
    with Ledger(job.ledger_path) as ledger:
        yield Reading(ls, job, ledger, task_ids(ls, project))


@pytest.mark.usefixtures("exactly")
def test_what_has_changed_is_read_and_nothing_else(make_world: MakeWorld) -> None:
    reading = of_campaign(make_world((0.1, 0.2, 0.3, 0.4, 0.5, 0.6)))
    first, second = reading.annotate(0, "cat"), reading.annotate(1, "dog")
    assert reading.counts() == (6, 6, 0, True)
    assert reading.counts() == (0, 0, 0, False)
    assert reading.outcomes() == ["approved", "approved", *["waiting"] * 4]

    reading.ls.request("DELETE", f"/api/annotations/{first}")
    reading.ls.request("PATCH", f"/api/annotations/{second}", json={"result": chosen("fish")})
    reading.annotate(2, "fish", was_cancelled=True)
    reading.annotate(3, "cat")
    assert reading.counts() == (4, 4, 0, False)
    expected = ["waiting", "relabelled", "skipped", "approved", "waiting", "waiting"]
    assert reading.outcomes() == expected
    assert reading.verdicts() == [None, "relabelled", "skipped", "approved", None, None]
    assert reading.counts(full=True) == (6, 0, 0, True)

    # Another rule judges all of them anew.
    approval = ApprovalSettings(policy="ground_truth")
    reading.job = replace(reading.job, approval=approval)
    assert reading.counts() == (6, 2, 0, True)
    assert reading.outcomes()[3] == "undecided"
    assert reading.verdicts()[3] is None


def test_fields_that_are_not_asked_for_say_nothing_of_a_review(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = of_campaign(make_world((0.1, 0.2, 0.3, 0.4)))
    project = reading.read().project["id"]
    reading.annotate(0, "cat", lead_time=3.5, ground_truth=True)
    reading.annotate(1, "fish", was_cancelled=True)
    taken_back = reading.annotate(2, "fish")
    reading.ls.request("DELETE", f"/api/annotations/{taken_back}")
    ticked = {"all": False, "included": [reading.tasks[3]]}
    reading.ls.request(
        "POST",
        "/api/dm/actions",
        params={"id": "predictions_to_annotations", "project": project},
        json={"project": str(project), "selectedItems": ticked},
    )
    reading.read()
    first, *_, sheet = (task.review for task in all_reviews(reading.ledger))
    assert (first.lead_time_s, first.reviewed, sheet.reviewed) == (3.5, ONE_BY_ONE, CONTACT_SHEET)
    assert first.shown is not None
    assert first.shown.score == pytest.approx(0.1)

    monkeypatch.setattr(queries, "_AS_STORED", {"fields": "all"})
    tasks, changed, *_ = reading.counts(full=True)
    assert (tasks, changed) == (4, 0)


@pytest.mark.usefixtures("exactly")
def test_deleted_tasks_are_missed_by_their_number_or_by_a_sweep(make_world: MakeWorld) -> None:
    reading = of_campaign(make_world((0.1, 0.2, 0.3)))
    reading.annotate(0, "cat")
    reading.annotate(1, "dog")
    reading.delete(2)  # before it was ever read
    assert reading.counts() == (2, 3, 1, True)
    assert reading.outcomes() == ["approved", "approved", "undecided"]
    assert reading.counts() == (0, 0, 0, False)

    reading.delete(0)
    assert reading.counts() == (0, 1, 1, True)
    assert reading.verdicts() == [None, "approved", None]
    [gone] = reading.ledger.reviews.of([reading.ledger.pushed()[0].key])
    assert gone.review.reason == TASK_GONE
    assert gone.source.startswith("/data/upload/")

    project = int(reading.ledger.note(Note.PROJECT) or 0)
    reading.delete(1)
    reading.ls.request("POST", f"/api/projects/{project}/import", json=[{"data": OTHER}])
    assert reading.counts() == (1, 0, 0, False), "as many tasks as before"
    storage = reading.job.storage.model_copy(update={"sweep_minutes": 0})
    reading.job = replace(reading.job, storage=storage)
    assert reading.read().gone == 1
    assert reading.outcomes() == ["undecided"] * 3


@pytest.mark.usefixtures("exactly")
def test_the_number_of_a_deleted_task_is_given_to_another(make_world: MakeWorld) -> None:
    """As Label Studio on SQLite does with the last one."""
    world = make_world((0.1, 0.2))
    reading = of_campaign(world)
    reading.annotate(0, "cat")
    reading.annotate(1, "dog")
    reading.read()
    deleted = world.ledger.pushed()[1].key
    reading.delete(1)
    add_samples(world.campaign, world.ledger, [0.3])
    again = of_campaign(world)
    assert again.tasks[2] == again.tasks[1]
    again.annotate(2, "cat")
    assert again.read().gone == 1
    assert again.verdicts() == ["approved", None, "relabelled"]
    [gone] = again.ledger.reviews.of([deleted])
    assert (gone.review.reason, gone.task_id < 0) == (TASK_GONE, True)
    assert again.counts() == (0, 0, 0, False)

    again.delete(2)
    project = int(again.ledger.note(Note.PROJECT) or 0)
    again.ls.request("POST", f"/api/projects/{project}/import", json=[{"data": OTHER}])
    assert again.read().gone == 1, "somebody else's task has it now"
    assert again.verdicts() == ["approved", None, None]


@pytest.mark.usefixtures("exactly")
def test_a_read_that_is_killed_goes_on_and_loses_nothing(
    ls: LabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importers.label_studio.queries.PAGE", 2)
    project = new_project(ls, [data_uri(picture(seed)) for seed in range(7)])
    with of_project(ls, project, tmp_path / "p") as reading:

        def killed(done: int, _: int) -> None:
            if done == 4:
                raise KeyboardInterrupt

        for number in range(6):
            reading.annotate(number, "cat")
        with pytest.raises(KeyboardInterrupt):
            reading.read(progress=killed)
        assert reading.outcomes() == ["approved"] * 4 + ["never read"] * 3
        reading.annotate(0, "dog", was_cancelled=True)
        reading.annotate(1, "dog")
        reading.annotate(6, "dog")
        assert reading.counts() == (3 + 3, 3 + 1, 0, True)
        labels = [task.review.label for task in all_reviews(reading.ledger)]
        assert labels == ["cat", "dog", "cat", "cat", "cat", "cat", "dog"]

        for number in range(6):
            reading.annotate(number, "dog")
        with pytest.raises(KeyboardInterrupt):  # and so does one of what has changed
            reading.read(progress=killed)
        assert reading.counts()[0] == 6
        assert {task.review.label for task in all_reviews(reading.ledger)} == {"dog"}


def test_pictures_of_a_project_of_somebody_else(
    ls: LabelStudio, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIP_ALLOWED_HOSTS", "127.0.0.1")
    host = tmp_path / "host"
    host.mkdir()
    (host / "a cat.png").write_bytes(picture(77))
    (host / "broken.png").write_bytes(picture(78)[:-30])
    project = new_project(ls, [])
    add_tasks(ls, project, uploaded(ls, project, tmp_path, 2))
    with serving(host) as url:
        add_tasks(ls, project, [f"{url}/a%20cat.png", f"{url}/broken.png", f"{url}/none.png"])
        add_tasks(ls, project, [data_uri(picture(79)), data_uri(picture(79))])
        with of_project(ls, project, tmp_path / "p") as reading:
            for number in range(7):
                reading.annotate(number, "dog" if number == 1 else "cat")
            assert reading.counts() == (7, 7, 0, True)
            records, problems = described(reading)
            keys = [task.key for task in all_reviews(reading.ledger)]
            assert [keys.index(key) for key in records] == [0, 1, 2, 5]
            assert [keys.index(key) for key in sorted(problems, key=keys.index)] == [3, 4, 6]
            assert "404" in problems[keys[4]]
            assert f"task {reading.tasks[5]}" in problems[keys[6]]
    first, second, remote = (records[key] for key in keys[:3])
    assert (first.label, first.original_name, first.format) == ("cat", "0.png", "png")
    assert (second.label, second.width, second.height) == ("dog", 64, 64)
    assert (remote.original_name, remote.project, remote.campaign) == ("a cat.png", project, "p")
    assert picture_bytes(remote, reading.job) == picture(77)
    assert len(first.reviewers) == 1

    with Ledger(reading.job.ledger_path) as reading.ledger:
        known, _ = described(reading)  # its host is gone, and it was read before
        assert known[keys[2]] == remote
        storage = reading.job.storage.model_copy(update={"reviewers": "emails"})
        reading.job = replace(reading.job, storage=storage)
        assert "@" in str(described(reading)[0][keys[0]].reviewers[0])

        # The twins get different labels: both stay out, and come back when one is withdrawn.
        reading.ledger.reviews.released("r", [], [], reading.tasks, {})
        last = reading.annotate(6, "dog")
        reading.read()
        unreleased = {task.key for task in reading.ledger.reviews.unreleased()}
        assert unreleased == {keys[5], keys[6]}
        records, problems = described(reading)
        assert records == {}
        assert f"task {reading.tasks[5]}: cat" in problems[keys[6]]
        reading.ledger.reviews.released("r", [], [], reading.tasks, {})
        ls.request("PATCH", f"/api/annotations/{last}", json={"was_cancelled": True})
        reading.delete(6)
        reading.read()
        assert list(described(reading)[0]) == [keys[5]]


def test_another_project_is_not_a_withdrawal(ls: LabelStudio, tmp_path: Path) -> None:
    project = new_project(ls, [data_uri(picture(1))])
    with of_project(ls, project, tmp_path / "p") as reading:
        reading.annotate(0, "cat")
        reading.read()
        reading.ledger.set_note(Note.PROJECT_MADE, f"{project} 2020-01-01T00:00:00Z")
        with pytest.raises(LabelStudioError, match="is not the one") as raised:
            reading.read(full=True)
        assert raised.value.code == "label_studio_other_project"
        assert reading.outcomes() == ["approved"]


def described(reading: Reading) -> tuple[dict[str, Any], dict[str, str]]:
    """Records of what a release has not taken up yet, and what cannot be stored."""
    tasks = [t for t in reading.ledger.reviews.unreleased() if t.review.outcome in STORED]
    project = reading.job.project or 0
    return describe(tasks, reading.job, reading.ledger, reading.ls, project)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Not among the test's output."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    with answering(server):
        yield f"http://127.0.0.1:{server.server_port}"
