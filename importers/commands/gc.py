"""The command that frees disk space."""

from __future__ import annotations

from typing import Annotated

import typer

from importers.commands.campaign import AsJson, CampaignPath, opened
from importers.commands.output import show


def gc(
    path: CampaignPath,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Delete nothing, only say.")] = False,
    json: AsJson = False,
) -> None:
    """Delete the images that people will not see; the ledger goes on knowing them.

    Those that are not among the best of their prompt, near duplicates, and unusable ones: never an
    image that was sent to Label Studio, or that other samples are made from. A deleted image cannot
    be had again but by paying for it.
    """
    from importers.commands import campaign_words
    from importers.scoring.gc import collect
    from importers.up_to_date import selected_version

    with opened(path) as (campaign, ledger):
        selected_version(campaign, ledger)
        report = collect(campaign, ledger, dry_run=dry_run)
    show(campaign_words.gc_lines(report), report, json)
