"""A run that ends at any state of a request: the next one loses nothing and pays nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from importers.config.campaign import load_campaign
from importers.generation.request import PendingAnswers
from importers.generation.stage import generate
from importers.generators.openai_images import OpenAIImages
from importers.image_store import ImageStore
from importers.ledger import Ledger
from importers.ledger.requests import Requests

WriteCampaign = Callable[..., Path]
STEPS: list[tuple[type, str]] = [
    (Requests, "begin"),
    (OpenAIImages, "send"),
    (PendingAnswers, "put"),
    (OpenAIImages, "read"),
    (ImageStore, "put"),
    (Requests, "stored"),
    (PendingAnswers, "drop"),
]
IN_THE_AIR = [("send", "after"), ("put", "before")]
"""What comes in between cannot be told from a request without an answer: it is paid for again."""


class Killed(BaseException):
    """Stands for a kill: nothing of ours handles it."""


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: f"{step[0].__name__}.{step[1]}")
def test_killed_around_any_step(
    write_campaign: WriteCampaign,
    images_api: Any,
    monkeypatch: pytest.MonkeyPatch,
    step: tuple[type, str],
    moment: str,
) -> None:
    owner, name = step
    campaign = load_campaign(write_campaign(images_api.base_url, generator="parallel = 1"))
    real = getattr(owner, name)
    calls = Counter[str]()

    def mortal(*args: Any, **options: Any) -> Any:
        calls[name] += 1
        if calls[name] == 3 and moment == "before":
            raise Killed
        result = real(*args, **options)
        if calls[name] == 3 and moment == "after":
            raise Killed
        return result

    with monkeypatch.context() as patched, Ledger(campaign.ledger_path) as ledger:
        patched.setattr(owner, name, mortal)
        with pytest.raises(Killed):
            generate(campaign, ledger)

    with Ledger(campaign.ledger_path) as ledger:
        report = generate(campaign, ledger)
        samples, spending = ledger.samples(), ledger.requests.spending()
    assert (report.planned, report.missing) == (6, 0)
    store = ImageStore(campaign.images_path)
    assert all(store.get(sample.sha256 or "") for sample in samples)
    twice = owner is not ImageStore and (name, moment) in IN_THE_AIR
    assert len(images_api.drawn()) == 6 + twice
    assert spending.stored == 6
    assert spending.unknown <= 1
    assert not list(PendingAnswers(campaign.answers_path).waiting())
    with Ledger(campaign.ledger_path) as ledger:
        assert generate(campaign, ledger).generated == 0
    assert len(images_api.drawn()) == 6 + twice


def test_an_answer_cut_short_on_disk_is_none(tmp_path: Path) -> None:
    (tmp_path / "7.part").write_bytes(b'{"request_id": "req_1", "rec')
    assert not list(PendingAnswers(tmp_path).waiting())
