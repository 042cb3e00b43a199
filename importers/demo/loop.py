"""The loop once through, on running services: draw, score, push, label live, verify, sync."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from importers import pipeline
from importers.config.campaign import CAMPAIGN_FILE
from importers.demo import live
from importers.demo.campaigns import LABELS, write_campaign
from importers.demo.reviewer import AnsweredTask, queue_order, review
from importers.demo.service import Service
from importers.demo.services import BackendServer, LabelStudioServer, SketchServer
from importers.demo.steps import Steps
from importers.demo.summary import DemoReport, first_quarter
from importers.ledger import Ledger

if TYPE_CHECKING:
    from importers.config.campaign import Campaign
    from importers.label_studio.push import PushReport
    from importers.training_storage.report import SyncReport
    from ls_backend.label_studio import LabelStudio

REVIEWED, LIVE, YOURS = "reviewed", "live", "yours"
UNLABELLED_IMAGES = 24
MOST_OF_YOURS = 60


@dataclass(frozen=True)
class Services:
    """The three services."""

    label_studio: LabelStudioServer
    sketch: SketchServer
    backend: BackendServer

    def all(self) -> tuple[Service, ...]:
        """The quickest to start first."""
        return (self.sketch, self.backend, self.label_studio)

    def check(self) -> None:
        """Raise ServiceError for one that has ended by itself."""
        for service in self.all():
            service.check()

    def stop(self) -> None:
        """End all of them at the same time."""
        for service in self.all():
            service.ask_to_end()
        for service in self.all():
            service.stop()


class Loop:
    """One run of the demo on running services.

    Args:
        folder: Folder of this run, for its campaigns and pictures.

    Attributes:
        projects: Address of each project made so far, by what it is for.
    """

    def __init__(self, services: Services, steps: Steps, folder: Path) -> None:
        self.projects: dict[str, str] = {}
        self._services = services
        self._steps = steps
        self._folder = folder

    @cached_property
    def _ls(self) -> LabelStudio:
        return self._services.label_studio.client()

    def run(self, images: int) -> DemoReport:
        """Take a campaign of so many images through the loop, and pictures without label beside it.

        Raises:
            LsClipError: a step failed; `steps.current` says which.
        """
        campaign = self._campaign(REVIEWED, images, seed=1)
        with Ledger(campaign.ledger_path) as ledger:
            project_id, pushed = self._draw_score_push(campaign, ledger)
            answered = self._label_live(self._campaign(LIVE, UNLABELLED_IMAGES, seed=2))
            queue = queue_order(self._ls, project_id)
            answers = self._review(project_id)
            wrong = wrong_tasks(answers)
            synced = self._sync(campaign, ledger)
            cost = ledger.requests.spending().cost_usd
        return DemoReport(
            samples=images,
            pushed=pushed.pushed,
            audit=pushed.audit,
            wrong=len(wrong),
            wrong_found_first_quarter=len(wrong & set(queue[: first_quarter(len(queue))])),
            order_as_promised=lowest_first(answers),
            predictions_live=answered,
            approved=synced.approved,
            relabelled=synced.relabelled,
            rejected=synced.rejected + synced.unusable + synced.none_of_these,
            synced=synced.added,
            cost_usd=cost,
            storage=campaign.storage_url,
            release=synced.release or "",
            project_url=self.projects[REVIEWED],
        )

    def push_yours(self, images: int) -> None:
        """Push one more campaign, which is left for the person at the terminal to review."""
        campaign = self._campaign(YOURS, min(images, MOST_OF_YOURS), seed=3)
        with Ledger(campaign.ledger_path) as ledger:
            self._draw_score_push(campaign, ledger)

    def _campaign(self, name: str, samples: int, seed: int) -> Campaign:
        return write_campaign(
            self._folder / name,
            project=f"Sketch demo {self._folder.name.removeprefix('run-')}: {name}",
            samples=samples,
            seed=seed,
            base_url=self._services.sketch.base_url,
            label_studio=self._ls.url,
        )

    def _draw_score_push(self, campaign: Campaign, ledger: Ledger) -> tuple[int, PushReport]:
        """Returns Label Studio's number of the project, and what the push did."""
        from importers.label_studio.connect import connect

        with self._steps.step(f"Drawing {campaign.samples} images") as progress:
            pipeline.generate(campaign, ledger, progress)
        with self._steps.step("Scoring them with CLIP") as progress:
            version = pipeline.score(campaign, ledger, progress).model_version
            pipeline.select(campaign, ledger)
        with self._steps.step("Pushing them to Label Studio, the doubtful ones first") as progress:
            report = pipeline.push(campaign, ledger, self._ls, progress)
            assert report.project_id is not None
            assert report.project_url is not None
            connect(self._ls, report.project_id, self._services.backend.url, version)
        self.projects[campaign.name] = report.project_url
        return report.project_id, report

    def _label_live(self, campaign: Campaign) -> int:
        from importers.label_studio.backend import backend_version
        from importers.label_studio.connect import connect
        from importers.label_studio.project import project_url

        title = f"Labelling {campaign.samples} pictures without a label live, by the ML backend"
        with self._steps.step(title) as progress:
            files = live.draw_unlabelled(campaign, campaign.folder / "pictures", progress)
            project_id = live.create_project(self._ls, campaign, files)
            self.projects[campaign.name] = project_url(self._ls, project_id)
            backend, config = self._services.backend.url, live.classify_config(campaign)
            version = backend_version(backend, config, project_id)
            connect(self._ls, project_id, backend, version)
            return live.retrieve_predictions(self._ls, project_id, version)

    def _review(self, project_id: int) -> list[AnsweredTask]:
        with self._steps.step("Reviewing: the audit sample, then the queue as served") as progress:
            return review(self._ls, project_id, LABELS, progress)

    def _sync(self, campaign: Campaign, ledger: Ledger) -> SyncReport:
        from importers.config.job import campaign_job
        from importers.training_storage.sync import sync

        job = campaign_job(campaign, campaign.folder / CAMPAIGN_FILE)
        with self._steps.step("Bringing what was approved into the training folder") as progress:
            return sync(self._ls, job, ledger, watch=lambda _: progress)


def wrong_tasks(answers: Sequence[AnsweredTask]) -> set[int]:
    """Tasks whose picture does not show its label."""
    return {answer.task_id for answer in answers if not answer.label_holds}


def lowest_first(answers: Sequence[AnsweredTask]) -> bool:
    """Whether the queue served its tasks in ascending score order."""
    scores = [answer.score for answer in answers if not answer.audit]
    return scores == sorted(scores)
