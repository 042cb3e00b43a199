"""The commands that start servers, bring their weights, and show the whole loop."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.arguments import AsJson, Host, Model, Port
from importers.commands.group import FAILED, CommandGroup, tell_error
from importers.commands.output import show, tell

if TYPE_CHECKING:
    from ls_backend.clip.weights_files import FileState


def serve(
    model: Model = None,
    host: Host = "127.0.0.1",
    port: Port = 9090,
) -> None:
    """Serve the ML backend that answers Label Studio with CLIP."""
    from ls_backend.server import serve as backend
    from ls_backend.settings import settings_from_env

    settings = settings_from_env()
    backend.serve(model or settings.model, host, port, settings)


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
    from importers.sketch.account import BatchLimits
    from importers.sketch.server import create_app
    from importers.sketch.server import serve as serve_sketches

    def ready(base_url: str) -> None:
        tell(f"The model sketch-1 draws at {base_url}; Ctrl-C stops it.")

    batches = BatchLimits(takes_s=batch_seconds)
    app = create_app(failure_rate, seed, request_log=request_log, batches=batches)
    serve_sketches(app, host, port, ready)


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


weights_app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    help="Bring the files of a CLIP model onto this machine, and check them.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

ModelName = Annotated[
    str | None,
    typer.Argument(
        help="ARCH/PRETRAINED of open_clip, or a model folder (also local-dir:FOLDER).",
        show_default="CLIP_MODEL, or ViT-B-32/laion2b_s34b_b79k",
    ),
]


@weights_app.command(
    epilog="Example: ls-clip weights fetch ViT-B-32/laion2b_s34b_b79k --to models/b32"
)
def fetch(
    model: ModelName = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Make a model folder there, to carry along.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Download weights and tokenizer; run it again to go on where it stopped."""
    from ls_backend.clip import weights_files

    files = weights_files.fetch(_named(model), to, tell)
    _report(_named(model), files, json)


@weights_app.command(epilog="Example: ls-clip weights verify local-dir:models/b32")
def verify(model: ModelName = None, json: AsJson = False) -> None:
    """Compare each file with its checksum; needs no network."""
    from ls_backend.clip import weights_files

    _report(_named(model), weights_files.verify(_named(model)), json)


@weights_app.command(epilog="Example: ls-clip weights golden models/b32")
def golden(
    folder: Annotated[Path, typer.Argument(help="A model folder whose answers are known good.")],
) -> None:
    """Keep what a model folder answers now; from then on it is refused if that changes."""
    from rich.markup import escape

    from ls_backend.clip.weights_files import keep_golden

    show([f"written   {escape(str(keep_golden(folder.resolve())))}"])


def _named(model: str | None) -> str:
    from ls_backend.settings import settings_from_env

    return model or settings_from_env().model


def _report(model: str, files: list[FileState], json: bool) -> None:
    from dataclasses import asdict

    from ls_backend.clip.weights_files import repair

    if json:
        import json as encoder

        print(encoder.dumps({"model": model, "files": [asdict(file) for file in files]}))
    else:
        from rich.markup import escape

        show(f"{file.state:<9} {file.sha256:<64} {escape(file.path)}" for file in files)
    bad = [file for file in files if file.state in ("damaged", "missing")]
    if bad:
        named = ", ".join(f"{file.path} is {file.state}" for file in bad)
        tell_error(f"{named}.", f"Bring it with: {repair(model)}", "weights", as_json=False)
        raise typer.Exit(FAILED)
