"""What `ls-clip sync` prints, as a terminal of 80 columns shows it."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from importers.commands.output import show
from importers.commands.sync import sync_lines
from importers.training_storage.report import Change
from importers.training_storage.sync import SyncReport

NOTHING = {field.name: 0 for field in fields(SyncReport) if field.type == "int"}


def shown(capsys: pytest.CaptureFixture[str], **report: Any) -> list[str]:
    told = {**NOTHING, "release": None, "is_new": False, "storage": "s3://bucket/[pets]"}
    show(sync_lines(SyncReport(**{**told, **report})))
    return capsys.readouterr().out.splitlines()


def test_a_sync_says_what_people_decided_and_what_that_did(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(
        capsys,
        approved=2100,
        undecided=3,
        waiting=1,
        undecided_reasons={"the label '[b]' is not in the labeling config": 3},
        added=2,
        unchanged=2096,
        release="000002-1a2b3c4d",
        is_new=True,
    )
    assert lines == [
        "verdicts   2,100 approved, 3 undecided, 1 waiting",
        "           3 undecided: the label '[b]' is not in the labeling config",
        "storage    2 added, 2,096 unchanged",
        "release    000002-1a2b3c4d, new",
        "           s3://bucket/[pets]",
    ]


def test_a_dry_run_names_each_sample_and_what_becomes_of_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = shown(
        capsys,
        approved=3,
        added=1,
        moved=2,
        changed=1,
        removed=1,
        release="000002-1a2b3c4d",
        dry_run=True,
        changes=[
            Change("added", "0a" * 16, "cat [x]", 1),
            Change("moved", "1b" * 16, "dog", 2, "cat", "dog"),
            Change("moved", "2c" * 16, "dog", 3, "test", "train"),
            Change("changed", "3d" * 16, "fish", 4, fields=("reviewers", "cost_usd")),
            Change("removed", "4e" * 16, "cat", 5, reason="none of these"),
        ],
    )
    assert lines[1:] == [
        "  + cat [x]  0a0a0a0a, task 1",
        "  > cat → dog  1b1b1b1b, task 2",
        "  > dog, test → train  2c2c2c2c, task 3",
        "  ~ fish  3d3d3d3d, task 4: reviewers, cost_usd",
        "  - cat  4e4e4e4e, task 5: none of these",
        "would be   1 added, 2 moved, 1 changed, 1 removed",
        "release    000002-1a2b3c4d stands; nothing was changed",
        "           s3://bucket/[pets]",
    ]


def test_before_anything_is_approved(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(capsys) == [
        "verdicts   none yet",
        "storage    empty",
        "release    none yet",
        "           s3://bucket/[pets]",
    ]


def test_it_fits_a_terminal_and_of_many_changes_the_first_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    many = dict.fromkeys(NOTHING, 12_345)
    changes = [Change("added", f"{n:032x}", "cat", n) for n in range(60)]
    reason = "Its image is not in the folder of the campaign any more: " * 2
    lines = shown(capsys, **many, undecided_reasons={reason: 7}, changes=changes, dry_run=True)
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("  + cat") for line in lines) == 50
    assert "  … and 10 more changes; --json names all" in lines
