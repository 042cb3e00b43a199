"""The page that the demo ends with."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path

from rich.console import Console

from importers.demo.services import Login
from importers.demo.summary import DemoReport, Places, first_quarter, show_open, show_summary

REPORT = DemoReport(
    samples=120,
    pushed=120,
    audit=12,
    wrong=16,
    wrong_found_first_quarter=15,
    order_as_promised=True,
    predictions_live=24,
    approved=104,
    relabelled=3,
    rejected=13,
    synced=107,
    cost_usd=Decimal("0.25"),
    storage="/data/training",
    release="000001-1a2b3c4d",
    project_url="http://127.0.0.1:20000/projects/1/data",
)
PLACES = Places(
    Path("demo/run-1/reviewed"),
    Path("demo/run-1/yours"),
    Path("demo/run-1/logs"),
    Path("demo/environment.sh"),
)


def console() -> Console:
    return Console(file=io.StringIO(), width=200)


def text(shown: Console) -> str:
    assert isinstance(shown.file, io.StringIO)
    return shown.file.getvalue()


def test_json_has_the_numbers_and_money_as_a_number() -> None:
    report = json.loads(REPORT.as_json())
    assert report["cost_usd"] == 0.25
    assert (report["wrong"], report["wrong_found_first_quarter"]) == (16, 15)


def test_the_page_says_what_the_queue_was_good_for() -> None:
    shown = console()
    show_summary(shown, REPORT, PLACES, seconds=125.0)
    page = text(shown)
    for part in (
        "2 min 5 s",
        "120 images from prompts, for $0.25",
        "in exactly that order",
        "104 approved, 3 relabelled, 13 rejected",
        "16 of 120 images do not show their label",
        "a quarter of them (30 images)",
        "about 4",
        "/data/training",
        "demo/run-1/reviewed/campaign.toml",
        "demo/run-1/logs",
    ):
        assert part in page


def test_an_open_label_studio_is_shown_with_its_login() -> None:
    shown = console()
    login = Login("demo@example.org", "pa[ss]word", "legacy-token")
    projects = {"reviewed": "http://r", "live": "http://l", "yours": "http://y"}
    show_open(shown, "http://127.0.0.1:20000", login, projects, PLACES)
    page = text(shown)
    for part in ("demo@example.org", "pa[ss]word", "http://r", "http://l", "http://y", "Ctrl-C"):
        assert part in page
    assert "legacy-token" not in page


def test_a_quarter_is_rounded_up() -> None:
    assert [first_quarter(tasks) for tasks in (0, 1, 4, 5, 120)] == [0, 1, 1, 2, 30]


def test_the_page_fits_a_terminal() -> None:
    shown = console()
    show_summary(shown, REPORT, PLACES, seconds=125.0)
    show_open(
        shown,
        "http://127.0.0.1:20000",
        Login("a@b.example", "secret", "0" * 40),
        {name: f"http://127.0.0.1:20000/projects/{name}" for name in "123"},
        PLACES,
    )
    long = [line for line in text(shown).splitlines() if len(line) > 80]
    assert [line for line in long if "ls-clip" not in line] == []
