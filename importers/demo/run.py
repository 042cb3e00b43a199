"""The demo from start to end: services up, the loop once through, summary, services down.

Owns the life of the processes: whatever happens, those that it started are gone when it returns.
"""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from importers.demo.loop import REVIEWED, YOURS, Loop, Services
from importers.demo.service import ServiceError, loopback_without_proxy
from importers.demo.services import (
    BackendServer,
    LabelStudioServer,
    SketchServer,
    find_label_studio,
)
from importers.demo.steps import Steps
from importers.demo.summary import Places, show_next_steps, show_open, show_summary
from ls_backend.errors import ConfigError, LsClipError
from ls_backend.label_studio import Credentials

FAILURE_RATE = 0.15
MODEL = "sketch"
MOST_IMAGES = 10_000


@dataclass(frozen=True)
class DemoOptions:
    """How the demo runs.

    Attributes:
        folder: Folder of everything that it makes; Label Studio's database is kept between runs.
        images: Number of images of the campaign, 1 to 10,000.
        once: Whether it stops at the end, also in a terminal.
        as_json: Whether stdout gets one JSON object and no text; means `once`.
    """

    folder: Path = Path("demo")
    images: int = 120
    once: bool = False
    as_json: bool = False

    @property
    def stays_open(self) -> bool:
        """Whether Label Studio is left open for the person at the terminal."""
        return not self.once and not self.as_json and sys.stdin.isatty() and sys.stdout.isatty()


def run_demo(options: DemoOptions) -> None:
    """Run the whole loop and print what came of it; in a terminal, wait for Ctrl-C at the end.

    Raises:
        LsClipError: what failed is named, with the folder of the logs.
    """
    from rich.console import Console

    if not 1 <= options.images <= MOST_IMAGES:
        raise ConfigError(
            f"The demo cannot draw {options.images} images.",
            hint=f"Ask for 1 to {MOST_IMAGES}, for example: ls-clip demo --images 120",
        )
    _look_before()
    # Our own requests to the services, too, must not go through a proxy.
    os.environ.update(loopback_without_proxy(os.environ))
    console = Console(stderr=options.as_json, highlight=False)
    with _locked(options.folder), _ended_by_signals():
        folder = _new_run(options.folder)
        steps = Steps(console)
        services = _services(options, folder)
        places = Places(
            folder / REVIEWED, folder / YOURS, folder / "logs", options.folder / "environment.sh"
        )
        with _failures_named(steps, places.logs), _running(services, steps):
            loop = Loop(services, steps, folder)
            report = loop.run(options.images)
            if options.stays_open:
                loop.push_yours(options.images)
            show_summary(console, report, places, steps.seconds)
            if options.as_json:
                print(report.as_json())
            elif options.stays_open:
                label_studio = services.label_studio
                _write_environment(places.environment, label_studio.credentials)
                show_open(console, label_studio.url, label_studio.login, loop.projects, places)
                _wait_for_ctrl_c(services)
            else:
                show_next_steps(console)


def _look_before() -> None:
    """Raise for a machine on which the demo could not go on; nothing is made or started before."""
    if sys.platform == "win32":
        raise ConfigError(
            "The demo does not run on Windows: its servers are ended with signals that only Unix "
            "has.",
            hint="Run it in the Windows Subsystem for Linux (WSL).",
        )
    find_label_studio()


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep a second demo out of the folder while the block runs."""
    import fcntl  # Windows has none

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigError(
                f"Another demo is running in {folder}.",
                hint="Stop it with Ctrl-C, or give this one a folder: ls-clip demo --folder DIR",
            ) from None
        yield


def _new_run(folder: Path) -> Path:
    """Make the folder of this run: `run-1`, `run-2`, …"""
    numbers = [run.name.removeprefix("run-") for run in folder.glob("run-*")]
    taken = [int(number) for number in numbers if number.isdecimal()]
    run = folder / f"run-{max(taken, default=0) + 1}"
    run.mkdir()
    return run


def _services(options: DemoOptions, folder: Path) -> Services:
    logs = folder / "logs"
    label_studio = LabelStudioServer(options.folder / "label-studio", log=logs / "label-studio.log")
    return Services(
        label_studio=label_studio,
        sketch=SketchServer(
            logs / "sketch.log",
            failure_rate=FAILURE_RATE,
            request_log=logs / "requests.jsonl",
        ),
        backend=BackendServer(
            logs / "backend.log", model=MODEL, credentials=label_studio.credentials
        ),
    )


@contextmanager
def _running(services: Services, steps: Steps) -> Iterator[None]:
    """Start the services together, and stop them at the end of the block."""
    first_time = not (services.label_studio.data_dir / "label_studio.sqlite3").exists()
    try:
        for service in services.all():
            service.launch()
        for service in services.all():
            slow = service is services.label_studio and first_time
            note = " (the first time takes a minute)" if slow else ""
            with steps.step(f"Starting {service.name}{note}"):
                service.wait_until_healthy()
        yield
    except Exception:
        services.check()  # one that has ended is the reason
        raise
    finally:
        services.stop()


@contextmanager
def _failures_named(steps: Steps, logs: Path) -> Iterator[None]:
    """Say of every failure at which step it came and where the logs are."""
    try:
        yield
    except ServiceError:
        raise
    except LsClipError as error:
        raise LsClipError(
            f"{steps.current}: {error.message}",
            hint=f"{error.hint} Logs: {logs}",
            code=error.code,
        ) from error
    except Exception as error:
        log = logs / "demo.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(traceback.format_exc())
        raise LsClipError(
            f"{steps.current}: {type(error).__name__}: {error}",
            hint=f"This is a bug. Please report it with {log}.",
        ) from error


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into SystemExit, so that the services are stopped."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _write_environment(file: Path, credentials: Credentials) -> None:
    """Write what a shell reads so that `ls-clip` finds this Label Studio."""
    file.touch(mode=0o600)
    file.write_text(
        f"export LABEL_STUDIO_URL={credentials.url}\n"
        f"export LABEL_STUDIO_API_KEY={credentials.token}\n"
    )


def _wait_for_ctrl_c(services: Services) -> None:
    try:
        while True:
            services.check()
            time.sleep(0.5)
    except KeyboardInterrupt:
        return
