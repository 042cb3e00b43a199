"""Answers that came to a process that was killed: their images are stored, not paid for again."""

from __future__ import annotations

from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from flushed_files import FlushedFile, flushes_in
from paid_api import PaidApi, write_paid_campaign
from paid_runs import NO_IMAGE, PER_IMAGE, run

from importers.config.campaign import Campaign
from importers.generation.plan import plan
from importers.generation.request import PendingAnswers
from importers.generators import GenerationRequest, open_generator
from importers.generators.base import Answer
from importers.image_store import ImageStore
from importers.ledger import Ledger


def killed_after_the_answer(campaign: Campaign, number: int = 0) -> tuple[int, Path]:
    """As a process leaves things that is killed between an answer and its parsing."""
    pending = PendingAnswers(campaign.answers_path)
    with (
        Ledger(campaign.ledger_path) as ledger,
        closing(open_generator(campaign.generator)) as generator,
    ):
        sample = plan(campaign, ledger)[number]
        number = ledger.requests.begin(sample.key, reserved_usd=Decimal("0.01"))
        asked = GenerationRequest(
            sample.prompt.text, sample.model, sample.size, sample.parameters, sample.seed
        )
        pending.put(number, generator.send(asked))
    return number, campaign.answers_path / f"{number}.answer"


def test_an_answer_of_a_killed_process_is_stored_and_not_paid_for_again(
    tmp_path: Path, api: PaidApi
) -> None:
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=3)
    killed_after_the_answer(campaign)
    report = run(campaign)
    assert (report.generated, report.missing) == (3, 0)
    assert report.cost_usd == 3 * PER_IMAGE
    assert len(api.asked) == len(set(api.asked)) == 3
    assert list(campaign.answers_path.iterdir()) == []
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        store = ImageStore(campaign.images_path)
        assert all(store.get(sample.sha256 or "") for sample in ledger.samples())
        spent = ledger.requests.spending()
        assert (spent.stored, spent.unknown) == (3, 0)


def test_an_answer_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path,
) -> None:
    answer = Answer(b"an image" * 1000, "req-1", "2026-01-01T00:00:00+00:00")
    with flushes_in(tmp_path) as flushed:
        PendingAnswers(tmp_path).put(7, answer)
        written = flushed()
    file = tmp_path / "7.answer"
    assert written == [FlushedFile(file.stat().st_ino, file.stat().st_size, ["7.part"])]


def test_an_answer_that_was_whole_but_not_renamed_is_not_lost(tmp_path: Path, api: PaidApi) -> None:
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=2)
    _, file = killed_after_the_answer(campaign)
    file.replace(file.with_suffix(".part"))
    assert run(campaign).generated == 2
    assert len(api.asked) == 2


@pytest.mark.parametrize("left", [0, 20, -1])
def test_a_torn_answer_is_set_aside_and_asked_for_anew(
    tmp_path: Path, api: PaidApi, left: int
) -> None:
    campaign = write_paid_campaign(
        tmp_path / "pets", api.base_url, samples=2, generator="max_unanswered = 0"
    )
    _, file = killed_after_the_answer(campaign)
    file.write_bytes(file.read_bytes()[:left])
    file.replace(file.with_suffix(".part"))
    assert run(campaign).generated == 2
    assert len(api.asked) == 3
    assert file.with_suffix(".torn").exists()


def test_an_answer_without_an_image_is_set_aside_and_counted(tmp_path: Path, api: PaidApi) -> None:
    api.misbehave = lambda prompt: NO_IMAGE  # noqa: ARG005
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=2)
    _, file = killed_after_the_answer(campaign)
    api.misbehave = lambda prompt: None  # noqa: ARG005
    report = run(campaign)
    assert (report.generated, report.unanswered, len(api.asked)) == (2, 1, 3)
    assert file.with_suffix(".no-image").exists()
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        assert sum(ledger.requests.unanswered().values()) == 1


def test_an_answer_whose_image_is_stored_already_is_dropped(tmp_path: Path, api: PaidApi) -> None:
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, samples=2)
    _, file = killed_after_the_answer(campaign)
    kept = file.read_bytes()
    run(campaign)
    file.write_bytes(kept)
    assert run(campaign).generated == 0
    assert not file.exists()
    assert len(api.asked) == 2
