"""The commands that say what a campaign has cost, and what it would cost."""

from __future__ import annotations

from pathlib import Path

from importers.commands.campaign import AsJson, CampaignPath
from importers.commands.output import show, watching


def costs(path: CampaignPath, json: AsJson = False) -> None:
    """Show what a campaign has cost, by model, label and technique."""
    from importers.commands import words_costs
    from importers.config.campaign import load_campaign
    from importers.generation.costs import campaign_costs

    report = campaign_costs(load_campaign(path))
    show(words_costs.cost_lines(report), report, json)


def show_forecast(path: Path, json: bool) -> None:
    """What `--dry-run` shows instead of drawing."""
    from importers.commands import words_costs
    from importers.config.campaign import load_campaign
    from importers.generation.forecast import forecast

    with watching():
        report = forecast(load_campaign(path))
    show(words_costs.forecast_lines(report), report, json)
