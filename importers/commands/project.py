"""The commands of whoever keeps a Label Studio project and its ML backend in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands import project_words
from importers.commands.arguments import AsJson, label_studio_at
from importers.commands.group import FAILED
from importers.commands.output import show, watching

if TYPE_CHECKING:
    from importers.config.campaign import Campaign
    from ls_backend.label_studio import LabelStudio

OptionalPath = Annotated[
    Path | None,
    typer.Argument(
        metavar="CAMPAIGN",
        help="The folder of a campaign, or of a project that is synced, or its TOML file.",
        show_default=False,
    ),
]
ProjectNumber = Annotated[
    int | None,
    typer.Option(
        help="Instead: number of any project, as in its address in the browser.",
        show_default=False,
    ),
]


def prelabel(
    path: OptionalPath = None,
    project: ProjectNumber = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="CLIP model: ARCH/PRETRAINED of open_clip, a folder, or sketch.",
            show_default="the campaign's; else CLIP_MODEL, or ViT-B-32/laion2b_s34b_b79k",
        ),
    ] = None,
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

    Tasks that have one of the same version are left alone, so it can be stopped and run again. The
    exit status is 1 where tasks lack one and none of them could be given any; tasks in which no
    region is drawn yet do not count beside others that have one.
    """
    from importers.label_studio.prelabel import prelabel_project
    from ls_backend.settings import settings_from_env

    named = _named(path, project)
    settings = settings_from_env()
    with label_studio_at(named.review_url) as ls, watching() as watch:
        report = prelabel_project(
            ls,
            named.project_in(ls),
            model or named.model or settings.model,
            settings,
            model_version,
            watch("Predicting"),
        )
    show(project_words.prelabel_lines(report), report, json)
    if report.in_vain:
        raise typer.Exit(FAILED)


def doctor(
    path: OptionalPath = None,
    project: ProjectNumber = None,
    task: Annotated[
        int | None,
        typer.Option(
            help="Number of a task: say why it shows no prediction, or no score.",
            show_default=False,
        ),
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

    Nothing is changed. Without a campaign or a project, servers alone are looked at. With --task
    one task is: the ML backend is asked for its prediction, and none is stored. The exit status is
    0 where nothing failed, else that of the first failure:

    \b
    11 Label Studio    answers, is one, and is not too old
    12 token           is known there
    13 project         is there
    14 labeling config has a control that CLIP can fill
    15 label wording   (warns only)
    16 ML address      is not refused: ML_BLOCK_LOCAL_IP
    17 registered      with the project, and reached from Label Studio
    18 backend         answers from here, and its model is loaded
    19 image           of the project's first task can be read from here
    20 prediction      comes for that task
    21 queue           shows scores, lowest first where a campaign asks for that
    22 webhook address is not refused: SSRF_PROTECTION_ENABLED
    23 webhook         is there once, active, and accepted
    24 label pairs     CLIP can tell the labels apart (only ever a warning)
    """
    from importers.label_studio.doctor import examine

    named = NamedProject() if path is None and project is None else _named(path, project)
    if task is not None:
        if url is not None:
            raise typer.BadParameter("--task and --url do not go together.")
        _explain(named, task, json)
        return
    with watching():
        report = examine(named.known_project(), url, named.review_url)
    show(project_words.doctor_lines(report), report, json)
    raise typer.Exit(report.exit_code)


def _explain(named: NamedProject, task: int, json: bool) -> None:
    from importers.label_studio.explain import explain_task

    with label_studio_at(named.review_url) as ls, watching():
        project = None if named == NamedProject() else named.project_in(ls)
        report = explain_task(ls, task, project)
    show(project_words.explain_lines(report), report, json)


def connect(
    path: OptionalPath = None,
    project: ProjectNumber = None,
    url: Annotated[
        str, typer.Option(help="The ML backend, as Label Studio reaches it.")
    ] = "http://127.0.0.1:9090",
    json: AsJson = False,
) -> None:
    """Connect the ML backend and its webhook to a Label Studio project, or mend the connection.

    Where the backend has BASIC_AUTH_USER and _PASS, or CLIP_WEBHOOK_SECRET: set them here, too.
    """
    from importers.label_studio.connect import connect_campaign, connect_project
    from importers.ledger import Ledger

    named = _named(path, project)
    with label_studio_at(named.review_url) as ls, watching():
        if named.campaign is None:
            report = connect_project(ls, named.project_in(ls), url)
        else:
            with Ledger(named.campaign.ledger_path, writing=False) as ledger:
                report = connect_campaign(ls, ledger, url)
    show(project_words.connect_lines(report, url, named.project), report, json)


@dataclass(frozen=True)
class NamedProject:
    """The project that a command is about.

    Attributes:
        review_url: Address of its Label Studio; None where the environment names it.
        project: Number of a project; None for that of a campaign, which the ledger knows.
        campaign: The campaign that made it; None for any other project.
    """

    review_url: str | None = None
    project: int | None = None
    campaign: Campaign | None = None

    @property
    def model(self) -> str | None:
        """The campaign's CLIP model."""
        return self.campaign.score.model if self.campaign else None

    def known_project(self) -> int | None:
        """Its number; None for a campaign that was not pushed yet."""
        from importers.label_studio.project import project_of
        from importers.ledger import Ledger

        if self.campaign is None:
            return self.project
        with Ledger(self.campaign.ledger_path, writing=False) as ledger:
            return project_of(ledger)

    def project_in(self, ls: LabelStudio) -> int:
        """Its number in Label Studio.

        Raises:
            LabelStudioError: the campaign was not pushed yet, or its project is another one.
        """
        from importers.label_studio.project import campaign_project
        from importers.ledger import Ledger

        if self.campaign is None:
            assert self.project is not None, "one of the two is known"
            return self.project
        with Ledger(self.campaign.ledger_path, writing=False) as ledger:
            return int(campaign_project(ls, ledger)["id"])


def _named(path: Path | None, project: int | None) -> NamedProject:
    """What the argument or the option names; one of the two is needed."""
    from importers.config.job import load_job

    if (path is None) == (project is None):
        raise typer.BadParameter("Name a campaign, or another project with --project.")
    if path is None:
        return NamedProject(project=project)
    job = load_job(path)
    return NamedProject(job.review_url, job.project, job.campaign)
