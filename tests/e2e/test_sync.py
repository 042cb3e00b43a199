"""What people do in a real Label Studio, and what stands in training storage after each sync."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from importers.campaign import NONE_OF_THESE, Campaign
from importers.image_store import ImageStore
from importers.label_studio.project import PROJECT_NOTE
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.sample import PlannedSample, Prompt, Score, sample_key
from importers.training_storage.review import BATCH
from importers.training_storage.sync import SyncReport, sync
from importers.training_storage.verdicts import NO_LABEL, SEVERAL_LABELS, TASK_GONE
from ls_backend.errors import LabelStudioError, LabelStudioUnreachable
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

    def sync(self) -> SyncReport:
        return sync(self.ls, self.campaign, self.ledger)

    def metadata(self) -> list[dict[str, Any]]:
        text = (Path(self.campaign.storage_url) / "metadata.jsonl").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines()]

    def stored(self) -> dict[int, str]:
        """Number → label of what stands in the storage, after checking each file."""
        folder = Path(self.campaign.storage_url)
        records = self.metadata()
        for record in records:
            image = folder / record["file_name"]
            assert image.parent.name == record["label"]
            assert hashlib.sha256(image.read_bytes()).hexdigest() == record["sha256"]
        assert len(list(folder.rglob("*.png"))) == len(records)
        keys = [sample.key for sample in self.ledger.samples()]
        return {keys.index(record["sample"]): record["label"] for record in records}

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
    review.answer(5, "horse")
    review.answer(6, "cat", "dog")
    review.tick_on_contact_sheet(7, 8)
    review.answer(9, "dog")
    review.answer(9, "cat")
    review.delete_task(10)

    report = review.sync()

    assert report == SyncReport(
        approved=4,
        relabelled=1,
        rejected=1,
        skipped=1,
        undecided=4,
        waiting=1,
        added=5,
        moved=0,
        removed=0,
        unchanged=0,
        storage=review.campaign.storage_url,
        undecided_reasons={
            NO_LABEL: 1,
            "the label 'horse' is not in the campaign": 1,
            SEVERAL_LABELS: 1,
            TASK_GONE: 1,
        },
    )
    assert review.stored() == {0: "cat", 1: "fish", 7: "dog", 8: "fish", 9: "cat"}
    kinds = ["approved", "relabelled", "rejected", "skipped", None, None, None]
    assert review.verdicts() == [*kinds, "approved", "approved", "approved", None, None]


def test_a_second_sync_changes_nothing(review: Review) -> None:
    review.answer(0, "cat")
    review.tick_on_contact_sheet(1, 2)
    review.sync()
    folder = Path(review.campaign.storage_url)
    before = {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}
    report = review.sync()
    assert (report.added, report.moved, report.removed, report.unchanged) == (0, 0, 0, 3)
    assert {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]} == before


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
    assert (report.approved, report.relabelled, report.rejected) == (2, 1, 1)
    assert (report.skipped, report.undecided, report.waiting) == (1, 3, 4)

    review.answer(0, "cat")
    review.change(answers[3], was_cancelled=False)
    review.sync()
    assert review.stored() == {0: "cat", 2: "dog", 3: "cat", 7: "dog", 8: "fish"}


def test_records_say_who_decided_and_when(review: Review) -> None:
    annotation = review.answer(0, "cat")
    review.tick_on_contact_sheet(1)
    review.sync()
    first, second = review.metadata()
    who = review.ls.json("GET", "/api/current-user/whoami")["id"]
    assert (first["annotation_id"], first["reviewer"]) == (annotation, who)
    assert first["decided_at"].endswith("+00:00")
    assert (second["label"], second["reviewer"], second["verdict"]) == ("dog", who, "approved")


def test_progress_counts_samples_read_and_images_written(review: Review) -> None:
    review.tick_on_contact_sheet(0, 1)
    seen: list[tuple[int, int]] = []
    sync(review.ls, review.campaign, review.ledger, lambda done, total: seen.append((done, total)))
    assert seen == [(0, 12), (12, 12), (12, 14), (13, 14), (14, 14)]


def test_more_tasks_than_one_request_asks_for(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert BATCH > 12
    monkeypatch.setattr("importers.training_storage.review.BATCH", 5)
    review.tick_on_contact_sheet(*range(12))
    assert review.sync().approved == 12


def test_before_anything_is_pushed(label_studio: LabelStudioServer, review: Review) -> None:
    campaign = review.campaign.model_copy(update={"folder": review.campaign.folder / "new"})
    with Ledger(campaign.ledger_path) as ledger:
        report = sync(label_studio.client(), campaign, ledger)
    assert (report.approved, report.waiting, report.added) == (0, 0, 0)


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
        sync(nobody, review.campaign, review.ledger)
    assert review.stored() == {0: "cat"}
