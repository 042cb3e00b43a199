"""Training storage follows what two people say under a policy, in a real Label Studio."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plain_projects import CONFIG, drawings, new_project, task_ids
from review_world import LABELS, VERSION, add_samples, make_campaign
from storage_reader import read_records, release_name
from two_annotators import annotators, chosen

from importers.config.job import Job, campaign_job, load_job
from importers.demo.services import LabelStudioServer
from importers.label_studio.push import push
from importers.ledger import Ledger
from importers.training_storage.releases.verify import verify
from importers.training_storage.report import SyncReport
from importers.training_storage.sync import sync

VERDICT = '<Choices name="verdict" toName="image"><Choice value="accept"/><Choice value="reject"/>'
PROJECT = """\
name = "plain"
project = {project}

[review.approval]
policy = "verdict"
verdict_control = "verdict"
"""


class Followed:
    """A job whose storage is looked at after each sync."""

    def __init__(self, server: LabelStudioServer, job: Job, ledger: Ledger) -> None:
        self._server, self._job, self._ledger = server, job, ledger

    def sync(self) -> SyncReport:
        return sync(self._server.client(), self._job, self._ledger)

    def stored(self) -> dict[int, tuple[str, str]]:
        """Task → verdict and label of what stands there after a sync; it verifies."""
        self.sync()
        assert verify(self._job.storage_url).is_whole
        return {
            record["task_id"]: (record["verdict"], record["label"])
            for record in read_records(self._job.storage_url)
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "followed"
    path.mkdir()
    return path


def test_two_people_must_agree(label_studio: LabelStudioServer, folder: Path) -> None:
    campaign = make_campaign(folder, 3, audit=0.0, approval={"policy": "agreement"})
    (folder / "campaign.toml").write_text('name = "agreed"\n')
    first, second = annotators(label_studio)
    with Ledger(campaign.ledger_path) as ledger:
        add_samples(campaign, ledger, [0.2, 0.4, 0.6])
        push(label_studio.client(), campaign, ledger, VERSION)
        later, apart, back = [sample.task_id or 0 for sample in ledger.samples()]
        cat, dog, fish = LABELS  # what the three claim
        job = campaign_job(campaign, folder / "campaign.toml")
        world = Followed(label_studio, job, ledger)

        first.answer(later, cat)
        first.answer(apart, dog)
        first.answer(back, fish)
        assert world.stored() == {}, "one answer is no agreement"
        second.answer(apart, cat)
        second.answer(back, fish)
        shown = {back: ("approved", fish)}
        assert world.stored() == shown
        second.answer(later, cat)
        second.change(apart, dog)
        shown |= {later: ("approved", cat), apart: ("approved", dog)}
        assert world.stored() == shown, "the second agrees later"
        [record] = [r for r in read_records(job.storage_url) if r["task_id"] == later]
        assert (record["annotators"], record["agreement"]) == (2, 1.0)
        assert len(json.loads(record["reviewers"])) == 2

        second.change(apart, fish)
        second.take_back(back)
        assert world.stored() == {later: ("approved", cat)}, "disagrees later, and takes back"
        first.change(apart, fish)
        second.skip(back, fish)
        shown = {later: ("approved", cat), apart: ("relabelled", fish)}
        assert world.stored() == shown, "both came to another label; a skip is no vote"
        report = world.sync()
        assert not report.is_new
        assert report.undecided_reasons == {"fewer than 2 people have answered": 1}


def test_a_verdict_approves(label_studio: LabelStudioServer, folder: Path) -> None:
    config = CONFIG.replace("</View>", f"{VERDICT}</Choices></View>")
    ls = label_studio.client()
    project = new_project(ls, drawings(3), label_config=config)
    (folder / "project.toml").write_text(PROJECT.format(project=project))
    first, second = annotators(label_studio)
    job = load_job(folder)
    with Ledger(job.ledger_path) as ledger:
        world = Followed(label_studio, job, ledger)
        good, doubtful, bare = task_ids(ls, project)

        first.answer(good, result=chosen("label", "cat") + chosen("verdict", "accept"))
        first.answer(doubtful, result=chosen("label", "dog") + chosen("verdict", "accept"))
        first.answer(bare, "cat")
        shown = {good: ("approved", "cat"), doubtful: ("approved", "dog")}
        assert world.stored() == shown, "a label alone approves nothing"
        second.answer(doubtful, result=chosen("label", "dog") + chosen("verdict", "reject"))
        second.answer(bare, result=chosen("label", "dog") + chosen("verdict", "accept"))
        assert world.stored() == {good: ("approved", "cat"), bare: ("approved", "dog")}
        second.take_back(doubtful)
        second.take_back(bare)
        assert world.stored() == shown, "what the second took back leaves what the first said"
        second.answer(good, "dog")
        assert world.stored() == {doubtful: ("approved", "dog")}, "an answer without a verdict"
        assert world.sync().undecided_reasons == {"no verdict was given": 2}
        assert release_name(job.storage_url) == world.sync().release
