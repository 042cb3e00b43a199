"""A Label Studio that is too old is named before anything is paid for or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from served import serving

from importers import pipeline
from importers.config.campaign import Campaign
from importers.label_studio.connect import connect_project
from importers.label_studio.doctor import examine
from importers.label_studio.version import LOWEST, check_version
from importers.ledger import Ledger
from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import Credentials, LabelStudio

NOBODY = "http://127.0.0.1:9"
OLD = {"release": "1.13.1"}
PROJECT = {"id": 1, "title": "p", "label_config": "<View/>", "model_version": ""}


@contextmanager
def telling(said: Any) -> Iterator[tuple[LabelStudio, list[str]]]:
    """A Label Studio that says this of its version, and what it was asked."""
    app, asked = Flask(__name__), list[str]()

    @app.before_request
    def note() -> None:
        asked.append(f"{request.method} {request.path}")

    app.add_url_rule("/api/version", "version", lambda: said)
    app.add_url_rule("/health", "health", lambda: {"status": "UP"})
    app.add_url_rule("/api/current-user/whoami", "whoami", lambda: {"email": "a@b"})
    app.add_url_rule("/api/projects/1", "project", lambda: PROJECT)
    with serving(app) as url, closing(LabelStudio(Credentials(url, "0" * 40))) as ls:
        yield ls, asked


def refuses(call: Callable[[], object]) -> None:
    with pytest.raises(LabelStudioError, match=r"1\.13\.1 .* too old") as error:
        call()
    assert error.value.code == "label_studio_too_old"
    assert LOWEST in error.value.message


def test_a_run_stops_before_anything_is_paid(tmp_path: Path) -> None:
    campaign = Campaign.model_validate(
        {
            "name": "pets",
            "labels": ["cat", "dog"],
            "samples": 2,
            "prompts": {"templates": ["a {label}"]},
            "generator": {"kind": "compatible", "model": "m", "base_url": NOBODY},
            "folder": tmp_path,
        }
    )
    with telling(OLD) as (ls, asked), Ledger(tmp_path / "ledger.sqlite") as ledger:
        refuses(lambda: pipeline.run(campaign, ledger, ls))
        assert ledger.samples() == []
    assert asked == ["GET /api/current-user/whoami", "GET /api/version"]


def test_connecting_stops_before_anything_is_changed() -> None:
    with telling(OLD) as (ls, asked):
        refuses(lambda: connect_project(ls, 1, NOBODY))
    assert {line.split()[0] for line in asked} == {"GET"}


def test_the_doctor_says_so_first(monkeypatch: pytest.MonkeyPatch) -> None:
    with telling(OLD) as (ls, _):
        monkeypatch.setenv("LABEL_STUDIO_URL", ls.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0" * 40)
        report = examine(url=NOBODY)
    assert report.exit_code == 11
    assert "1.13.1" in report.findings[0].message
    assert "Upgrade" in report.findings[0].fix


@pytest.mark.parametrize("release", [LOWEST, "1.23.2", "1.24.0.dev0+nightly", "2.19.1"])
def test_others_are_taken(release: str) -> None:
    with telling({"release": release}) as (ls, _):
        assert check_version(ls) == release


@pytest.mark.parametrize("said", [{}, {"release": None}, {"release": "develop"}, ("", 404), ["x"]])
def test_one_that_does_not_tell_is_taken(said: Any) -> None:
    with telling(said) as (ls, _):
        assert check_version(ls) == ""
