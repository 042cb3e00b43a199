"""A provider with a Batch API that does not let tests wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from batch_provider import BatchProvider, batch_provider
from batch_runs import StartProvider

from importers.generation import batch
from importers.openai_api import retries
from importers.sketch.account import USUAL_BATCHES, BatchLimits


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "SHORTEST_PAUSE_S", 0.01)
    monkeypatch.setattr(batch, "ARRIVAL_S", 0.0)
    monkeypatch.setattr(retries, "LONGEST_BACKOFF_S", 0.0)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[StartProvider]:
    with ExitStack() as stack:

        def begin(limits: BatchLimits = USUAL_BATCHES) -> BatchProvider:
            return stack.enter_context(batch_provider(tmp_path, limits))

        yield begin


@pytest.fixture
def provider(start: StartProvider) -> BatchProvider:
    return start()
