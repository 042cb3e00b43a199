"""`ls-clip prompts`: what a campaign asks image models to draw, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from importers.commands.campaign import AsJson, CampaignPath
from importers.commands.output import show as show_lines
from importers.commands.output import watching

app = typer.Typer(
    no_args_is_help=True,
    help="See, write and export what a campaign asks image models to draw.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog="Example: ls-clip prompts plan pets")
def plan(path: CampaignPath, json: AsJson = False) -> None:
    """Count the prompts by label, technique and factor; pays for nothing."""
    from importers.commands import words_prompts
    from importers.config.campaign import load_campaign
    from importers.generation.prompt_plan import prompt_plan

    with watching():
        report = prompt_plan(load_campaign(path))
    table, lines = words_prompts.plan_table(report), words_prompts.plan_lines(report)
    show_lines([table, "", *lines], report, json)


@app.command(epilog="Example: ls-clip prompts write pets")
def write(path: CampaignPath, json: AsJson = False) -> None:
    """Let the campaign's language model write what is missing."""
    from importers.commands import words_prompts
    from importers.config.campaign import load_campaign
    from importers.generation import stage
    from importers.ledger import Ledger

    campaign = load_campaign(path)
    with Ledger(campaign.ledger_path) as ledger, watching() as watch:
        report = stage.write(campaign, ledger, watch("Writing"))
    show_lines(words_prompts.write_lines(report, path), report, json)


@app.command(epilog='Example: ls-clip prompts show pets --label cat --technique "adversarial"')
def show(
    path: CampaignPath,
    label: Annotated[str | None, typer.Option(help="Only this label.", show_default=False)] = None,
    technique: Annotated[
        str | None, typer.Option(help="Only this technique.", show_default=False)
    ] = None,
    json: AsJson = False,
) -> None:
    """Show the prompts, in the order in which they are drawn."""
    from importers.commands import words_prompts
    from importers.config.campaign import load_campaign
    from importers.generation.prompt_plan import prompt_list

    with watching():
        report = prompt_list(load_campaign(path), label, technique)
    lines = words_prompts.not_looked_at_lines(report.not_looked_at)
    show_lines([words_prompts.prompts_table(report), *lines], report, json)


@app.command(epilog="Example: ls-clip prompts export pets --to captions.jsonl")
def export(
    path: CampaignPath,
    to: Annotated[
        Path | None,
        typer.Option(
            help="The file to write.", show_default="prompts.jsonl in the campaign's folder"
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Write the prompts whose images people approved as chats, to train a writer with."""
    from importers.commands import words_prompts
    from importers.config.campaign import load_campaign
    from importers.ledger import Ledger
    from importers.prompts.export import export_prompts

    campaign = load_campaign(path)
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        file = campaign.folder / "prompts.jsonl" if to is None else to.resolve()
        report = export_prompts(campaign, ledger.samples(), file)
    show_lines(words_prompts.export_lines(report), report, json)
