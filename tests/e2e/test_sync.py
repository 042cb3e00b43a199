"""What people do in a real Label Studio, and what stands in training storage after each sync."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from people import who
from review_world import LABELS
from storage_reader import every_byte, read_records
from sync_world import Review

from importers.config.campaign import NONE_OF_THESE, UNUSABLE
from importers.config.sections import DerivedTechnique
from importers.generation.candidates import approved
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.training_storage.classes import note_decision, read_classes
from importers.training_storage.reading import TASK_GONE
from importers.training_storage.sync import sync
from importers.training_storage.verdicts import NO_LABEL, SEVERAL_LABELS
from ls_backend.errors import StorageError


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
    me = who(review.ls)
    told = {(stone["label"], stone["reason"]): stone for stone in stones}
    assert told.keys() == {("cat", "none of these"), ("dog", TASK_GONE)}
    assert told["cat", "none of these"]["by"] == me
    for stone in stones:
        assert stone["reviewers"] == [me]
        assert stone["at"].endswith("+00:00")


def test_a_renamed_class_stops_the_sync_until_somebody_says_what_it_is(review: Review) -> None:
    review.answer(0, "cat")
    review.answer(1, "dog")
    review.sync()
    project = review.project
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

    assert (report.approved, report.moved, report.unchanged) == (2, 1, 1)
    assert review.stored() == {0: "kitten", 1: "dog"}
    review.answer(3, "kitten")  # planned, and shown, as a cat
    report = review.sync()
    assert (report.approved, report.relabelled) == (3, 0)
    assert review.verdicts()[:4] == ["approved", "approved", None, "approved"]
    source = DerivedTechnique(name="variation", source="approved", templates=["a {label}"])
    store = ImageStore(review.campaign.images_path)
    sources = approved(review.ledger, store, source)
    assert [candidate.label for candidate in sources] == ["kitten", "dog", "kitten"]
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
    me = who(review.ls)
    assert (first["annotation_id"], first["reviewers"]) == (annotation, f"[{me}]")
    assert first["decided_at"].endswith("+00:00")
    assert (second["label"], second["verdict"]) == ("dog", "approved")
    assert (first["reviewed"], second["reviewed"]) == ("one by one", "contact sheet")
