"""Caps against a real HTTP server: a run ends before them, and the next one goes on."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from paid_api import PaidApi, write_paid_campaign
from paid_runs import PER_IMAGE, ls_clip, run

from importers.generation.budget import CampaignBudget
from importers.generation.plan import plan
from importers.ledger import Ledger
from ls_backend.errors import ConfigError


@pytest.mark.parametrize("parallel", [1, 16])
def test_a_run_ends_before_its_cap_and_the_next_one_goes_on(
    tmp_path: Path, api: PaidApi, parallel: int
) -> None:
    folder, cap = tmp_path / "pets", "per_run_usd = 0.05"
    generator = f"parallel = {parallel}"
    campaign = write_paid_campaign(folder, api.base_url, budget=cap, generator=generator)
    first = run(campaign)
    [reached] = first.caps_reached
    assert (reached.cap, reached.limit_usd) == ("per_run_usd", Decimal("0.05"))
    assert first.cost_usd == first.generated * PER_IMAGE <= Decimal("0.05")
    assert first.generated == 8  # what was reserved and not needed is used
    assert (first.missing, len(api.asked)) == (4, 8)
    second = run(campaign)
    assert (second.generated, second.missing, second.caps_reached) == (4, 0, ())
    assert len(api.asked) == len(set(api.asked)) == 12


def test_a_label_that_is_spent_leaves_the_others(tmp_path: Path, api: PaidApi) -> None:
    budget = "per_label_usd = 0.03"
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, budget=budget)
    report = run(campaign)
    assert {(cap.cap, cap.label) for cap in report.caps_reached} == {
        ("per_label_usd", "cat"),
        ("per_label_usd", "dog"),
    }
    assert Counter(prompt.split()[-1] for prompt in api.asked) == {"cat": 5, "dog": 5}
    assert run(campaign).generated == 0  # a label's cap counts all runs
    assert len(api.asked) == 10


def test_a_day_counts_all_runs_and_requests_without_an_answer(tmp_path: Path, api: PaidApi) -> None:
    budget = "per_day_usd = 0.05"
    campaign = write_paid_campaign(tmp_path / "pets", api.base_url, budget=budget)
    with Ledger(campaign.ledger_path) as ledger:
        [first, *_] = plan(campaign, ledger)
        ledger.requests.begin(first.key, reserved_usd=Decimal("0.03"))  # and the process was killed
    report = run(campaign)
    assert report.generated == 3
    assert report.caps_reached[0].spent_usd == Decimal("0.03") + 3 * PER_IMAGE
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        assert sum(a.committed_usd for a in ledger.requests.entries()) <= Decimal("0.05")


def test_an_image_dearer_than_the_whole_cap_is_never_asked_for(
    tmp_path: Path, api: PaidApi
) -> None:
    folder = tmp_path / "pets"
    write_paid_campaign(folder, api.base_url, budget="per_run_usd = 0.001")
    result = ls_clip("generate", folder)
    assert result.exit_code == 3
    assert "budget.per_run_usd = $0.001 is reached" in result.stdout
    assert "one image alone may cost more" in result.stdout
    assert api.asked == []


def test_what_images_really_cost_is_learned(tmp_path: Path, api: PaidApi) -> None:
    """An API that charges ten times the estimate: the first images show it, the rest are held."""
    api.tokens_out = 1960
    budget = "per_run_usd = 0.2"
    generator = "parallel = 1"
    campaign = write_paid_campaign(
        tmp_path / "pets", api.base_url, budget=budget, generator=generator
    )
    report = run(campaign)
    assert report.generated == 3
    assert report.cost_usd <= Decimal("0.2")


def test_a_price_that_is_not_known_is_refused_before_anything_is_sent(
    tmp_path: Path, api: PaidApi
) -> None:
    folder, unpriced = tmp_path / "pets", 'unpriced = "refuse"'
    campaign = write_paid_campaign(folder, api.base_url, model="flux", budget=unpriced)
    with pytest.raises(ConfigError, match="12 of the requests to flux"):
        run(campaign)
    assert api.asked == []
    known = write_paid_campaign(folder, api.base_url, budget=unpriced, samples=2)
    assert run(known).generated == 2


def test_a_run_that_a_cap_ended_is_not_told_to_run_again(tmp_path: Path, api: PaidApi) -> None:
    folder = tmp_path / "pets"
    write_paid_campaign(folder, api.base_url, budget="per_run_usd = 0.0001")
    shown = ls_clip("generate", folder).stdout
    assert "0 of 12 samples are done\n" in shown, shown
    assert api.asked == []


def test_a_sample_that_a_batch_asks_for_again_is_reserved_once(
    tmp_path: Path, api: PaidApi
) -> None:
    campaign = write_paid_campaign(
        tmp_path / "pets", api.base_url, samples=4, budget="per_run_usd = 0.02"
    )
    with Ledger(campaign.ledger_path) as ledger:
        samples = plan(campaign, ledger)
        budget = CampaignBudget(campaign, ledger)
        costs, reached = budget.affordable(samples)
        assert (len(costs), [cap.cap for cap in reached]) == (3, ["per_run_usd"])
        again = [sample for sample in samples if sample.key in costs]
        assert budget.affordable(again) == (costs, ())
        assert budget.affordable(samples[3:])[0] == {}, "nothing is left for another"
