"""Records of a campaign's samples, from a real ledger and real pictures."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from importers.config.campaign import Campaign
from importers.config.job import Job, campaign_job
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.ledger.reviews import Picture
from importers.record import Record, record_from, record_json
from importers.review import Review, ReviewedTask, Shown
from importers.sample import PlannedSample, Prompt, sample_key
from importers.training_storage.originals import picture_bytes
from importers.training_storage.records import describe, doubles_among
from ls_backend.label_studio import Credentials, LabelStudio
from ls_backend.zero_shot import Score

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
NOBODY = LabelStudio(Credentials("http://127.0.0.1:1", "0" * 40))


class Pets:
    """A campaign whose ledger holds what a test draws."""

    def __init__(self, campaign: Campaign, ledger: Ledger) -> None:
        self.ledger = ledger
        self.job: Job = campaign_job(campaign, campaign.folder / "campaign.toml")
        self.drawn = 0

    def draw(self, *parents: str, model: str = "sketch-1", **parameters: Any) -> PlannedSample:
        """A scored cat, 8 x 6 pixels, made from images of these sha256."""
        self.drawn += 1
        technique = "variation" if parents else "vanilla"
        prompt = Prompt("a red cat", "cat", technique, {"color": "red"})
        key = sample_key(prompt, model, "64x64", parameters, self.drawn, parents)
        planned = PlannedSample(
            key, prompt, model, "64x64", parameters, self.drawn, parents=parents
        )
        self.ledger.plan([planned])
        file = io.BytesIO()
        Image.new("RGB", (8, 6), (self.drawn, 0, 0)).save(file, "PNG")
        digest = ImageStore(self.job.images_path).put(file.getvalue())
        request = self.ledger.requests.begin(key)
        self.ledger.requests.stored(
            request, digest, request_id="r1", cost_usd=Decimal("0.01"), usage=None
        )
        self.ledger.record_scores({key: Score("cat", 0.7, 0.2, "cat", 0.7, 0.3)}, "clip:1")
        return planned

    def image(self, planned: PlannedSample) -> str:
        [sample] = self.ledger.samples_of([planned.key])
        return sample.sha256 or ""

    def describe(self, *planned: PlannedSample) -> tuple[dict[str, Record], dict[str, str]]:
        tasks = [reviewed(number, p.key) for number, p in enumerate(planned, start=1)]
        return describe(tasks, self.job, self.ledger, NOBODY, 5)


def reviewed(number: int, key: str) -> ReviewedTask:
    review = Review(
        "approved",
        label="cat",
        annotation_id=100 + number,
        annotated_at=NOON,
        decided_at=NOON,
        reviewers=(7, 8),
        reviewed="contact sheet",
        annotators=2,
        agreement=1.0,
        shown=Shown("cat", 0.7, "clip:1"),
    )
    return ReviewedTask(number, key, "2026-05-04T12:00:00Z", "/data/upload/1/x.png", review)


@pytest.fixture
def pets(tmp_path: Path) -> Iterator[Pets]:
    values = {
        "name": "pets",
        "labels": ["cat", "dog"],
        "samples": 9,
        "prompts": {"templates": ["a {label}"]},
        "generator": {"model": "sketch-1"},
        "folder": tmp_path,
    }
    campaign = Campaign.model_validate(values)
    with Ledger(campaign.ledger_path) as ledger:
        yield Pets(campaign, ledger)


def test_a_record_says_all_that_is_known(pets: Pets) -> None:
    pets.ledger.set_note(Note.TERMS, "terms of 2026", of="sketch-1")
    planned = pets.draw()
    records, problems = pets.describe(planned)
    [record] = records.values()
    assert problems == {}
    assert (record.sample, record.sha256) == (planned.key, pets.image(planned))
    assert (record.width, record.height, record.format) == (8, 6, "png")
    assert len(picture_bytes(record, pets.job) or b"") == record.bytes
    assert (record.label, record.class_id, record.split, record.family) == ("cat", -1, "", "")
    assert (record.reviewed, record.reviewers, record.agreement) == ("contact sheet", (7, 8), 1.0)
    assert (record.annotation_id, record.decided_at) == (101, "2026-05-04T12:00:00+00:00")
    assert (record.shown_label, record.shown_score) == ("cat", 0.7)
    assert (record.prompt, record.factors, record.parameters) == (
        "a red cat",
        {"color": "red"},
        None,
    )
    assert (record.generator, record.cost_usd, record.request_id) == ("sketch-1", 0.01, "r1")
    assert (record.synthetic, record.terms) == (True, "terms of 2026")
    assert (record.label_probability, record.model_version) == (0.7, "clip:1")
    assert (record.task_id, record.project, record.campaign) == (1, 5, "pets")
    assert record.campaign_id == pets.ledger.campaign_id
    assert record_from(record_json(record)) == record


def test_ancestors_go_through_all_generations(pets: Pets) -> None:
    photo = "f" * 64
    first = pets.draw(photo)
    second = pets.draw(pets.image(first))
    third = pets.draw(pets.image(second), photo)
    records, _ = pets.describe(third)
    record = records[third.key]
    assert record.parents == (pets.image(second), photo)
    assert set(record.ancestors) == {photo, pets.image(first), pets.image(second)}


def test_a_picture_of_a_folder_keeps_its_name(pets: Pets) -> None:
    taken = pets.draw(model="folder", file="cats/my cat.png", sha256="0", synthetic=False)
    [record] = pets.describe(taken)[0].values()
    assert (record.original_name, record.synthetic) == ("my cat.png", False)


def test_an_original_that_is_gone_keeps_out_its_sample_alone(pets: Pets) -> None:
    known, lost = pets.draw(), pets.draw()
    before = pets.describe(known)[0][known.key]
    for planned in (known, lost):
        ImageStore(pets.job.images_path).path(pets.image(planned)).unlink()
    records, problems = pets.describe(known, lost)
    assert records == {known.key: before}, "what it was is known, and training storage has it"
    assert picture_bytes(before, pets.job) is None
    assert "restore that folder" in problems[lost.key]


def test_only_what_is_asked_about_is_read(pets: Pets, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [pets.draw() for _ in range(3)][1]
    monkeypatch.setattr(Ledger, "samples", None)  # the way to the whole ledger
    assert list(pets.describe(asked)[0]) == [asked.key]


def test_of_one_picture_the_first_task_counts_and_none_where_labels_differ() -> None:
    def task(number: int, label: str, sha256: str) -> tuple[ReviewedTask, Picture]:
        reviewed = ReviewedTask(number, f"key {number}", "", "", Review("approved", label=label))
        return reviewed, Picture(sha256, "png", 8, 6, 80)

    apart = [task(1, "cat", "a"), task(2, "cat", "b")]
    assert doubles_among(apart) == {}
    assert doubles_among([*apart, task(3, "cat", "a"), task(4, "cat", "a")]) == {
        "key 3": "It is the picture of task 1 once more.",
        "key 4": "It is the picture of task 1 once more.",
    }
    torn = doubles_among([*apart, task(3, "dog", "b")])
    why = "The same picture has different labels (task 2: cat, task 3: dog). Correct one of them."
    assert torn == {"key 2": why, "key 3": why}
