"""Reports in words: the lines that people read, with rich markup."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from importers.commands import words_costs
from importers.commands.markup import count as _count
from importers.commands.markup import dollars
from importers.commands.markup import line as _line
from importers.commands.markup import plain as _plain

if TYPE_CHECKING:
    from rich.table import Table

    from importers.generation.stage import GenerateReport
    from importers.label_studio.connect import ConnectReport
    from importers.label_studio.doctor_checks import DoctorReport
    from importers.label_studio.explain import Explanation
    from importers.label_studio.prelabel import PrelabelReport
    from importers.label_studio.push import PushReport
    from importers.pipeline import ScoreReport
    from importers.scoring.gc import GcReport
    from importers.status import CampaignStatus, Counts

_ALWAYS_SHOWN = {
    "planned": "planned",
    "generated": "images",
    "scored": "scored",
    "pushed": "pushed",
}
_CAMPAIGN_CHANGED = (
    "The backend has another model, or the campaign's labels or texts have changed: serve",
    "the campaign's model, or run `ls-clip run` so that the queue gets the new scores.",
)
_WITHOUT_PREDICTION = {
    "no_region": "no region is drawn",
    "invalid": "CLIP's answer does not fit the labeling config; named above",
    "dropped": "Label Studio did not keep it",
}
_DECIDED = ("approved", "relabelled", "rejected", "unusable", "none_of_these", "skipped")
_SHOWN_WHERE_ANY = ("refused", "held", "undecided", *_DECIDED)


def new_lines(file: Path) -> list[str]:
    """What to do with a new campaign."""
    return [
        f"Wrote {_plain(file)}, with every key explained.",
        "",
        "It runs as it stands, offline and without keys:",
        "  ls-clip sketch [dim]# in another terminal: draws the images[/]",
        "  export LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=…",
        f"  ls-clip run {_plain(file.parent)}",
    ]


def new_project_lines(file: Path) -> list[str]:
    """What to do with a new file for an existing project."""
    return [
        f"Wrote {_plain(file)}, with every key explained.",
        "",
        "Say in it which answers count, and where the pictures go. Then:",
        "  export LABEL_STUDIO_URL=http://localhost:8080 LABEL_STUDIO_API_KEY=…",
        f"  ls-clip sync {_plain(file.parent)}",
    ]


def generate_lines(report: GenerateReport) -> list[str]:
    """What came of the requests, and what is left."""
    lines = [_line("generated", _generated(report))]
    if report.refused:
        refused = f"{_count(report.refused, 'prompt')} refused by the generator"
        lines.append(_line("", f"{refused}; not asked again"))
    if report.unanswered:
        unanswered = f"{_count(report.unanswered, 'request')} without an image"
        lines.append(_line("", f"{unanswered}; each may be paid for"))
    lines += words_costs.given_up_lines(report.given_up)
    lines += words_costs.cap_lines(report.caps_reached)
    if report.in_batch:
        in_batch = f"{_count(report.in_batch, 'image')} in a batch at the provider"
        lines.append(_line("", f"{in_batch}; run it again to collect them"))
    if report.missing > report.in_batch:
        done = report.planned - report.missing - len(report.given_up)
        then = "" if report.caps_reached else "; run it again"
        lines.append(_line("", f"{done} of {report.planned} samples are done{then}"))
    return lines


def score_lines(report: ScoreReport) -> list[str]:
    """How many images have a new score."""
    scored = f"{_count(report.scored, 'image')} with {_plain(report.model_version)}"
    lines = [_line("scored", scored if report.scored else "nothing to do")]
    if report.unreadable:
        unreadable = _count(report.unreadable, "image")
        lines.append(_line("", f"{unreadable} cannot be read; named above"))
    return lines


def held_lines(held: Mapping[str, int]) -> list[str]:
    """How many images people do not see, and why."""
    return [
        _line("" if lines else "held back", f"{number:,} {_plain(reason)}")
        for lines, (reason, number) in enumerate(held.items())
    ]


def push_lines(report: PushReport) -> list[str]:
    """What stands in Label Studio now, and in which order."""
    new = report.pushed + report.found
    lines = [_line("pushed", f"{_count(new, 'task')}" if new else "nothing to do")]
    if report.found:
        lines.append(_line("", f"{report.found:,} of them stood there already, from a killed run"))
    if report.audit:
        lines.append(_line("", f"{report.audit:,} of them in the audit sample"))
    if report.rescored:
        lines.append(_line("", f"{_count(report.rescored, 'task')} with a new prediction"))
    if report.below:
        few = _count(report.below, "task")
        lines.append(_line("", f"{few} of them below drop_below; --drop would leave them out"))
    if report.dropped:
        lines.append(_line("dropped", f"{_count(report.dropped, 'image')} below drop_below"))
    lines += held_lines(report.held)
    if report.order is not None:
        color = "green" if report.order.as_promised else "yellow"
        lines.append(_line("", f"[{color}]{_plain(report.order.explanation)}[/]"))
    if report.project_url is not None:
        lines.append(_line("", _plain(report.project_url)))
    return lines


def gc_lines(report: GcReport) -> list[str]:
    """What was deleted, or would be, and what stayed."""
    freed = f"{_count(report.images, 'image')}, {report.bytes / 1e6:,.1f} MB"
    done = "would go" if report.dry_run else "deleted"
    lines = [_line(done, freed if report.bytes else "nothing to do")]
    lines += [_line("", f"{number:,} {_plain(why)}") for why, number in report.reasons.items()]
    if report.unfinished:
        lines.append(_line("", f"{_count(report.unfinished, 'file')} half-written by a killed run"))
    if report.needed:
        lines.append(_line("stayed", f"{_count(report.needed, 'image')} that others need"))
    return lines


def connect_lines(report: ConnectReport, url: str, project: int | None) -> list[str]:
    """Whether Label Studio will ask the backend from now on; `project` is None for a campaign."""
    done = "registered" if report.created else "registered already"
    lines = [
        _line("backend", f"{_plain(url)}, {done}"),
        _line("answers", f"with {_plain(report.model_version)}"),
        *(_line("mended", _plain(fault)) for fault in report.mended),
    ]
    if not report.live:
        lines += [
            "",
            f"[yellow]The queue stays with the scores of {_plain(report.queue_version)}.[/]",
            *(_CAMPAIGN_CHANGED if project is None else _change_over(report, project)),
        ]
    elif report.created and project is not None:
        lines += next_step(
            f"open a task, or predict all of them: ls-clip prelabel --project {project}. "
            f"If nothing is shown: ls-clip doctor --project {project}"
        )
    return lines


def _change_over(report: ConnectReport, project: int) -> list[str]:
    return [
        "The backend is not asked for predictions as long as that is so. To change over:",
        f"ls-clip prelabel --project {project}, then choose {_plain(report.model_version)}",
        "in the project's Settings > Annotation.",
    ]


def prelabel_lines(report: PrelabelReport) -> list[str]:
    """How many tasks have a prediction now, and what people see of it."""
    lines = [
        _line("predicted", _count(report.done, "task") if report.done else "nothing to do"),
        _line("version", _plain(report.model_version)),
    ]
    if report.already:
        lines.append(_line("", f"{_count(report.already, 'task')} had one of this version"))
    for reason, number in report.failed.items():
        why = _plain(_WITHOUT_PREDICTION.get(reason, reason))
        lines.append(_line("", f"[yellow]{_count(number, 'task')} without: {why}[/]"))
    if report.queue_version != report.model_version:
        now = _plain(report.queue_version) or "no version"
        lines.append(_line("queue", f"[yellow]goes by the scores of {now}, as before[/]"))
    elif report.ordered:
        lines.append(_line("queue", "lowest score first"))
    else:
        lines.append(_line("queue", "scores are shown; to get the lowest first, choose"))
        lines.append(_line("", "Uncertainty sampling in the project's Settings > General"))
    return [*lines, _line("review", _plain(report.project_url))]


def doctor_lines(report: DoctorReport) -> list[str]:
    """Each check with what it found, and the fix where something is to do."""
    colors = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}
    lines = []
    for found in report.findings:
        state = f"[{colors[found.state]}]{found.state:<7}[/]"
        lines.append(f"{state} [bold]{found.name:<15}[/] {_plain(found.message)}")
        if found.fix:
            lines.append(f"{'':<23} [bold]fix:[/] {_plain(found.fix)}")
    return lines


def explain_lines(report: Explanation) -> list[str]:
    """What the task shows, and each reason why it is not more."""
    version = _plain(report.model_version) or "none"
    lines = [_line("task", f"{report.task} of project {report.project}")]
    lines.append(_line("shown", f"predictions of model version {version}"))
    for name, score in report.predictions.items():
        mark = "no score" if score is None else f"score {score:.3f}"
        lines.append(_line("has", f"{_plain(name)}, {mark}"))
    if report.shown:
        return [*lines, "", "It shows its prediction, with a score."]
    for reason in report.reasons:
        lines += ["", f"[yellow]{_plain(reason.message)}[/]", f"Next: {_plain(reason.next_step)}"]
    return lines


def status_lines(status: CampaignStatus) -> list[str]:
    """Spending, and what the table does not say."""
    spent = status.spending
    unpriced = f"; the price of {spent.unpriced:,} is not known" if spent.unpriced else ""
    lines = [f"Spent {dollars(spent.cost_usd)} on {_count(spent.stored, 'image')}{unpriced}."]
    if spent.unknown:
        lines.append(f"{_count(spent.unknown, 'request')} without an answer may be paid for too.")
    if status.in_batch:
        lines.append(f"{_count(status.in_batch, 'image')} in a batch at the provider.")
    lines += words_costs.given_up_lines(status.given_up)
    if status.earlier:
        lines.append(f"Of the samples, {status.earlier:,} stem from an earlier campaign.toml.")
    if status.held:
        reasons = ", ".join(f"{number:,} {_plain(why)}" for why, number in status.held.items())
        lines.append(f"Held back: {reasons}.")
    if status.project_url is not None:
        lines.append(f"Review: {status.project_url}")
    return lines


def status_table(status: CampaignStatus) -> Table:
    """One row for each label, and their sum."""
    from rich.table import Table

    used = [name for name in _SHOWN_WHERE_ANY if getattr(status.total, name)]
    table = Table(
        box=None,
        padding=(0, 1, 0, 0),
        title=_plain(status.campaign),
        title_justify="left",
        title_style="bold",
    )
    table.add_column("label", overflow="fold")
    for heading in (*_ALWAYS_SHOWN.values(), *map(_heading, used)):
        table.add_column(heading, justify="right")

    def cells(counts: Counts) -> list[str]:
        return [str(getattr(counts, name)) for name in (*_ALWAYS_SHOWN, *used)]

    for label, counts in status.labels.items():
        table.add_row(_plain(label), *cells(counts))
    table.add_row("all", *cells(status.total), style="bold")
    return table


def next_step(text: str) -> list[str]:
    """A last line that says what to do now."""
    return ["", f"Next: {text}"]


def _generated(report: GenerateReport) -> str:
    if report.generated:
        cost = _money(report.cost_usd, report.unpriced)
        return f"{_count(report.generated, 'image')}, {cost}"
    if report.in_batch and not report.refused:
        return "no image yet"
    return "no image" if report.missing or report.refused else "nothing to do"


def _money(cost_usd: Decimal, unpriced: int) -> str:
    cost = dollars(cost_usd)
    return f"{cost}, and the price of {unpriced:,} is not known" if unpriced else cost


def _heading(name: str) -> str:
    return name.replace("_", " ")
