"""The commands that say what a campaign has cost, and what it would cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from importers.commands.arguments import AsJson, CampaignPath
from importers.commands.output import line, plain, show, watching
from importers.commands.prompts import not_looked_at_lines
from ls_backend.words import count, dollars

if TYPE_CHECKING:
    from rich.table import Table

    from importers.generation.budget import CapReached
    from importers.generation.costs import Cost, CostReport
    from importers.generation.forecast import Forecast
    from importers.generation.one_by_one import GivenUp
    from importers.openai_api.prices import Price


def costs(path: CampaignPath, json: AsJson = False) -> None:
    """Show what a campaign has cost, by model, label and technique."""
    from importers.config.campaign import load_campaign
    from importers.generation.costs import campaign_costs

    report = campaign_costs(load_campaign(path))
    show(cost_lines(report), report, json)


def show_forecast(path: Path, json: bool) -> None:
    """What `--dry-run` shows instead of drawing."""
    from importers.config.campaign import load_campaign
    from importers.generation.forecast import forecast

    with watching():
        report = forecast(load_campaign(path))
    show(forecast_lines(report), report, json)


_MOST_LISTED = 10
_CAP_OF = {"per_run_usd": "this run", "per_day_usd": "today (UTC)", "per_label_usd": "a label"}


def cost_lines(report: CostReport) -> list[str | Table]:
    """A table for models, labels and techniques, and what it does not say."""
    total = report.total
    if not (total.images or total.unknown or report.writers):
        return [f"Nothing of {plain(report.campaign)} is paid for yet."]
    lines: list[str | Table] = [_table(report), ""]
    for writer, cost in report.writers.items():
        spent = f"{dollars(cost.cost_usd)} for {count(cost.requests, 'answer')}"
        unpriced = f", {cost.unpriced:,} of unknown cost" if cost.unpriced else ""
        unknown = f", {cost.unknown:,} more without an answer" if cost.unknown else ""
        lines.append(f"Prompts written by {plain(writer)}: {spent}{unpriced}{unknown}.")
    lines.append(f"Known costs in all: {dollars(report.total_usd)}.")
    if total.unpriced:
        lines.append(f"On top: {count(total.unpriced, 'image')} whose cost is not known.")
    if total.unknown:
        lines.append(
            f"On top, perhaps: {count(total.unknown, 'request')} without an answer; "
            f"reserved for that: {dollars(total.reserved_usd)}."
        )
    if not total.approved:
        lines.append("Cost per approved sample: after `ls-clip sync`, when people have decided.")
    return lines


def forecast_lines(report: Forecast) -> list[str]:
    """Images, tokens, price and time, before anything is sent."""
    lines = [line("images", f"{report.images:,} of {report.planned:,} samples are to be drawn")]
    lines.append(line("with", f"{plain(report.model)}, {report.size}, {report.tier} tier"))
    if report.tokens is not None:
        tokens = report.tokens
        parts = {
            "text in": tokens.text_in,
            "image in": tokens.image_in,
            "image out": tokens.image_out,
        }
        counts = ", ".join(f"{number:,} of {kind}" for kind, number in parts.items() if number)
        lines.append(line("tokens", f"at most {counts}" if counts else "none"))
    elif not report.free:
        lines.append(line("tokens", "[yellow]not known[/]"))
    lines.append(line("price", _price(report)))
    if report.price is not None:
        lines += [line("", text) for text in _price_lines(report.price)]
    lines += [line("", plain(sentence)) for sentence in report.assumptions]
    lines.append(line("time", _time(report)))
    lines += cap_lines(report.caps_reached, "would be")
    if report.caps_reached:
        lines.append(line("", f"the caps leave room for {count(report.affordable, 'image')}"))
    if report.terms:
        lines.append(line("terms", plain(report.terms)))
    if report.obstacle:
        lines.append(line("stops", f"[red]{plain(report.obstacle)}[/]"))
    not_counted = not_looked_at_lines(report.not_looked_at)
    return [*lines, "", *not_counted, "Nothing was sent."]


def cap_lines(caps: Sequence[CapReached], verb: str = "is") -> list[str]:
    """Which caps keep requests from being sent, and what to do."""
    return [told for cap in caps for told in _cap_lines(cap, verb)]


def given_up_lines(samples: Sequence[GivenUp]) -> list[str]:
    """Samples that are not asked for again, and what to do."""
    if not samples:
        return []
    noun = "sample is" if len(samples) == 1 else "samples are"
    lines = [line("given up", f"[yellow]{len(samples):,} {noun} not asked for again:[/]")]
    lines += [
        line("", f"{plain(s.prompt)} ({count(s.requests, 'request')} without an image)")
        for s in samples[:_MOST_LISTED]
    ]
    if len(samples) > _MOST_LISTED:
        lines.append(line("", f"and {len(samples) - _MOST_LISTED:,} more; all are in --json"))
    return [
        *lines,
        line("", "each may be paid for: look at your account's usage page. To ask again,"),
        line("", "raise generator.max_unanswered; to leave them out, change the prompts"),
    ]


def _cap_lines(cap: CapReached, verb: str) -> list[str]:
    limit = dollars(cap.limit_usd)
    of = _CAP_OF[cap.cap] if cap.label is None else f"label {plain(cap.label)}"
    needed = "of unknown cost" if cap.needed_usd is None else f"up to {dollars(cap.needed_usd)}"
    return [
        line("cap", f"[yellow]budget.{cap.cap} = {limit} {verb} reached for {of}[/]"),
        line(
            "",
            f"{dollars(cap.spent_usd)} spent or reserved, {dollars(cap.left_usd)} left; "
            f"the next image costs {needed}",
        ),
        line("", _cap_step(cap)),
    ]


def _cap_step(cap: CapReached) -> str:
    raise_it = f"raise budget.{cap.cap}"
    if cap.needed_usd is not None and cap.needed_usd > cap.limit_usd:
        return f"{raise_it}: one image alone may cost more"
    return {
        "per_run_usd": f"run it again for the next part, or {raise_it}",
        "per_day_usd": f"run it again after midnight UTC, or {raise_it}",
        "per_label_usd": f"{raise_it}, or ask for fewer samples",
    }[cap.cap]


def _price(report: Forecast) -> str:
    if report.free:
        return "$0.00: nobody is paid for these images"
    if report.unpriced == report.images and report.images:
        return "[yellow]not known, which does not mean that it is free[/]"
    about = "about" if report.assumptions else "at most"
    text = f"{about} {dollars(report.cost_usd)}"
    priced = report.images - report.unpriced
    if priced:
        text += f", {dollars(report.cost_usd / priced)} an image"
    if report.unpriced:
        text += f"; [yellow]{count(report.unpriced, 'image')} of unknown price on top[/]"
    return text


def _price_lines(price: Price) -> list[str]:
    return [
        f"a million tokens: text in {dollars(price.text_in)}, image in {dollars(price.image_in)}, "
        f"image out {dollars(price.image_out)}",
        f"since {price.since}, read on {price.read_on} in {plain(price.source)}",
    ]


def _time(report: Forecast) -> str:
    if report.tier == "batch":
        return "within a day: the Batch API says no more"
    if report.seconds is None or report.seconds_per_image is None:
        return "not known: nothing is drawn with this model yet"
    return (
        f"about {_duration(report.seconds)}: {report.seconds_per_image:.1f} s an image as "
        f"measured, {report.parallel} at a time"
    )


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _table(report: CostReport) -> Table:
    from rich.table import Table

    table = Table(
        box=None,
        padding=(0, 1, 0, 0),
        title=plain(report.campaign),
        title_justify="left",
        title_style="bold",
    )
    table.add_column("", overflow="fold")
    for heading in ("images", "spent", "unpriced", "unanswered", "approved", "per approved"):
        table.add_column(heading, justify="right")
    for heading, costs in (
        ("model", report.models),
        ("label", report.labels),
        ("technique", report.techniques),
    ):
        _add_rows(table, heading, costs)
    table.add_row("all", *_cells(report.total), style="bold")
    return table


def _add_rows(table: Table, heading: str, costs: Mapping[str, Cost]) -> None:
    table.add_row(heading, style="dim")
    for name, cost in costs.items():
        table.add_row(f"  {plain(name)}", *_cells(cost))
    table.add_section()


def _cells(cost: Cost) -> list[str]:
    per_approved = "" if cost.per_approved_usd is None else dollars(cost.per_approved_usd)
    if cost.approved and cost.per_approved_usd is None:
        per_approved = "not known"
    return [
        f"{cost.images:,}",
        dollars(cost.cost_usd) if cost.unpriced < cost.images or not cost.images else "not known",
        f"{cost.unpriced:,}" if cost.unpriced else "",
        f"{cost.unknown:,}" if cost.unknown else "",
        f"{cost.approved:,}" if cost.decided else "",
        per_approved,
    ]
