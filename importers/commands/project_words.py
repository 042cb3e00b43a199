"""What people read of a project and its ML backend: connected, prelabelled, examined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from importers.commands.fitting import Line
from importers.commands.output import line, next_step, plain
from ls_backend.words import count

if TYPE_CHECKING:
    from importers.label_studio.connect import ConnectReport
    from importers.label_studio.doctor import DoctorReport
    from importers.label_studio.explain import Explanation
    from importers.label_studio.prelabel import PrelabelReport

_CAMPAIGN_CHANGED = (
    "The backend has another model, or the campaign's labels or texts have changed: serve",
    "the campaign's model, or run `ls-clip run` so that the queue gets the new scores.",
)


def connect_lines(report: ConnectReport, url: str, project: int | None) -> list[str]:
    """Whether Label Studio will ask the backend from now on; `project` is None for a campaign."""
    done = "registered" if report.created else "registered already"
    lines = [
        line("backend", f"{plain(url)}, {done}"),
        line("answers", f"with {plain(report.model_version)}"),
        *(line("mended", plain(fault)) for fault in report.mended),
    ]
    for fault in report.faults:
        lines.append(line("notice" if fault.is_notice else "fault", _yellow(fault.message)))
        lines.append(line("", plain(fault.next_step)))
    if report.queue_version != report.model_version:
        lines += [
            "",
            f"[yellow]The queue stays with the scores of {plain(report.queue_version)}.[/]",
            *(_CAMPAIGN_CHANGED if project is None else _change_over(report, project)),
        ]
    elif report.created and report.live and project is not None:
        lines += next_step(
            f"open a task, or predict all of them: ls-clip prelabel --project {project}. "
            f"If nothing is shown: ls-clip doctor --project {project}"
        )
    return lines


def _yellow(text: str) -> str:
    return f"[yellow]{plain(text)}[/]"


def _change_over(report: ConnectReport, project: int) -> list[str]:
    return [
        "The backend is not asked for predictions as long as that is so. To change over:",
        f"ls-clip prelabel --project {project}, then choose {plain(report.model_version)}",
        "in the project's Settings > Annotation.",
    ]


def prelabel_lines(report: PrelabelReport) -> list[str]:
    """How many tasks have a prediction now, why others have none, and what people see of it."""
    from importers.label_studio.diagnosis import LOWEST_FIRST

    nothing = "none of the tasks" if report.in_vain else "nothing to do"
    lines = [
        line("predicted", count(report.done, "task") if report.done else nothing),
        line("version", plain(report.model_version)),
    ]
    if report.already:
        lines.append(line("", f"{count(report.already, 'task')} had one of this version"))
    for reason, number in report.failed.items():
        example = report.examples[reason]
        which = f"task {example.task}" if number == 1 else f"such as task {example.task}"
        without = f"{count(number, 'task')} without, {which}: {plain(example.message)}"
        lines += [line("", f"[yellow]{without}[/]"), line("", plain(example.hint))]
    if report.queue_version != report.model_version:
        now = plain(report.queue_version) or "no version"
        lines.append(line("queue", f"[yellow]goes by the scores of {now}, as before[/]"))
        lines.append(line("", "For these, choose them in the project's Settings > Annotation"))
    elif report.done or report.already:
        first = "lowest score first" if report.ordered else f"For the lowest first: {LOWEST_FIRST}"
        lines.append(line("queue", first))
        lines.append(line("scores", "in the Data Manager, at Columns > Prediction score"))
    return [*lines, line("review", plain(report.project_url))]


def doctor_lines(report: DoctorReport) -> list[str]:
    """Each check with what it found, and the fix where something is to do."""
    colors = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}
    lines: list[str] = []
    for found in report.findings:
        state = f"[{colors[found.state]}]{found.state:<7}[/]"
        lines.append(Line(f"{state} [bold]{found.name:<15}[/] {plain(found.message)}", 24))
        if found.fix:
            lines.append(Line(f"{'':<23} [bold]fix:[/] {plain(found.fix)}", 29))
    return lines


def explain_lines(report: Explanation) -> list[str]:
    """What the task shows, and each reason why it is not more."""
    version = plain(report.model_version) or "none"
    lines = [line("task", f"{report.task} of project {report.project}")]
    lines.append(line("shown", f"predictions of model version {version}"))
    for name, score in report.predictions.items():
        mark = "no score" if score is None else f"score {score:.3f}"
        lines.append(line("has", f"{plain(name)}, {mark}"))
    if report.shown:
        return [*lines, "", "It shows its prediction, with a score."]
    for reason in report.reasons:
        lines += ["", f"[yellow]{plain(reason.message)}[/]", f"Next: {plain(reason.next_step)}"]
    return lines
