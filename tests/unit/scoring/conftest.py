from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from selection_world import World, campaign_with

from importers.ledger import Ledger

MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes a campaign with an empty ledger; keywords are keys of [selection]."""
    with ExitStack() as ledgers:

        def make(**selection: Any) -> World:
            campaign = campaign_with(tmp_path, **selection)
            return World(campaign, ledgers.enter_context(Ledger(campaign.ledger_path)))

        yield make
