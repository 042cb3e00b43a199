"""The commands that take a campaign through its stages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from importers.commands.arguments import (
    AsJson,
    CampaignPath,
    DryRun,
    JobPath,
    label_studio,
    opened,
)
from importers.commands.group import ENDED_EARLY
from importers.commands.output import next_step, show, watching


def new(
    folder: Annotated[
        Path, typer.Argument(metavar="NAME", help="The folder to make.", show_default=False)
    ],
    project: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Number of a project that exists in Label Studio: only sync what is approved.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a folder with a commented campaign.toml, or project.toml, in it."""
    from importers.commands import campaign_words
    from importers.config.new import new_campaign, new_project_file

    if project is not None:
        show(campaign_words.new_project_lines(new_project_file(folder, project)))
        return
    show(campaign_words.new_lines(new_campaign(folder)))


def run(path: CampaignPath, dry_run: DryRun = False, json: AsJson = False) -> None:
    """Generate, score, select and push what is still to be done."""
    from importers import pipeline
    from importers.commands import campaign_words, costs

    if dry_run:
        costs.show_forecast(path, json)
        return
    with opened(path) as (campaign, ledger), label_studio(campaign) as ls, watching() as watch:
        report = pipeline.run(campaign, ledger, ls, watch)
    lines = campaign_words.generate_lines(report.generate)
    lines += campaign_words.score_lines(report.score)
    lines += campaign_words.push_lines(report.push)
    show([*lines, *next_step(f"review them, then: ls-clip sync {path}")], report, json)
    if report.generate.ended_early:
        raise typer.Exit(ENDED_EARLY)


def generate(
    path: CampaignPath,
    dry_run: DryRun = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait/--no-wait", help="Stay until batches have ended, or leave them to a later run."
        ),
    ] = True,
    forget_batches: Annotated[
        bool,
        typer.Option(
            "--forget-batches",
            hidden=True,  # the errors about batches name it, where it helps
            help="Give up batches at the provider, though they may be paid for.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Draw the images that the campaign still lacks."""
    from importers import pipeline
    from importers.commands import campaign_words, costs
    from importers.generation import batch

    if dry_run:
        costs.show_forecast(path, json)
        return
    with opened(path) as (campaign, ledger), watching() as watch:
        if forget_batches:
            batch.forget(ledger)
        report = pipeline.generate(campaign, ledger, watch("Generating"), wait=wait)
    lines = campaign_words.generate_lines(report)
    then = f"ls-clip generate {path}" if report.in_batch else f"ls-clip score {path}"
    show([*lines, *next_step(then)], report, json)
    if report.ended_early:
        raise typer.Exit(ENDED_EARLY)


def score(path: CampaignPath, json: AsJson = False) -> None:
    """Score the images that this CLIP model has not scored yet, and choose what people see."""
    from importers import pipeline
    from importers.commands import campaign_words

    with opened(path) as (campaign, ledger), watching() as watch:
        report = pipeline.score_and_select(campaign, ledger, watch("Scoring"))
    lines = campaign_words.score_lines(report) + campaign_words.held_lines(report.held)
    show([*lines, *next_step(f"ls-clip push {path}")], report, json)


def push(path: CampaignPath, json: AsJson = False) -> None:
    """Push the scored images to Label Studio, doubtful ones first."""
    from importers import pipeline
    from importers.commands import campaign_words

    with opened(path) as (campaign, ledger), label_studio(campaign) as ls, watching() as watch:
        report = pipeline.push(campaign, ledger, ls, watch("Pushing"))
    lines = campaign_words.push_lines(report)
    show([*lines, *next_step(f"review them, then: ls-clip sync {path}")], report, json)


def status(path: JobPath, json: AsJson = False) -> None:
    """Show where every sample of a campaign stands, or every task of a project, at any time."""
    from importers.commands import campaign_words
    from importers.config.job import load_job
    from importers.status import campaign_status, project_status

    job = load_job(path)
    if job.campaign is None:
        of_project = project_status(job)
        show(campaign_words.project_lines(of_project, path), of_project, json)
        return
    report = campaign_status(job.campaign)
    show(
        [campaign_words.status_table(report), "", *campaign_words.status_lines(report)],
        report,
        json,
    )


def prune(
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
    from importers.scoring.prune import prune as prune_images
    from importers.scoring.select import selected_version

    with opened(path) as (campaign, ledger):
        selected_version(campaign, ledger)
        report = prune_images(campaign, ledger, dry_run=dry_run)
    show(campaign_words.prune_lines(report), report, json)
