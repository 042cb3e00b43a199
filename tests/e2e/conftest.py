"""Scored campaigns for the tests of pushing."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from review_world import SCORES, MakeWorld, World, add_samples, make_campaign

from importers.demo.services import LabelStudioServer
from importers.ledger import Ledger


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
