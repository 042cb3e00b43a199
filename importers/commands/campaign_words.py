"""Reports in words: the lines that people read, with rich markup."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from importers.commands import costs
from importers.commands.output import cost, line, plain
from ls_backend.words import count, dollars

if TYPE_CHECKING:
    from rich.table import Table

    from importers.generation.stage import GenerateReport
    from importers.label_studio.push import PushReport
    from importers.label_studio.tabs import TabCount
    from importers.pipeline import ScoreReport
    from importers.scoring.prune import PruneReport
    from importers.status import CampaignStatus, Counts, ProjectStatus

_ALWAYS_SHOWN = {
    "planned": "planned",
    "generated": "images",
    "scored": "scored",
    "pushed": "pushed",
}
_DECIDED = ("approved", "relabelled", "rejected", "unusable", "none_of_these", "skipped")
_SHOWN_WHERE_ANY = ("refused", "held", "undecided", *_DECIDED)


def new_lines(file: Path) -> list[str]:
    """What to do with a new campaign."""
    return [
        f"Wrote {plain(file)}, with every key explained.",
        "",
        "It runs as it stands, offline and without keys:",
        "  ls-clip sketch [dim]# in another terminal: draws the images[/]",
        "  export LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=…",
        f"  ls-clip run {plain(file.parent)}",
    ]


def new_project_lines(file: Path) -> list[str]:
    """What to do with a new file for an existing project."""
    return [
        f"Wrote {plain(file)}, with every key explained.",
        "",
        "Say in it which answers count, and where the pictures go. Then:",
        "  export LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=…",
        f"  ls-clip sync {plain(file.parent)}",
    ]


def generate_lines(report: GenerateReport) -> list[str]:
    """What came of the requests, and what is left."""
    lines = [line("generated", _generated(report))]
    if report.refused:
        refused = f"{count(report.refused, 'prompt')} refused by the generator"
        lines.append(line("", f"{refused}; not asked again"))
    if report.unanswered:
        unanswered = f"{count(report.unanswered, 'request')} without an image"
        lines.append(line("", f"{unanswered}; each may be paid for"))
    lines += costs.given_up_lines(report.given_up)
    lines += costs.cap_lines(report.caps_reached)
    if report.in_batch:
        in_batch = f"{count(report.in_batch, 'image')} in a batch at the provider"
        lines.append(line("", f"{in_batch}; run it again to collect them"))
    if report.missing > report.in_batch:
        done = report.planned - report.missing - len(report.given_up)
        then = "" if report.caps_reached else "; run it again"
        lines.append(line("", f"{done} of {report.planned} samples are done{then}"))
    return lines


def score_lines(report: ScoreReport) -> list[str]:
    """How many images have a new score."""
    scored = f"{count(report.scored, 'image')} with {plain(report.model_version)}"
    lines = [line("scored", scored if report.scored else "nothing to do")]
    if report.unreadable:
        unreadable = count(report.unreadable, "image")
        lines.append(line("", f"{unreadable} cannot be read; named above"))
    return lines


def held_lines(held: Mapping[str, int]) -> list[str]:
    """How many images people do not see, and why."""
    return [
        line("" if lines else "held back", f"{number:,} {plain(reason)}")
        for lines, (reason, number) in enumerate(held.items())
    ]


def push_lines(report: PushReport) -> list[str]:
    """What stands in Label Studio now, and in which order."""
    new = report.pushed + report.found
    lines = [line("pushed", f"{count(new, 'task')}" if new else "nothing to do")]
    if report.found:
        lines.append(line("", f"{report.found:,} of them stood there already, from a killed run"))
    if report.audit:
        lines.append(line("", f"{report.audit:,} of them in the audit sample"))
    if report.rescored:
        lines.append(line("", f"{count(report.rescored, 'task')} with a new prediction"))
    if report.below:
        few = count(report.below, "task")
        lines.append(line("", f"{few} of them below drop_below; drop = true would leave them out"))
    if report.dropped:
        lines.append(line("dropped", f"{count(report.dropped, 'image')} below drop_below"))
    lines += held_lines(report.held)
    if report.order is not None:
        color = "green" if report.order.as_promised else "yellow"
        lines.append(line("", f"[{color}]{plain(report.order.explanation)}[/]"))
    lines += tab_lines(report.tabs)
    if report.project_url is not None:
        lines.append(line("", plain(report.project_url)))
    return lines


def tab_lines(tabs: Sequence[TabCount]) -> list[str]:
    """How many tasks each tab shows, and which do not show what they should."""
    shown = [f"{tab.shown:,} in {plain(tab.title)}" for tab in tabs if not tab.is_sheet]
    sheets = [tab.shown for tab in tabs if tab.is_sheet]
    if sheets:
        shown.append(f"{sum(sheets):,} on {count(len(sheets), 'sheet')}, one for each label")
    lines = [line("" if number else "tabs", words) for number, words in enumerate(shown)]
    lost = [tab for tab in tabs if tab.lost]
    if lost:
        names = "; ".join(f"{plain(tab.title)}, {tab.lost:,} of {tab.new:,}" for tab in lost)
        lines.append(line("", f"[yellow]Label Studio's filters lose new tasks: {names}.[/]"))
        lines.append(line("", "[yellow]It may be too old: ls-clip doctor says so.[/]"))
    return lines


def prune_lines(report: PruneReport) -> list[str]:
    """What was deleted, or would be, and what stayed."""
    freed = f"{count(report.images, 'image')}, {report.bytes / 1e6:,.1f} MB"
    done = "would go" if report.dry_run else "deleted"
    lines = [line(done, freed if report.bytes else "nothing to do")]
    lines += [line("", f"{number:,} {plain(why)}") for why, number in report.reasons.items()]
    if report.unfinished:
        lines.append(line("", f"{count(report.unfinished, 'file')} half-written by a killed run"))
    if report.needed:
        lines.append(line("stayed", f"{count(report.needed, 'image')} that others need"))
    return lines


def status_lines(status: CampaignStatus) -> list[str]:
    """Spending, and what the table does not say."""
    spent = status.spending
    unpriced = f"; the price of {spent.unpriced:,} is not known" if spent.unpriced else ""
    lines = [f"Spent {dollars(spent.cost_usd)} on {count(spent.stored, 'image')}{unpriced}."]
    if spent.unknown:
        lines.append(f"{count(spent.unknown, 'request')} without an answer may be paid for too.")
    if status.in_batch:
        lines.append(f"{count(status.in_batch, 'image')} in a batch at the provider.")
    lines += costs.given_up_lines(status.given_up)
    if status.earlier:
        lines.append(f"Of the samples, {status.earlier:,} stem from an earlier campaign.toml.")
    if status.held:
        reasons = ", ".join(f"{number:,} {plain(why)}" for why, number in status.held.items())
        lines.append(f"Held back: {reasons}.")
    if status.project_url is not None:
        lines.append(f"Review: {status.project_url}")
    return lines


def project_lines(status: ProjectStatus, path: Path) -> list[str]:
    """What people decided in a project of somebody else, and what of that is stored."""
    verdicts = {_heading(name): number for name, number in status.verdicts.items()}
    decided = _numbers(verdicts) or f"none yet; ls-clip sync {plain(path)} reads them"
    lines = [
        line("project", f"{status.project}, {plain(status.name)}"),
        line("verdicts", decided),
    ]
    lines += [
        line("", f"[yellow]{number:,} undecided: {plain(reason)}[/]")
        for reason, number in status.undecided_reasons.items()
    ]
    lines.append(line("stored", count(status.stored, "sample")))
    if status.stored:
        lines += [line("", plain(_numbers(status.labels))), line("", _numbers(status.splits))]
    return [*lines, line("release", status.release or "none yet")]


def _numbers(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items() if number)


def status_table(status: CampaignStatus) -> Table:
    """One row for each label, and their sum."""
    from rich.table import Table

    used = [name for name in _SHOWN_WHERE_ANY if getattr(status.total, name)]
    table = Table(
        box=None,
        padding=(0, 1, 0, 0),
        title=plain(status.campaign),
        title_justify="left",
        title_style="bold",
    )
    table.add_column("label", overflow="fold")
    for heading in (*_ALWAYS_SHOWN.values(), *map(_heading, used)):
        table.add_column(heading, justify="right")

    def cells(counts: Counts) -> list[str]:
        return [str(getattr(counts, name)) for name in (*_ALWAYS_SHOWN, *used)]

    for label, counts in status.labels.items():
        table.add_row(plain(label), *cells(counts))
    table.add_row("all", *cells(status.total), style="bold")
    return table


def _generated(report: GenerateReport) -> str:
    if report.generated:
        spent = cost(report.cost_usd, report.unpriced)
        return f"{count(report.generated, 'image')}, {spent}"
    if report.in_batch and not report.refused:
        return "no image yet"
    return "no image" if report.missing or report.refused else "nothing to do"


def _heading(name: str) -> str:
    return name.replace("_", " ")
