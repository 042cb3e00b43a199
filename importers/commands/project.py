"""The commands of whoever keeps a Label Studio project and its ML backend in order."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, Model, label_studio
from importers.commands.output import line, next_step, plain, show, watching
from ls_backend.words import count

if TYPE_CHECKING:
    from importers.label_studio.connect import ConnectReport
    from importers.label_studio.doctor import DoctorReport
    from importers.label_studio.explain import Explanation
    from importers.label_studio.prelabel import PrelabelReport

ProjectNumber = Annotated[
    int, typer.Option(help="Number of the project, as in its address.", show_default=False)
]


def prelabel(
    project: ProjectNumber,
    model: Model = None,
    model_version: Annotated[
        str | None,
        typer.Option(
            help="Refuse to run unless the model gives predictions of this version.",
            show_default=False,
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Give all tasks of a project a CLIP prediction, in bulk.

    Tasks that have one of the same version are left alone, so it can be stopped and run again.
    """
    from importers.label_studio.prelabel import prelabel_project
    from importers.sketch import resolve_model
    from ls_backend.settings import settings_from_env

    settings = settings_from_env()
    with label_studio() as ls, watching() as watch:
        report = prelabel_project(
            ls,
            project,
            resolve_model(model or settings.model),
            settings,
            model_version,
            watch("Predicting"),
        )
    show(prelabel_lines(report), report, json)


def doctor(
    project: Annotated[
        int | None,
        typer.Option(help="Number of a project to look at, too.", show_default=False),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="The ML backend.",
            show_default="the one that the project has, or http://127.0.0.1:9090",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Check Label Studio, the ML backend and a project, and name each fix.

    Nothing is changed. The exit code is 0 where nothing failed, else that of the first failure:

    \b
    11 Label Studio    answers, and is one
    12 token           is known there
    13 project         is there
    14 labeling config has a control that CLIP can fill
    15 label wording   (warns only)
    16 ML address      is not refused: ML_BLOCK_LOCAL_IP
    17 registered      with the project, and reached from Label Studio
    18 backend         answers from here, and its model is loaded
    19 image           of the project's first task can be read from here
    20 prediction      comes for that task
    21 queue           shows scores and has the lowest first
    22 webhook address is not refused: SSRF_PROTECTION_ENABLED
    23 webhook         is there once, active, and accepted
    24 label pairs     CLIP can tell the labels apart (only ever a warning)
    """
    from importers.label_studio.doctor import examine

    with watching():
        report = examine(project, url)
    show(doctor_lines(report), report, json)
    raise typer.Exit(report.exit_code)


def explain(
    task: Annotated[
        int, typer.Argument(metavar="TASK_ID", help="Number of the task.", show_default=False)
    ],
    project: Annotated[
        int | None,
        typer.Option(help="Number of its project; saves a search.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Say why a task shows no prediction, or no score.

    Nothing is changed, and the ML backend is not asked for a prediction.
    """
    from importers.label_studio.explain import explain_task

    with label_studio() as ls, watching():
        report = explain_task(ls, task, project)
    show(explain_lines(report), report, json)


def connect(
    path: Annotated[
        Path | None,
        typer.Argument(
            metavar="CAMPAIGN", help="The campaign whose project to connect.", show_default=False
        ),
    ] = None,
    project: Annotated[
        int | None,
        typer.Option(help="Number of any other project, instead.", show_default=False),
    ] = None,
    url: Annotated[
        str, typer.Option(help="The ML backend, as Label Studio reaches it.")
    ] = "http://127.0.0.1:9090",
    json: AsJson = False,
) -> None:
    """Connect the ML backend and its webhook to a Label Studio project, or mend the connection.

    Where the backend has BASIC_AUTH_USER and _PASS, or CLIP_WEBHOOK_SECRET: set them here, too.
    """

    if path is not None and project is None:
        report = _connect_campaign(path, url)
    elif project is not None and path is None:
        report = _connect_project(project, url)
    else:
        raise typer.BadParameter("Name a campaign, or another project with --project.")
    show(connect_lines(report, url, project), report, json)


def _connect_campaign(path: Path, url: str) -> ConnectReport:
    from importers.config.campaign import load_campaign
    from importers.label_studio.connect import connect_campaign
    from importers.ledger import Ledger

    campaign = load_campaign(path)
    with (
        Ledger(campaign.ledger_path, writing=False) as ledger,
        label_studio(campaign) as ls,
        watching(),
    ):
        return connect_campaign(ls, ledger, url)


def _connect_project(number: int, url: str) -> ConnectReport:
    from importers.label_studio.connect import connect_project

    with label_studio() as ls, watching():
        return connect_project(ls, number, url)


_CAMPAIGN_CHANGED = (
    "The backend has another model, or the campaign's labels or texts have changed: serve",
    "the campaign's model, or run `ls-clip run` so that the queue gets the new scores.",
)

_WITHOUT_PREDICTION = {
    "no_region": "no region is drawn",
    "invalid": "CLIP's answer does not fit the labeling config; named above",
    "dropped": "Label Studio did not keep it",
}


def connect_lines(report: ConnectReport, url: str, project: int | None) -> list[str]:
    """Whether Label Studio will ask the backend from now on; `project` is None for a campaign."""
    done = "registered" if report.created else "registered already"
    lines = [
        line("backend", f"{plain(url)}, {done}"),
        line("answers", f"with {plain(report.model_version)}"),
        *(line("mended", plain(fault)) for fault in report.mended),
    ]
    if not report.live:
        lines += [
            "",
            f"[yellow]The queue stays with the scores of {plain(report.queue_version)}.[/]",
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
        f"ls-clip prelabel --project {project}, then choose {plain(report.model_version)}",
        "in the project's Settings > Annotation.",
    ]


def prelabel_lines(report: PrelabelReport) -> list[str]:
    """How many tasks have a prediction now, and what people see of it."""
    lines = [
        line("predicted", count(report.done, "task") if report.done else "nothing to do"),
        line("version", plain(report.model_version)),
    ]
    if report.already:
        lines.append(line("", f"{count(report.already, 'task')} had one of this version"))
    for reason, number in report.failed.items():
        why = plain(_WITHOUT_PREDICTION.get(reason, reason))
        lines.append(line("", f"[yellow]{count(number, 'task')} without: {why}[/]"))
    if report.queue_version != report.model_version:
        now = plain(report.queue_version) or "no version"
        lines.append(line("queue", f"[yellow]goes by the scores of {now}, as before[/]"))
    elif report.ordered:
        lines.append(line("queue", "lowest score first"))
    else:
        lines.append(line("queue", "scores are shown; to get the lowest first, choose"))
        lines.append(line("", "Uncertainty sampling in the project's Settings > General"))
    return [*lines, line("review", plain(report.project_url))]


def doctor_lines(report: DoctorReport) -> list[str]:
    """Each check with what it found, and the fix where something is to do."""
    colors = {"ok": "green", "warning": "yellow", "failed": "red", "skipped": "dim"}
    lines = []
    for found in report.findings:
        state = f"[{colors[found.state]}]{found.state:<7}[/]"
        lines.append(f"{state} [bold]{found.name:<15}[/] {plain(found.message)}")
        if found.fix:
            lines.append(f"{'':<23} [bold]fix:[/] {plain(found.fix)}")
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
