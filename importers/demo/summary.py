"""What the demo tells at its end: counts for programs, and a page that a newcomer understands."""

from __future__ import annotations

import dataclasses
import json
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from ls_backend.words import dollars

if TYPE_CHECKING:
    from rich.console import Console

    from importers.demo.services import Login

BAR_WIDTH = 30


@dataclass(frozen=True)
class DemoReport:
    """The whole loop in numbers.

    Attributes:
        samples: Number of images that were planned and drawn.
        pushed: Number of them that became tasks in Label Studio.
        audit: Number of tasks in the audit sample.
        wrong: Number of tasks whose picture does not show its label.
        wrong_found_first_quarter: Number of these in the first quarter of the queue.
        order_as_promised: Whether Label Studio served the queue lowest score first.
        predictions_live: Number of tasks of the second project that the ML backend answered.
        approved, relabelled: Number of tasks with that verdict.
        rejected: Number of tasks that fit no label: none of these, or unusable.
        synced: Number of samples in the training folder.
        cost_usd: Cost of the drawing in US dollars.
        storage: Address of the training folder.
        release: Name of the release there.
        project_url: Address of the reviewed project.
    """

    samples: int
    pushed: int
    audit: int
    wrong: int
    wrong_found_first_quarter: int
    order_as_promised: bool
    predictions_live: int
    approved: int
    relabelled: int
    rejected: int
    synced: int
    cost_usd: Decimal
    storage: str
    release: str
    project_url: str

    def as_json(self) -> str:
        """One line; money is a number."""
        return json.dumps({**dataclasses.asdict(self), "cost_usd": float(self.cost_usd)})


@dataclass(frozen=True)
class Places:
    """Where a run left its things.

    Attributes:
        campaign: Folder of the reviewed campaign.
        yours: Folder of the campaign that waits for review by whoever runs the demo.
        logs: Folder of the logs.
        environment: File with Label Studio's address and token for `ls-clip`.
    """

    campaign: Path
    yours: Path
    logs: Path
    environment: Path


def show_summary(console: Console, report: DemoReport, places: Places, seconds: float) -> None:
    """Print what happened, what it was good for, and where everything is."""
    _print(console, _what_happened(report, seconds))
    _print(console, _first_quarter(report))
    _print(console, _where(report, places))


def show_open(
    console: Console, url: str, login: Login, projects: Mapping[str, str], places: Places
) -> None:
    """Print how to get into the Label Studio that is still open, and what to try there.

    Args:
        projects: Address of each project, by what it is for.
    """
    reviewed, live, yours = projects.values()
    _print(
        console,
        [
            f"[bold]Label Studio is open at {url}[/]",
            f"  Login     {login.username}   password  {_plain(login.password)}",
            f"  Reviewed  {reviewed}",
            f"  Live      {live}   labelled by the ML backend alone",
            f"  Yours     {yours}   nobody has reviewed these",
        ],
    )
    sync = f". {_argument(places.environment)} && {_ls_clip()} sync {_argument(places.yours)}"
    _print(
        console,
        [
            "[bold]What to do next[/]",
            "  Review some of yours: open it and press “Label All Tasks”. The keys 1 to 6",
            "  choose a label, 0 none of these, U unusable; Ctrl+Enter submits. Then, in",
            "  another terminal:",
            f"    {_plain(sync)}",
            "  A campaign of your own, against your image server and your Label Studio:",
            f"    {_plain(_ls_clip())} new my-campaign",
        ],
    )
    _print(console, ["[bold]Ctrl-C stops everything.[/]"])


def show_next_steps(console: Console) -> None:
    """Print what to do next when everything has been stopped."""
    _print(
        console,
        [
            "[bold]What to do next[/]",
            f"  See it in Label Studio:  {_plain(_ls_clip())} demo",
            f"  A campaign of your own:  {_plain(_ls_clip())} new my-campaign",
        ],
    )


def first_quarter(tasks: int) -> int:
    """How many tasks the first quarter of a queue has, rounded up."""
    return -(-tasks // 4)


def _what_happened(report: DemoReport, seconds: float) -> list[str]:
    order = "in exactly that order" if report.order_as_promised else "[red]in another order[/]"
    return [
        f"[bold]The whole loop, in {_duration(seconds)}[/]",
        f"  Drawn     {report.samples} images from prompts, for {dollars(report.cost_usd)}: "
        "the offline server is free",
        "  Scored    by CLIP: how sure is it that an image shows the label of its prompt?",
        f"  Pushed    {report.pushed} tasks to Label Studio, the doubtful ones first;",
        f"            it served them {order}",
        f"  Reviewed  {report.approved} approved, {report.relabelled} relabelled, "
        f"{report.rejected} rejected;",
        f"            {report.audit} of them drawn at random as an audit",
        f"  Synced    {report.synced} approved and relabelled images into the training folder",
        f"  Live      {report.predictions_live} pictures without a label got one from the ML "
        "backend",
    ]


def _first_quarter(report: DemoReport) -> list[str]:
    quarter = first_quarter(report.pushed)
    by_chance = report.wrong * quarter / report.pushed if report.pushed else 0.0
    found = report.wrong_found_first_quarter
    return [
        f"[bold]{report.wrong} of {report.pushed} images do not show their label[/]",
        f"  Looking at a quarter of them ({quarter} images) finds",
        f"    in this queue      {_bar(found, report.wrong)} {found}",
        f"    in a random order  {_bar(by_chance, report.wrong)} about {by_chance:.0f}",
        "  [dim](an image in the wrong colour or style still shows its label)[/]",
    ]


def _where(report: DemoReport, places: Places) -> list[str]:
    return [
        "[bold]Where everything is[/]",
        f"  Training set     {_plain(_short(f'{report.storage}/releases/{report.release}'))}",
        "                   README.md tells what it is; imagefolder/ has the images by",
        "                   split and label, and metadata.jsonl the prompt, scores and",
        "                   verdict of each",
        f"  Campaign         {_plain(_short(str(places.campaign / 'campaign.toml')))}",
        f"  Logs             {_plain(_short(str(places.logs)))}",
    ]


def _print(console: Console, lines: Sequence[str]) -> None:
    console.print()
    for line in lines:
        console.print(line, soft_wrap=True)


def _bar(part: float, whole: float) -> str:
    filled = round(BAR_WIDTH * part / whole) if whole else 0
    return f"[cyan]{'█' * filled}[/][dim]{'░' * (BAR_WIDTH - filled)}[/]"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _short(path: str) -> str:
    """The path from here, where it is below."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else path


def _argument(path: Path) -> str:
    return shlex.quote(_short(str(path)))


def _plain(text: str) -> str:
    """The text with nothing in it that the console would take for markup."""
    from rich.markup import escape

    return escape(text)


def _ls_clip() -> str:
    """How this person calls `ls-clip`: it may not be on PATH."""
    if shutil.which("ls-clip"):
        return "ls-clip"
    return shlex.quote(_short(str(Path(sys.executable).parent / "ls-clip")))
