"""Campaigns with training storage of their own, on disk or in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import fsspec
import pytest
from training_world import MakeWorld, World, make_campaign, push_sample

from importers.ledger import Ledger


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes campaigns whose samples are all pushed; nobody has decided anything yet."""
    with ExitStack() as ledgers:

        def make(url: str = "training", samples: int = 6, name: str = "pets") -> World:
            campaign = make_campaign(tmp_path / name, url, samples)
            ledger = ledgers.enter_context(Ledger(campaign.ledger_path))
            for number in range(samples):
                push_sample(campaign, ledger, number)
            return World(campaign, ledger, ledger.samples())

        yield make


@pytest.fixture
def memory_url() -> Iterator[str]:
    """A training storage in memory, emptied afterwards."""
    yield "memory://bucket/training"
    fsspec.filesystem("memory").rm("/", recursive=True)
