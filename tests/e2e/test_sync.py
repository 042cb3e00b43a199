"""What people do in a real Label Studio, and what stands in training storage after each sync."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image
from storage_reader import every_byte, labels, read_records

from importers.campaign import CAMPAIGN_FILE, NONE_OF_THESE, UNUSABLE, Campaign
from importers.image_store import ImageStore
from importers.label_studio.project import PROJECT_NOTE
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt, Score, sample_key
from importers.training_storage.classes import note_decision, read_classes
from importers.training_storage.job import Job, campaign_job
from importers.training_storage.reading import TASK_GONE
from importers.training_storage.sync import sync
from importers.training_storage.sync_report import SyncReport
from importers.training_storage.verdicts import NO_LABEL, SEVERAL_LABELS
from ls_backend.errors import LabelStudioError, LabelStudioUnreachable, StorageError
from ls_backend.label_studio import Credentials, LabelStudio

if TYPE_CHECKING:
    from importers.demo.services import LabelStudioServer

VERSION = "clip:test@1"
LABELS = ["cat", "dog", "fish"]


@dataclass
class Review:
    """A pushed campaign and the people who review it; samples are named by their number."""

    ls: LabelStudio
    campaign: Campaign
    ledger: Ledger
    tasks: list[int] = field(default_factory=list)

    def answer(self, number: int, *labels: str, **changes: Any) -> int:
        """Annotate a sample with these labels; returns the annotation."""
        answer = self.ls.json(
            "POST",
            f"/api/tasks/{self.tasks[number]}/annotations",
            json={"result": chosen(*labels), "lead_time": 1.5, **changes},
        )
        return int(answer["id"])

    def change(self, annotation: int, *labels: str, **changes: Any) -> None:
        result = {"result": chosen(*labels)} if labels else {}
        self.ls.request("PATCH", f"/api/annotations/{annotation}", json={**result, **changes})

    def take_back(self, annotation: int) -> None:
        self.ls.request("DELETE", f"/api/annotations/{annotation}")

    def delete_task(self, number: int) -> None:
        self.ls.request("DELETE", f"/api/tasks/{self.tasks[number]}")

    def tick_on_contact_sheet(self, *numbers: int) -> None:
        """Create annotations from the predictions of these samples, as the Data Manager does."""
        project = self.ledger.note(PROJECT_NOTE)
        included = [self.tasks[number] for number in numbers]
        self.ls.request(
            "POST",
            "/api/dm/actions",
            params={"id": "predictions_to_annotations", "project": project},
            json={
                "project": project,
                "selectedItems": {"all": False, "included": included},
                "model_version": VERSION,
            },
        )

    @property
    def job(self) -> Job:
        return campaign_job(self.campaign, self.campaign.folder / CAMPAIGN_FILE)

    def sync(self, **options: Any) -> SyncReport:
        return sync(self.ls, self.job, self.ledger, **options)

    def stored(self) -> dict[int, str]:
        """Number → label of what stands in the storage, after checking each picture."""
        keys = [sample.key for sample in self.ledger.samples()]
        return {keys.index(key): label for key, label in labels(self.campaign.storage_url).items()}

    def verdicts(self) -> list[str | None]:
        return [sample.verdict and sample.verdict.kind for sample in self.ledger.samples()]


def chosen(*labels: str) -> list[dict[str, Any]]:
    if not labels:
        return []
    value = {"choices": list(labels)}
    return [{"from_name": "label", "to_name": "image", "type": "choices", "value": value}]


@pytest.fixture
def review(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[Review]:
    """Twelve samples in Label Studio: cat, dog, fish, cat, …; nobody has looked at them yet."""
    campaign = Campaign.model_validate(
        {
            "name": "pets",
            "labels": LABELS,
            "samples": 12,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"model": "sketch-1"},
            "review": {"audit": 0.0},
            "folder": tmp_path / "pets",
        }
    )
    campaign.folder.mkdir()
    (campaign.folder / CAMPAIGN_FILE).write_text('name = "pets"\n')
    with Ledger(campaign.ledger_path) as ledger:
        for number in range(campaign.samples):
            add_sample(campaign, ledger, number)
        review = Review(label_studio.client(), campaign, ledger)
        push(review.ls, campaign, ledger, VERSION)
        review.tasks = [sample.task_id or 0 for sample in ledger.samples()]
        yield review
        review.ls.close()


def add_sample(campaign: Campaign, ledger: Ledger, number: int) -> None:
    label = LABELS[number % len(LABELS)]
    prompt = Prompt(f"a {label}", label, "vanilla", {})
    key = sample_key(prompt, "sketch-1", "64x64", {}, number)
    ledger.plan([PlannedSample(key, prompt, "sketch-1", "64x64", {}, number)])
    file = BytesIO()
    Image.new("RGB", (8, 8), (number, 0, 0)).save(file, "PNG")
    request = ledger.requests.begin(key)
    digest = ImageStore(campaign.images_path).put(file.getvalue())
    ledger.requests.stored(request, digest, request_id=None, cost_usd=Decimal(0), usage=None)
    ledger.record_scores({key: Score(VERSION, number / 20, 0.2, 0.1, "cat", 0.5)})


def test_every_kind_of_answer(review: Review) -> None:
    review.answer(0, "cat")
    review.answer(1, "fish")
    review.answer(2, NONE_OF_THESE)
    review.answer(3, "cat", was_cancelled=True)
    review.answer(4)
    review.answer(5, UNUSABLE)
    review.answer(6, "cat", "dog")
    review.tick_on_contact_sheet(7, 8)
    review.answer(9, "dog")
    review.answer(9, "cat")
    review.delete_task(10)

    report = review.sync()

    assert (report.approved, report.relabelled, report.rejected) == (4, 1, 0)
    assert (report.none_of_these, report.unusable, report.skipped) == (1, 1, 1)
    assert (report.undecided, report.waiting) == (3, 1)
    assert report.undecided_reasons == {NO_LABEL: 1, SEVERAL_LABELS: 1, TASK_GONE: 1}
    assert (report.added, report.moved, report.removed, report.unchanged) == (5, 0, 0, 0)
    assert review.stored() == {0: "cat", 1: "fish", 7: "dog", 8: "fish", 9: "cat"}
    kinds = ["approved", "relabelled", "none of these", "skipped", None, "unusable", None]
    assert review.verdicts() == [*kinds, "approved", "approved", "approved", None, None]


def test_a_dry_run_says_what_would_change_and_changes_nothing(review: Review) -> None:
    review.answer(0, "cat")
    review.answer(1, "fish")
    review.sync()
    review.answer(2, "fish")
    review.answer(0, "dog")
    review.delete_task(1)
    before = every_byte(review.campaign.storage_url)
    review.ledger.close()
    with Ledger(review.campaign.ledger_path, copy=True) as copy:
        report = sync(review.ls, review.job, copy, dry_run=True)
    review.ledger = Ledger(review.campaign.ledger_path)

    assert every_byte(review.campaign.storage_url) == before
    said = [(change.what, change.label, change.before, change.reason) for change in report.changes]
    assert sorted(said, key=str) == [
        ("added", "fish", None, None),
        ("moved", "dog", "cat", None),
        ("removed", "fish", None, TASK_GONE),
    ]
    assert review.sync().changes == report.changes


def test_tombstones_keep_who_and_when(review: Review) -> None:
    annotation = review.answer(0, "cat")
    review.answer(1, "dog")
    review.sync()
    review.change(annotation, NONE_OF_THESE)
    review.delete_task(1)
    release = review.sync().release
    path = Path(review.campaign.storage_url) / "releases" / str(release) / "removed.jsonl"
    stones = [json.loads(line) for line in path.read_text().splitlines()]
    who = review.ls.json("GET", "/api/current-user/whoami")["id"]
    told = {(stone["label"], stone["reason"]): stone for stone in stones}
    assert told.keys() == {("cat", "none of these"), ("dog", TASK_GONE)}
    assert told["cat", "none of these"]["by"] == who
    for stone in stones:
        assert stone["reviewers"] == [who]
        assert stone["at"].endswith("+00:00")


def test_a_ledger_from_a_backup_takes_over_what_stands_there(review: Review) -> None:
    """The storage is ahead of the ledger: nothing is lost, and no class or split changes."""
    review.tick_on_contact_sheet(0, 1, 2)
    backup = sqlite3.connect(review.campaign.folder / "backup.sqlite")
    with closing(sqlite3.connect(review.campaign.ledger_path)) as live:
        live.backup(backup)
    backup.close()
    first = review.sync()
    review.ledger.close()
    for leftover in review.campaign.folder.glob("ledger.sqlite*"):
        leftover.unlink()
    (review.campaign.folder / "backup.sqlite").rename(review.campaign.ledger_path)
    review.ledger = Ledger(review.campaign.ledger_path)

    again = review.sync()

    assert (again.release, again.is_new, again.unchanged) == (first.release, False, 3)
    review.answer(3, "cat")
    assert (review.sync().added, review.stored()[3]) == (1, "cat")


def test_an_emptied_storage_is_filled_again(review: Review) -> None:
    review.tick_on_contact_sheet(0, 1)
    review.sync()
    shutil.rmtree(review.campaign.storage_url)
    report = review.sync()
    assert (report.added, report.is_new) == (2, True)
    assert review.stored() == {0: "cat", 1: "dog"}


def test_a_lost_file_comes_back_with_full(review: Review) -> None:
    review.tick_on_contact_sheet(0, 1)
    review.sync()
    lost = next(Path(review.campaign.storage_url).glob("objects/*/*"))
    lost.unlink()
    assert not review.sync().is_new
    report = review.sync(full=True)
    assert lost.exists()
    assert report.unchanged == 2


def test_a_renamed_class_stops_the_sync_until_somebody_says_what_it_is(review: Review) -> None:
    review.answer(0, "cat")
    review.answer(1, "dog")
    review.sync()
    project = review.ledger.note(PROJECT_NOTE)
    config = review.ls.json("GET", f"/api/projects/{project}")["label_config"]
    # Label Studio refuses to take a choice away that annotations use; an alias renames it.
    renamed = config.replace('value="cat"', 'value="cat" alias="kitten"')
    review.ls.request("PATCH", f"/api/projects/{project}", json={"label_config": renamed})
    before = every_byte(review.campaign.storage_url)
    with pytest.raises(StorageError, match="cat") as stopped:
        review.sync()
    assert stopped.value.code == "class_gone"
    assert "ls-clip classes map" in stopped.value.hint
    assert every_byte(review.campaign.storage_url) == before

    note_decision(review.ledger, "cat", "kitten")
    report = review.sync()

    assert (report.moved, report.unchanged) == (1, 1)
    assert review.stored() == {0: "kitten", 1: "dog"}
    assert read_classes(review.ledger).names == ("kitten", "dog", "fish")


def test_what_people_take_back_leaves_the_storage(review: Review) -> None:
    """Each way of withdrawing an approval once; two answers stay, one comes, one moves."""
    answers = {number: review.answer(number, LABELS[number % 3]) for number in range(6)}
    review.tick_on_contact_sheet(6, 7)
    review.sync()
    assert set(review.stored()) == set(range(8))

    review.take_back(answers[0])
    review.change(answers[1], NONE_OF_THESE)
    review.change(answers[2], "dog")
    review.change(answers[3], was_cancelled=True)
    review.delete_task(4)
    review.change(answers[5], result=[])
    review.delete_task(6)
    review.tick_on_contact_sheet(8)
    report = review.sync()

    assert review.stored() == {2: "dog", 7: "dog", 8: "fish"}
    assert (report.added, report.moved, report.removed, report.unchanged) == (1, 1, 6, 1)
    assert (report.approved, report.relabelled, report.none_of_these) == (2, 1, 1)
    assert (report.skipped, report.undecided, report.waiting) == (1, 3, 4)

    review.answer(0, "cat")
    review.change(answers[3], was_cancelled=False)
    review.sync()
    assert review.stored() == {0: "cat", 2: "dog", 3: "cat", 7: "dog", 8: "fish"}


def test_records_say_who_decided_and_when(review: Review) -> None:
    annotation = review.answer(0, "cat")
    review.tick_on_contact_sheet(1)
    review.sync()
    first, second = sorted(
        read_records(review.campaign.storage_url), key=lambda record: str(record["label"])
    )
    who = review.ls.json("GET", "/api/current-user/whoami")["id"]
    assert (first["annotation_id"], first["reviewers"]) == (annotation, f"[{who}]")
    assert first["decided_at"].endswith("+00:00")
    assert (second["label"], second["verdict"]) == ("dog", "approved")
    assert (first["reviewed"], second["reviewed"]) == ("one by one", "contact sheet")


def test_before_anything_is_pushed(review: Review) -> None:
    campaign = review.campaign.model_copy(update={"folder": review.campaign.folder / "new"})
    job = campaign_job(campaign, review.campaign.folder / CAMPAIGN_FILE)
    with (
        Ledger(campaign.ledger_path) as ledger,
        pytest.raises(LabelStudioError, match="no project in Label Studio yet") as stopped,
    ):
        sync(review.ls, job, ledger)
    assert "ls-clip push" in stopped.value.hint


@pytest.mark.parametrize("wrong", ["no project", "another project", "another campaign's tasks"])
def test_another_label_studio_is_not_a_withdrawal(review: Review, wrong: str) -> None:
    """The same project number on another server must not empty the storage."""
    review.tick_on_contact_sheet(0, 1)
    review.sync()
    project = int(review.ledger.note(PROJECT_NOTE) or 0)
    if wrong == "no project":
        review.ledger.set_note(PROJECT_NOTE, "999999")
    elif wrong == "another project":
        review.ls.request("PATCH", f"/api/projects/{project}", json={"description": "mine"})
    else:
        data = {"image": "/data/upload/1/x.png", "sample": "f" * 32}
        review.ls.request("PATCH", f"/api/tasks/{review.tasks[3]}", json={"data": data})
    with pytest.raises(LabelStudioError, match=r"project 999999|not this campaign's|sample"):
        review.sync()
    assert review.stored() == {0: "cat", 1: "dog"}
    assert review.verdicts()[:2] == ["approved", "approved"]


def test_a_label_studio_that_is_down_changes_nothing(review: Review) -> None:
    review.tick_on_contact_sheet(0)
    review.sync()
    nobody = LabelStudio(Credentials("http://127.0.0.1:1", "0" * 40))
    with pytest.raises(LabelStudioUnreachable):
        sync(nobody, review.job, review.ledger)
    assert review.stored() == {0: "cat"}
