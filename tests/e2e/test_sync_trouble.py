"""A ledger, a storage or a Label Studio that is not what it was: what a sync believes and mends."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sync_world import Review

from importers.config.campaign import CAMPAIGN_FILE
from importers.config.job import campaign_job
from importers.ledger import Ledger
from importers.ledger.notes import Note
from importers.training_storage.sync import sync
from ls_backend.errors import LabelStudioError, LabelStudioUnreachable
from ls_backend.label_studio import Credentials, LabelStudio


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
    if wrong == "no project":
        review.ledger.set_note(Note.PROJECT, "999999")
    elif wrong == "another project":
        review.ls.request("PATCH", f"/api/projects/{review.project}", json={"description": "mine"})
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
