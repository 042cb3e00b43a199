"""What tests against a real Label Studio begin with: campaigns, projects, a backend that says
what a test wants.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from plain_projects import new_project
from review_world import SCORES, VERSION, MakeWorld, World, add_samples, make_campaign
from stub_backend import StubBackend, stub_backend
from sync_world import Review, pushed

from importers.demo.services import LabelStudioServer
from importers.ledger import Ledger
from ls_backend.label_studio import LabelStudio


@pytest.fixture
def make_world(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes campaigns with scored samples; nothing is pushed yet."""
    names = (f"{tmp_path.name} {number}"[-50:] for number in itertools.count())
    with ExitStack() as ledgers:

        def make(scores: tuple[float, ...] = SCORES, **review: object) -> World:
            campaign = make_campaign(tmp_path / next(names), len(scores), **review)
            ledger = ledgers.enter_context(Ledger(campaign.ledger_path))
            add_samples(campaign, ledger, scores)
            return World(label_studio.client(), campaign, ledger)

        yield make


@pytest.fixture
def ls(label_studio: LabelStudioServer) -> LabelStudio:
    return label_studio.client()


@pytest.fixture
def stub() -> Iterator[StubBackend]:
    with stub_backend(VERSION) as backend:
        yield backend


@pytest.fixture
def empty_project(ls: LabelStudio) -> int:
    return new_project(ls, [])


@pytest.fixture
def review(ls: LabelStudio, tmp_path: Path) -> Iterator[Review]:
    """A pushed campaign that nobody has looked at yet."""
    with pushed(ls, tmp_path / "pets") as review:
        yield review
