"""The commands that start servers, connect them, and show the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.campaign import AsJson, label_studio
from importers.commands.output import err, show, watching

if TYPE_CHECKING:
    from importers.label_studio.connect import ConnectReport

Model = Annotated[
    str | None,
    typer.Option(
        help="CLIP model: ARCH/PRETRAINED of open_clip, a folder, or sketch.",
        show_default="CLIP_MODEL, or ViT-B-32/laion2b_s34b_b79k",
    ),
]
Host = Annotated[str, typer.Option(help="Address to listen on.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")]


def serve(
    model: Model = None,
    host: Host = "127.0.0.1",
    port: Port = 9090,
) -> None:
    """Serve the ML backend that answers Label Studio with CLIP."""
    from importers.sketch import resolve_model
    from ls_backend.server import serve as backend
    from ls_backend.settings import settings_from_env

    settings = settings_from_env()
    backend.serve(resolve_model(model or settings.model), host, port, settings)


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
    from importers.commands import campaign_words

    if path is not None and project is None:
        report = _connect_campaign(path, url)
    elif project is not None and path is None:
        report = _connect_project(project, url)
    else:
        raise typer.BadParameter("Name a campaign, or another project with --project.")
    show(campaign_words.connect_lines(report, url, project), report, json)


def sketch(
    host: Host = "127.0.0.1",
    port: Port = 8765,
    failure_rate: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="Share of the drawings that go wrong.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="Of drawings whose request names no seed.")] = 0,
    request_log: Annotated[
        Path | None,
        typer.Option(help="File that gets a JSON line for each image.", show_default=False),
    ] = None,
    batch_seconds: Annotated[
        float, typer.Option(min=0.0, help="What a batch takes beside the drawing.")
    ] = 0.0,
) -> None:
    """Serve OpenAI's images API offline, drawing every prompt."""
    from importers.sketch.batch_api import BatchLimits
    from importers.sketch.server import serve as serve_sketches

    def ready(base_url: str) -> None:
        err().print(f"The model sketch-1 draws at {base_url}; Ctrl-C stops it.")

    serve_sketches(
        host,
        port,
        failure_rate,
        seed,
        request_log=request_log,
        batches=BatchLimits(takes_s=batch_seconds),
        ready=ready,
    )


def demo(
    once: Annotated[
        bool, typer.Option("--once", help="Stop at the end, also in a terminal.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and no text; means --once.")
    ] = False,
    images: Annotated[int, typer.Option(help="How many images to draw.")] = 120,
    folder: Annotated[Path, typer.Option(help="Everything that it makes lies there.")] = Path(
        "demo"
    ),
) -> None:
    """Run the whole loop on this machine, offline and without keys."""
    from importers.demo.run import DemoOptions, run_demo

    run_demo(DemoOptions(folder=folder, images=images, once=once, as_json=json))


def _connect_campaign(path: Path, url: str) -> ConnectReport:
    from importers.config.campaign import load_campaign
    from importers.connecting import connect_campaign
    from importers.ledger import Ledger

    campaign = load_campaign(path)
    with (
        Ledger(campaign.ledger_path, writing=False) as ledger,
        label_studio(campaign) as ls,
        watching(),
    ):
        return connect_campaign(ls, ledger, url)


def _connect_project(number: int, url: str) -> ConnectReport:
    from importers.connecting import connect_project

    with label_studio() as ls, watching():
        return connect_project(ls, number, url)
