"""What was spent, by model, label and technique; what is not known stays apart."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from review_records import record_review
from rich.console import Console
from typer.testing import CliRunner

from importers import cli
from importers.commands.costs import cost_lines
from importers.commands.output import rate
from importers.config.campaign import Campaign, load_campaign
from importers.generation.budget import commitments
from importers.generation.costs import campaign_costs
from importers.generation.plan import plan
from importers.ledger import Ledger
from importers.sample import Sample

WriteCampaign = Callable[..., Path]


def shown(campaign: Campaign) -> str:
    console = Console(file=io.StringIO(), width=100, highlight=False)
    for line in cost_lines(campaign_costs(campaign)):
        console.print(line)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def paid(ledger: Ledger, key: str, usd: str | None) -> None:
    cost = None if usd is None else Decimal(usd)
    request = ledger.requests.begin(key, reserved_usd=Decimal("0.02"))
    ledger.requests.stored(request, "0" * 64, request_id=None, cost_usd=cost, usage=None)


@pytest.fixture
def campaign(write_campaign: WriteCampaign) -> Campaign:
    """Three cats: $0.01 approved, $0.03 rejected, one unanswered. Three dogs, one of no price."""
    campaign = load_campaign(write_campaign())
    with Ledger(campaign.ledger_path) as ledger:
        samples = plan(campaign, ledger)
        cats = [sample.key for sample in samples if sample.prompt.label == "cat"]
        dogs = [sample.key for sample in samples if sample.prompt.label == "dog"]
        paid(ledger, cats[0], "0.01")
        paid(ledger, cats[1], "0.03")
        unanswered = ledger.requests.begin(cats[2], reserved_usd=Decimal("0.05"))
        ledger.requests.ended(unanswered, "unknown", "no answer in time")
        ledger.requests.ended(
            ledger.requests.begin(cats[2], reserved_usd=Decimal(9)), "failed", "500"
        )
        paid(ledger, dogs[0], "0.02")
        paid(ledger, dogs[1], None)
        record_review(ledger, cats[0], "approved")
        record_review(ledger, cats[1], "rejected")
        record_review(ledger, dogs[0], "relabelled")
    return campaign


def test_each_label_has_its_cost(campaign: Campaign) -> None:
    report = campaign_costs(campaign)
    cat, dog = report.labels["cat"], report.labels["dog"]
    assert (cat.images, cat.cost_usd, cat.unpriced) == (2, Decimal("0.04"), 0)
    assert (cat.unknown, cat.reserved_usd) == (1, Decimal("0.05"))
    assert (cat.decided, cat.approved, cat.per_approved_usd) == (2, 1, Decimal("0.04"))
    assert (dog.images, dog.cost_usd, dog.unpriced, dog.approved) == (2, Decimal("0.02"), 1, 1)
    assert dog.per_approved_usd is None  # an unknown cost is no 0
    assert report.total.cost_usd == report.models["sketch-1"].cost_usd == Decimal("0.06")
    assert report.techniques == {"vanilla": report.total}


def test_what_language_models_cost_comes_on_top(campaign: Campaign) -> None:
    with Ledger(campaign.ledger_path) as ledger:
        for cost in (Decimal("0.002"), None):
            writing = ledger.writings.begin("three actions of a cat", "openai:gpt-6-luna")
            ledger.writings.written(writing, [], request_id=None, cost_usd=cost, usage=None)
        ledger.writings.ended(ledger.writings.begin("more", "openai:gpt-6-luna"), "unknown", "?")
    report = campaign_costs(campaign)
    luna = report.writers["openai:gpt-6-luna"]
    assert (luna.requests, luna.cost_usd) == (2, Decimal("0.002"))
    assert (luna.unpriced, luna.unknown) == (1, 1)
    assert report.total_usd == Decimal("0.062")
    assert "gpt-6-luna: $0.002 for 2 answers, 1 of unknown cost, 1 more" in shown(campaign)


def test_caps_count_what_was_spent_and_what_may_have_been(campaign: Campaign) -> None:
    with Ledger(campaign.ledger_path) as ledger:
        made = commitments(ledger)
        writing = ledger.writings.begin("more", "openai:gpt-6-luna")
        ledger.writings.written(writing, [], request_id=None, cost_usd=Decimal(1), usage=None)
        with_writing = commitments(ledger)
    of = {label: sum(c.usd for c in made if c.label == label) for label in ("cat", "dog")}
    # Spent and unanswered, not what failed; the dog without a price keeps its reservation.
    assert of == {"cat": Decimal("0.09"), "dog": Decimal("0.04")}
    assert {c.day for c in made} == {datetime.now(UTC).date()}
    assert [(c.label, c.usd) for c in with_writing[len(made) :]] == [(None, Decimal(1))]


def test_costs_are_shown_to_people_and_to_programs(campaign: Campaign) -> None:
    result = CliRunner().invoke(cli.app, ["costs", str(campaign.folder)])
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    assert "cat 2 $0.04 1 1 $0.04" in text
    assert "dog 2 $0.02 1 1 not known" in text
    assert "On top: 1 image whose cost is not known" in text
    assert "1 request without an answer; reserved for that: $0.05" in text
    told: Any = json.loads(
        CliRunner().invoke(cli.app, ["costs", str(campaign.folder), "--json"]).stdout
    )
    assert told["labels"]["cat"]["per_approved_usd"] == 0.04
    assert told["labels"]["dog"]["per_approved_usd"] is None


def test_a_campaign_that_never_ran_costs_nothing(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign())
    assert "Nothing of pets is paid for yet." in shown(campaign)
    assert not campaign.ledger_path.exists()


def test_before_anybody_decided_there_is_no_cost_per_approved_sample(
    write_campaign: WriteCampaign,
) -> None:
    campaign = load_campaign(write_campaign())
    with Ledger(campaign.ledger_path) as ledger:
        paid(ledger, plan(campaign, ledger)[0].key, "0.01")
        samples: list[Sample] = ledger.samples()
    assert campaign_costs(campaign).total.per_approved_usd is None
    assert samples[0].cost_usd == Decimal("0.01")
    assert "after `ls-clip sync`" in shown(campaign)


def test_a_rate_is_said_in_the_unit_that_fits() -> None:
    assert (rate(None), rate(2.5), rate(0.2)) == ("", "2.5/s", "12.0/min")
