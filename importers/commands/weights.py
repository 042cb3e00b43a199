"""`ls-clip weights`: bring the files of a CLIP model onto this machine, and check them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from importers.commands.campaign import AsJson
from importers.commands.output import err, show

if TYPE_CHECKING:
    from ls_backend.clip.weights_files import FileState

app = typer.Typer(
    no_args_is_help=True,
    help="Bring the files of a CLIP model onto this machine, and check them.",
    context_settings={"help_option_names": ["-h", "--help"]},
)

Model = Annotated[
    str | None,
    typer.Argument(
        help="ARCH/PRETRAINED of open_clip, or a model folder (also local-dir:FOLDER).",
        show_default="CLIP_MODEL, or ViT-B-32/laion2b_s34b_b79k",
    ),
]


@app.command(epilog="Example: ls-clip weights fetch ViT-B-32/laion2b_s34b_b79k --to models/b32")
def fetch(
    model: Model = None,
    to: Annotated[
        Path | None,
        typer.Option(help="Make a model folder there, to carry along.", show_default=False),
    ] = None,
    json: AsJson = False,
) -> None:
    """Download weights and tokenizer; run it again to go on where it stopped."""
    from ls_backend.clip import weights_files

    files = weights_files.fetch(_named(model), to, lambda line: err().print(line, markup=False))
    _report(_named(model), files, json)


@app.command(epilog="Example: ls-clip weights verify local-dir:models/b32")
def verify(model: Model = None, json: AsJson = False) -> None:
    """Compare each file with its checksum; needs no network."""
    from ls_backend.clip import weights_files

    _report(_named(model), weights_files.verify(_named(model)), json)


@app.command(epilog="Example: ls-clip weights golden models/b32")
def golden(
    folder: Annotated[Path, typer.Argument(help="A model folder whose answers are known good.")],
) -> None:
    """Keep what a model folder answers now; from then on it is refused if that changes."""
    from rich.markup import escape

    from ls_backend.weights_folder import keep_golden

    show([f"written   {escape(str(keep_golden(folder.resolve())))}"])


def _named(model: str | None) -> str:
    from importers.sketch import resolve_model
    from ls_backend.settings import settings_from_env

    return resolve_model(model or settings_from_env().model)


def _report(model: str, files: list[FileState], json: bool) -> None:
    from dataclasses import asdict

    from ls_backend.clip.weights_files import repair
    from ls_backend.errors import ModelError

    if json:
        import json as encoder

        print(encoder.dumps({"model": model, "files": [asdict(file) for file in files]}))
    else:
        from rich.markup import escape

        show(f"{file.state:<9} {file.sha256:<64} {escape(file.path)}" for file in files)
    bad = [file for file in files if file.state in ("damaged", "missing")]
    if bad:
        named = ", ".join(f"{file.path} is {file.state}" for file in bad)
        raise ModelError(f"{named}.", hint=f"Bring it with: {repair(model)}", code="weights")
