"""The commands of whoever keeps a Label Studio project and its ML backend in order."""

from __future__ import annotations

from typing import Annotated

import typer

from importers.commands.campaign import AsJson, label_studio
from importers.commands.output import show, watching
from importers.commands.servers import Model

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
    from importers.commands import campaign_words
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
    show(campaign_words.prelabel_lines(report), report, json)


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
    from importers.commands import campaign_words
    from importers.label_studio.doctor import examine

    with watching():
        report = examine(project, url)
    show(campaign_words.doctor_lines(report), report, json)
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
    from importers.commands import campaign_words
    from importers.label_studio.explain import explain_task

    with label_studio() as ls, watching():
        report = explain_task(ls, task, project)
    show(campaign_words.explain_lines(report), report, json)
