from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from review_records import record_review

from importers.commands.campaign_words import status_table
from importers.config.campaign import load_campaign
from importers.generation.plan import plan
from importers.ledger import Ledger
from importers.status import Counts, campaign_status
from ls_backend.zero_shot import Score

WriteCampaign = Callable[..., Path]
SCORE = Score("cat", 0.9, 0.8, "cat", 0.9, 0.3)


def counts(**known: int) -> Counts:
    return Counts(**{**dict.fromkeys(Counts.__dataclass_fields__, 0), **known})


def test_a_campaign_that_never_ran_has_a_plan_and_no_ledger(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign())
    status = campaign_status(campaign)
    assert status.total == counts(planned=6)
    assert status.labels == {"cat": counts(planned=3), "dog": counts(planned=3)}
    assert status.spending.cost_usd == 0
    assert not campaign.ledger_path.exists()


def test_every_step_of_every_sample_is_counted(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign())
    with Ledger(campaign.ledger_path) as ledger:
        cats = [sample.key for sample in plan(campaign, ledger) if sample.prompt.label == "cat"]
        refused, approved, waiting = cats
        ledger.requests.ended(ledger.requests.begin(refused), "refused", "no")
        for key in (approved, waiting):
            ledger.requests.stored(
                ledger.requests.begin(key),
                "0" * 64,
                request_id=None,
                cost_usd=Decimal("0.05"),
                usage=None,
            )
        ledger.record_scores({approved: SCORE, waiting: SCORE}, "clip:a@1")
        ledger.record_tasks({approved: 1, waiting: 2}, "clip:a@1")
        record_review(ledger, approved, "approved", "cat")
        record_review(ledger, waiting)
    status = campaign_status(campaign)
    assert status.labels["cat"] == counts(
        planned=3, refused=1, generated=2, scored=2, pushed=2, approved=1, undecided=1
    )
    assert status.labels["dog"] == counts(planned=3)
    assert status.total.planned == 6
    assert status.spending.cost_usd == Decimal("0.10")


def test_ways_out_have_columns_of_their_own_where_people_took_them(
    write_campaign: WriteCampaign,
) -> None:
    campaign = load_campaign(write_campaign())
    assert "unusable" not in [
        column.header for column in status_table(campaign_status(campaign)).columns
    ]
    with Ledger(campaign.ledger_path) as ledger:
        keys = [sample.key for sample in plan(campaign, ledger)]
        ledger.record_tasks({key: number for number, key in enumerate(keys)}, "clip:a@1")
        outcomes = ["unusable", "none of these", "none of these", "undecided"]
        for key, outcome in zip(keys, outcomes, strict=False):
            record_review(ledger, key, outcome)
    status = campaign_status(campaign)
    assert status.total == counts(planned=6, pushed=6, unusable=1, none_of_these=2, undecided=3)
    table = status_table(status)
    shown = [column.header for column in table.columns][5:]
    assert shown == ["undecided", "unusable", "none of these"]
    assert [list(column.cells)[-1] for column in table.columns][5:] == ["3", "1", "2"]


def test_what_an_earlier_campaign_planned_is_still_counted(write_campaign: WriteCampaign) -> None:
    campaign = load_campaign(write_campaign())
    with Ledger(campaign.ledger_path) as ledger:
        plan(campaign, ledger)
    status = campaign_status(load_campaign(write_campaign(labels='["cat", "fish"]')))
    assert status.earlier == 3
    assert list(status.labels) == ["cat", "fish", "dog"]
    assert status.total == counts(planned=9)
