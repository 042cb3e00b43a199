"""`ls-clip`: which commands there are, and how it starts. No logic, and no heavy imports."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from typing import Annotated

import typer

from importers.commands import (
    campaign,
    classes,
    costs,
    project,
    prompts,
    releases,
    servers,
    sync,
    verify,
)
from importers.commands.group import INTERRUPTED, CommandGroup, tell_error, wants_json

app = typer.Typer(
    cls=CommandGroup,
    name="ls-clip",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"ls-clip {version('label-studio-clip')}")
        raise typer.Exit


@app.callback()
def ls_clip(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Turn generated images into training data that people have verified.

    With --json, an error is JSON, too: {"error": {"code", "message", "hint"}}. Exit statuses:

    \b
    0      all is done
    1      an error, or something is found wrong
    2      not called as it should be
    3      ended early: at a cap of the budget, or because samples were given up
    11-24  the first check of `doctor` that failed
    130    Ctrl-C
    """


_CAMPAIGN = "A campaign, step by step"
_SERVERS = "Servers"
_PROJECT = "A project and its ML backend"
_ALL = "All of it"

for _command, _panel, _example in (
    (campaign.new, _CAMPAIGN, "ls-clip new pets"),
    (campaign.run, _CAMPAIGN, "ls-clip run pets"),
    (campaign.generate, _CAMPAIGN, "ls-clip generate pets"),
    (campaign.score, _CAMPAIGN, "ls-clip score pets"),
    (campaign.push, _CAMPAIGN, "ls-clip push pets"),
    (sync.sync, _CAMPAIGN, "ls-clip sync pets"),
    (campaign.status, _CAMPAIGN, "ls-clip status pets"),
    (costs.costs, _CAMPAIGN, "ls-clip costs pets"),
    (campaign.prune, _CAMPAIGN, "ls-clip prune pets --dry-run"),
    (verify.verify, _CAMPAIGN, "ls-clip verify s3://bucket/pets"),
    (servers.serve, _SERVERS, "ls-clip serve --model ViT-B-32/laion2b_s34b_b79k"),
    (project.connect, _PROJECT, "ls-clip connect pets --url http://192.168.1.20:9090"),
    (project.prelabel, _PROJECT, "ls-clip prelabel pets"),
    (project.doctor, _PROJECT, "ls-clip doctor pets --task 1234"),
    (servers.sketch, _SERVERS, "ls-clip sketch --failure-rate 0.15"),
    (servers.demo, _ALL, "ls-clip demo --once"),
):
    app.command(rich_help_panel=_panel, epilog=f"Example: {_example}")(_command)

app.add_typer(
    prompts.app,
    name="prompts",
    rich_help_panel=_CAMPAIGN,
    epilog="Example: ls-clip prompts plan pets",
)
app.add_typer(
    classes.app,
    name="classes",
    rich_help_panel=_CAMPAIGN,
    epilog="Example: ls-clip classes list pets",
)
app.add_typer(
    releases.app,
    name="releases",
    rich_help_panel=_CAMPAIGN,
    epilog="Example: ls-clip releases list pets",
)
app.add_typer(
    servers.weights_app,
    name="weights",
    rich_help_panel=_SERVERS,
    epilog="Example: ls-clip weights fetch ViT-B-32/laion2b_s34b_b79k",
)


def main() -> None:
    """Run the command line; never shows a traceback."""
    if sys.argv[1:2] == ["serve"]:
        _heed_log_format()
    try:
        app()
    except SystemExit as end:
        if end.code == INTERRUPTED:
            _leave_at_once()
        raise
    except Exception:
        _report_bug()
        sys.exit(1)


def _heed_log_format() -> None:
    # Before anything is said: what is wrong with the arguments or settings is a line, too.
    if os.environ.get("CLIP_LOG_FORMAT", "").strip().lower() == "json":
        from ls_backend.json_lines import output_json_lines

        output_json_lines()


def _leave_at_once() -> None:
    # Threads may wait minutes for an answer; the ledger knows that their requests are in the air.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(INTERRUPTED)


def _report_bug() -> None:
    with tempfile.NamedTemporaryFile(
        "w", prefix="ls-clip-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exc(file=file)
    last = traceback.format_exception_only(*sys.exc_info()[:2])[-1].strip()
    tell_error(
        f"ls-clip met something that it does not know: {last}",
        f"This is a bug. Please report it with the file {file.name}; nothing recorded is lost.",
        "bug",
        wants_json(sys.argv[1:]),
    )


if __name__ == "__main__":
    main()
