"""`ls-clip prompts`: what a campaign asks image models to draw, before and after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, CampaignPath
from importers.commands.group import CommandGroup
from importers.commands.output import cost, line, plain, watching
from importers.commands.output import show as show_lines
from ls_backend.words import count

if TYPE_CHECKING:
    from rich.table import Table

    from importers.generation.prompt_plan import Group, PromptList, PromptPlan
    from importers.generation.sources import NotLookedAt
    from importers.prompts.export import ExportReport
    from importers.prompts.writing import WriteReport

app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="See, write and export what a campaign asks image models to draw.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog="Example: ls-clip prompts plan pets")
def plan(path: CampaignPath, json: AsJson = False) -> None:
    """Count the prompts by label, technique and factor; pays for nothing."""
    from importers.config.campaign import load_campaign
    from importers.generation.prompt_plan import prompt_plan

    with watching():
        report = prompt_plan(load_campaign(path))
    table, lines = plan_table(report), plan_lines(report)
    show_lines([table, "", *lines], report, json)


@app.command(epilog="Example: ls-clip prompts write pets")
def write(path: CampaignPath, json: AsJson = False) -> None:
    """Let the campaign's language model write what is missing."""
    from importers.config.campaign import load_campaign
    from importers.generation import stage
    from importers.ledger import Ledger

    campaign = load_campaign(path)
    with Ledger(campaign.ledger_path) as ledger, watching() as watch:
        report = stage.write(campaign, ledger, watch("Writing"))
    show_lines(write_lines(report, path), report, json)


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
    from importers.config.campaign import load_campaign
    from importers.generation.prompt_plan import prompt_list

    with watching():
        report = prompt_list(load_campaign(path), label, technique)
    lines = not_looked_at_lines(report.not_looked_at)
    show_lines([prompts_table(report), *lines], report, json)


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
    from importers.config.campaign import load_campaign
    from importers.ledger import Ledger
    from importers.prompts.export import export_prompts

    campaign = load_campaign(path)
    with Ledger(campaign.ledger_path, writing=False) as ledger:
        file = campaign.folder / "prompts.jsonl" if to is None else to.resolve()
        report = export_prompts(campaign, ledger.samples(), file)
    show_lines(export_lines(report), report, json)


_MOST_NAMED = 5


def plan_table(report: PromptPlan) -> Table:
    """One row for each label and technique; of each factor how many values, how often each."""
    table = _table(report.campaign)
    for heading in ("label", "technique"):
        table.add_column(heading, no_wrap=True)
    for heading in ("prompts", "different", "compositional"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("factors")
    for group in report.groups:
        spreads = (f"{plain(name)} {_spread(uses)}" for name, uses in group.factors.items())
        table.add_row(*_cells(group), ", ".join(spreads))
    counts = (report.prompts, report.distinct, report.compositional)
    table.add_row("all", "", *map(str, counts), style="bold")
    return table


def plan_lines(report: PromptPlan) -> list[str]:
    """What the table does not say."""
    lines = [f"Drawn of that: {count(report.images, 'image')}."]
    if any(group.factors for group in report.groups):
        lines.append('Factors: "color 8 × 1–2" says: 8 colors, each of them once or twice.')
    if report.compositional:
        lines.append(
            f"Compositional: {count(report.compositional, 'prompt')}, with a position, a count or "
            "a relation, which image models get wrong."
        )
    if report.refused:
        lines.append(f"[yellow]{len(report.refused):,} that were written are not drawn:[/]")
        lines += [f"  {plain(refused.reason)}" for refused in report.refused[:_MOST_NAMED]]
        lines.append("Words that name a label as well go into \\[prompts] synonyms.")
    return lines + not_looked_at_lines(report.not_looked_at)


def not_looked_at_lines(techniques: Iterable[NotLookedAt]) -> list[str]:
    """What is not counted, and why."""
    return [told for technique in techniques for told in _not_looked_at(technique)]


def _not_looked_at(technique: NotLookedAt) -> list[str]:
    lines = [
        f"[yellow]Not counted: the {technique.technique} of {plain(technique.source)}[/]. Label "
        "Studio is not asked before a run."
    ]
    if technique.known:
        found = count(technique.known, "image")
        lines.append(f"Counted are the {found} of it that an earlier run found.")
    return lines


def write_lines(report: WriteReport, path: Path) -> list[str]:
    """What was written, what it cost, and what is missing."""
    if report.writer is None:
        return [
            "This campaign has no writer. Name one in \\[prompts] writer, for example",
            '"openai:gpt-6-luna", or "compatible:MODEL" with a base_url.',
        ]
    lines = [line("written", "nothing to do")]
    if report.requests:
        counted = f"{count(report.written, 'text')} in {count(report.requests, 'request')}"
        lines = [line("written", f"{counted}, {cost(report.cost_usd, report.unpriced)}")]
    if report.duplicates:
        lines.append(line("", f"{report.duplicates:,} said what was there already"))
    if report.refused:
        lines.append(line("", f"{report.refused:,} never mention their label: kept, and not drawn"))
    for short in report.short[:_MOST_NAMED]:
        came = f"{short.usable:,} of {short.count:,} {plain(short.kind)} for {plain(short.label)}"
        lines.append(line("", f"[yellow]{came}: more did not come[/]"))
    if len(report.short) > _MOST_NAMED:
        lines.append(line("", f"{len(report.short) - _MOST_NAMED:,} more fall short"))
    if report.short:
        lines.append(line("", "a larger writing.count asks again; without it, these are used"))
    return [*lines, "", f"Next: ls-clip prompts plan {plain(path)}"]


def prompts_table(report: PromptList) -> Table:
    """One row for each prompt."""
    table = _table(report.campaign)
    for heading in ("label", "technique", "prompt", "compositional"):
        table.add_column(heading, overflow="fold")
    for prompt in report.prompts:
        words = ", ".join(prompt.compositional)
        table.add_row(*map(plain, (prompt.label, prompt.technique, prompt.text, words)))
    return table


def export_lines(report: ExportReport) -> list[str]:
    """Where the file is, and what it is good for."""
    return [
        line("exported", f"{count(report.prompts, 'prompt')} to {plain(report.file)}"),
        "",
        "Each line is a chat: train a model on this machine with it (trl, unsloth or axolotl read",
        "it as it is), or at a provider that still offers fine-tuning. OpenAI takes no new",
        "customers for it since May 2026, and ends it for all on 2027-01-06.",
    ]


def _table(title: str) -> Table:
    from rich.table import Table

    return Table(
        box=None,
        padding=(0, 1, 0, 0),
        title=plain(title),
        title_justify="left",
        title_style="bold",
    )


def _cells(group: Group) -> list[str]:
    counts = (group.prompts, group.distinct, group.compositional)
    return [plain(group.label), plain(group.technique), *map(str, counts)]


def _spread(counts: Mapping[str, int]) -> str:
    if not counts:
        return ""
    least, most = min(counts.values()), max(counts.values())
    return f"{len(counts)} × {least}" if least == most else f"{len(counts)} × {least}–{most}"
