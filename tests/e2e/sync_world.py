"""A pushed campaign in a real Label Studio, the people who review it, and its training storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import people
from review_world import VERSION, add_samples, make_campaign
from storage_reader import labels

from importers.config.campaign import CAMPAIGN_FILE, Campaign
from importers.config.job import Job, campaign_job
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.training_storage.report import SyncReport
from importers.training_storage.sync import sync
from ls_backend.label_studio import LabelStudio

SAMPLES = 12


@dataclass
class Review:
    """Twelve samples in Label Studio (cat, dog, fish, cat, …), named by their number from 0."""

    ls: LabelStudio
    campaign: Campaign
    ledger: Ledger
    tasks: list[int]

    def answer(self, number: int, *labels: str, **changes: Any) -> int:
        """Annotate a sample with these labels; returns the annotation."""
        return people.answer(self.ls, self.tasks[number], *labels, **changes)

    def change(self, annotation: int, *labels: str, **changes: Any) -> None:
        result = {"result": [people.region(*labels)]} if labels else {}
        self.ls.request("PATCH", f"/api/annotations/{annotation}", json={**result, **changes})

    def take_back(self, annotation: int) -> None:
        self.ls.request("DELETE", f"/api/annotations/{annotation}")

    def delete_task(self, number: int) -> None:
        self.ls.request("DELETE", f"/api/tasks/{self.tasks[number]}")

    def tick_on_contact_sheet(self, *numbers: int) -> None:
        tasks = [self.tasks[number] for number in numbers]
        people.tick_on_contact_sheet(self.ls, self.project, tasks, VERSION)

    @property
    def project(self) -> int:
        return int(self.ledger.note(Note.PROJECT) or 0)

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
        return [sample.verdict for sample in self.ledger.samples()]


@contextmanager
def pushed(ls: LabelStudio, folder: Path) -> Iterator[Review]:
    """A campaign that nobody has looked at yet."""
    campaign = make_campaign(folder, SAMPLES, audit=0.0)
    (folder / CAMPAIGN_FILE).write_text('name = "pets"\n')
    with Ledger(campaign.ledger_path) as ledger:
        add_samples(campaign, ledger, [number / 20 for number in range(SAMPLES)])
        push(ls, campaign, ledger, VERSION)
        tasks = [sample.task_id or 0 for sample in ledger.samples()]
        yield Review(ls, campaign, ledger, tasks)
