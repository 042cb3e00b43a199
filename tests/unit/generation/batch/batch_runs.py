"""Runs of a campaign with `batch = true`, and what must hold after them."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest
from batch_provider import BatchProvider

from importers.config.campaign import Campaign
from importers.generation.stage import GenerateReport, generate
from importers.image_store import ImageStore
from importers.ledger import Ledger
from ls_backend.errors import GeneratorError

StartProvider = Callable[..., BatchProvider]


def run(campaign: Campaign, *, wait: bool = True) -> GenerateReport:
    with Ledger(campaign.ledger_path) as ledger:
        return generate(campaign, ledger, wait=wait)


def run_and_fail(campaign: Campaign) -> GeneratorError:
    with pytest.raises(GeneratorError) as caught:
        run(campaign)
    assert caught.value.hint
    return caught.value


def outcomes(campaign: Campaign) -> list[str]:
    with closing(sqlite3.connect(campaign.ledger_path)) as db:
        return [row[0] for row in db.execute("SELECT outcome FROM requests ORDER BY outcome")]


def check_each_is_drawn_and_stored_once(campaign: Campaign, provider: BatchProvider) -> None:
    drawn = {(image["prompt"], image["seed"]): image["sha256"] for image in provider.drawn()}
    assert len(drawn) == len(provider.drawn())
    store = ImageStore(campaign.images_path)
    with Ledger(campaign.ledger_path) as ledger:
        assert not ledger.batches.open()
        samples = ledger.samples()
    assert {(s.prompt.text, s.planned.seed): s.sha256 for s in samples} == drawn
    for sample in samples:
        assert sample.sha256 is not None
        assert hashlib.sha256(store.get(sample.sha256)).hexdigest() == sample.sha256
        assert sample.request_id is not None
    assert not list(campaign.folder.glob("*.jsonl"))
