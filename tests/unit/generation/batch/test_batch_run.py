"""A campaign with `batch = true` against a provider that does what providers do."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from batch_provider import (
    CONTENT,
    CREATE,
    LINE,
    LOOK,
    UPLOAD,
    BatchProvider,
    batch_campaign,
    error,
    held_back,
)
from batch_runs import (
    StartProvider,
    check_each_is_drawn_and_stored_once,
    outcomes,
    run,
    run_and_fail,
)
from openai import OpenAI

from importers.commands import campaign_words
from importers.config.sections import BudgetSettings
from importers.generation import batch
from importers.generation.estimate import Estimator
from importers.generation.stage import GenerationStopped, generate
from importers.generators.openai_batch_lines import write_lines
from importers.ledger import Ledger
from importers.openai_api.prices import cost_usd
from importers.sketch.account import BatchLimits
from importers.status import campaign_status
from ls_backend.errors import ConfigError


def test_a_batch_is_submitted_waited_for_and_collected(
    provider: BatchProvider, tmp_path: Path
) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=6)
    steps: list[tuple[int, int]] = []
    with Ledger(campaign.ledger_path) as ledger:
        report = generate(campaign, ledger, lambda *step: steps.append(step))
    assert (report.generated, report.missing, report.in_batch) == (6, 0, 0)
    assert (report.cost_usd, report.unpriced) == (Decimal(0), 0)
    assert steps == sorted(steps)
    assert steps[-1] == (6, 6)
    check_each_is_drawn_and_stored_once(campaign, provider)
    assert (provider.count(UPLOAD), provider.count(CREATE)) == (1, 1)
    before = len(provider.calls)
    assert run(campaign).generated == 0
    assert len(provider.calls) == before


def test_only_what_the_caps_allow_goes_into_a_batch(
    provider: BatchProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Estimator, "cost_usd", lambda *_: Decimal("0.10"))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    capped = {"budget": BudgetSettings(per_run_usd=Decimal("0.25"))}
    report = run(campaign.model_copy(update=capped))
    assert (report.generated, report.missing, len(provider.drawn())) == (2, 2, 2)
    assert [cap.cap for cap in report.caps_reached] == ["per_run_usd"]
    assert run(campaign.model_copy(update=capped)).generated == 2
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_what_is_in_a_batch_at_the_provider_counts_against_the_caps(
    start: StartProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Estimator, "cost_usd", lambda *_: Decimal("0.10"))
    provider = start(BatchLimits(takes_s=30.0))
    few = batch_campaign(tmp_path / "pets", provider.base_url, samples=2)
    assert run(few, wait=False).in_batch == 2
    more = batch_campaign(tmp_path / "pets", provider.base_url, samples=4)
    capped = {"budget": BudgetSettings(per_day_usd=Decimal("0.35"))}
    report = run(more.model_copy(update=capped), wait=False)
    assert report.in_batch == 3
    assert [cap.spent_usd for cap in report.caps_reached] == [Decimal("0.30")]


def test_an_image_of_a_batch_costs_half() -> None:
    usage = {"input_tokens": 10, "output_tokens": 1000}
    day = date(2026, 11, 22)
    assert cost_usd("gpt-image-2", usage, day, "batch") == Decimal("0.015025")
    assert cost_usd("unheard-of", usage, day, "batch") is None


def test_what_does_not_fit_one_file_goes_into_several(
    provider: BatchProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "write_lines", partial(write_lines, most=2))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=5)
    assert run(campaign).generated == 5
    assert provider.count(CREATE) == 3
    check_each_is_drawn_and_stored_once(campaign, provider)


# -- a run that ends before the batch does ---------------------------------------------------------


def test_a_batch_that_is_left_is_collected_by_a_later_run(
    start: StartProvider, tmp_path: Path
) -> None:
    provider = start(BatchLimits(takes_s=0.2))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    left = run(campaign, wait=False)
    assert (left.generated, left.missing, left.in_batch) == (0, 4, 4)
    assert "4 images in a batch at the provider" in "".join(campaign_words.generate_lines(left))
    status = campaign_status(campaign)
    assert "4 images in a batch at the provider." in campaign_words.status_lines(status)
    assert outcomes(campaign) == ["in_flight"] * 4
    done = run(campaign)
    assert (done.generated, done.in_batch) == (4, 0)
    assert provider.count(CREATE) == 1
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_samples_added_meanwhile_get_a_batch_of_their_own(
    start: StartProvider, tmp_path: Path
) -> None:
    provider = start(BatchLimits(takes_s=0.2))
    run(batch_campaign(tmp_path / "pets", provider.base_url, samples=2), wait=False)
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=6)
    assert run(campaign).generated == 6
    assert provider.count(CREATE) == 2
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_ctrl_c_leaves_the_batch_there(provider: BatchProvider, tmp_path: Path) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    held = threading.Event()
    provider.instead[LINE].append(held_back(held))

    def interrupt(_done: int, total: int) -> None:
        if total:
            raise KeyboardInterrupt

    with Ledger(campaign.ledger_path) as ledger, pytest.raises(GenerationStopped) as stopped:
        generate(campaign, ledger, interrupt)
    assert stopped.value.report.in_batch == 4
    held.set()
    assert run(campaign).generated == 4
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_without_batch_what_is_at_the_provider_is_not_drawn_twice(
    provider: BatchProvider, tmp_path: Path
) -> None:
    looked = threading.Event()
    provider.instead[LINE].append(held_back(looked))
    run(batch_campaign(tmp_path / "pets", provider.base_url, samples=2), wait=False)
    provider.after[LOOK].append(lambda response: looked.set() or response)
    live = batch_campaign(tmp_path / "pets", provider.base_url, samples=4, batch="false")
    report = run(live)
    assert report.in_batch == 2
    assert report.generated == 2
    assert run(batch_campaign(tmp_path / "pets", provider.base_url)).generated == 2
    check_each_is_drawn_and_stored_once(live, provider)


def test_an_expired_batch_is_collected_and_the_rest_asked_again(
    start: StartProvider, tmp_path: Path
) -> None:
    provider = start(BatchLimits(carries_out=3))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    assert run(campaign).generated == 4
    assert provider.count(CREATE) == 2
    assert outcomes(campaign) == ["failed"] + ["stored"] * 4
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_who_cancelled_a_batch_is_not_sent_another_at_once(
    provider: BatchProvider, tmp_path: Path
) -> None:
    cancelled = threading.Event()
    provider.instead[LINE].append(held_back(cancelled))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    run(campaign, wait=False)
    with OpenAI(base_url=provider.base_url, api_key="none") as client:
        [remote] = client.batches.list()
        assert client.batches.cancel(remote.id).status == "cancelling"
    cancelled.set()
    failure = run_and_fail(campaign)
    assert failure.code == "batch_cancelled"
    assert "1 images of it are kept, 3 were not drawn" in failure.message
    assert outcomes(campaign) == ["failed"] * 3 + ["stored"]
    assert run(campaign).generated == 3
    check_each_is_drawn_and_stored_once(campaign, provider)


def test_a_model_without_batches_is_told_what_to_do(start: StartProvider, tmp_path: Path) -> None:
    provider = start(BatchLimits(closed_to=frozenset({"sketch-1"})))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    failure = run_and_fail(campaign)
    assert "not supported by the Batch API" in failure.message
    assert "batch = false" in failure.hint
    assert outcomes(campaign) == ["failed"] * 4


def test_results_that_have_expired_may_be_paid_for(provider: BatchProvider, tmp_path: Path) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url, samples=2)
    provider.instead[CONTENT].append(error(404, "not_found"))
    assert run_and_fail(campaign).code == "batch_without_images"
    assert outcomes(campaign) == ["unknown"] * 2
    assert run(campaign).generated == 2


def test_a_server_without_batches_is_told_apart(provider: BatchProvider, tmp_path: Path) -> None:
    provider.instead[UPLOAD].append(error(404, "not_found"))
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    failure = run_and_fail(campaign)
    assert failure.code == "no_batch_api"
    assert "batch = false" in failure.hint
    assert outcomes(campaign) == ["failed"] * 4


def test_another_account_does_not_know_the_batch(start: StartProvider, tmp_path: Path) -> None:
    first = start()
    campaign = batch_campaign(tmp_path / "pets", first.base_url)
    run(campaign, wait=False)
    elsewhere = batch_campaign(tmp_path / "pets", start().base_url)
    failure = run_and_fail(elsewhere)
    assert failure.code == "batch_not_found"
    assert "--forget-batches" in failure.hint
    assert outcomes(campaign) == ["in_flight"] * 4


def test_a_batch_that_is_given_up_is_asked_for_anew(
    provider: BatchProvider, tmp_path: Path
) -> None:
    campaign = batch_campaign(tmp_path / "pets", provider.base_url)
    run(campaign, wait=False)
    with Ledger(campaign.ledger_path) as ledger:
        assert batch.forget(ledger) == 4
        assert generate(campaign, ledger).generated == 4
    assert outcomes(campaign) == ["stored"] * 4 + ["unknown"] * 4


def test_other_generators_have_no_batches(tmp_path: Path) -> None:
    campaign = batch_campaign(tmp_path / "pets", "http://127.0.0.1:9/v1", kind='"compatible"')
    with pytest.raises(ConfigError, match="no batches"):
        run(campaign)
