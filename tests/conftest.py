"""The real things that tests run against, each started once per session and only when asked for.

`label_studio`, `sketch_server` and `backend` are child processes on free loopback ports; `browser`
is the Chromium of this machine. Where there is none, the tests that drive it are left out, as are
those of an extra that is not installed, and the terminal summary says so.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import signal
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_line import CommandLine

from importers.config.campaign import Campaign
from importers.demo.campaigns import write_campaign
from importers.demo.services import (
    BackendServer,
    LabelStudioServer,
    SketchServer,
    find_label_studio,
)
from scripts.browser import CHROMIUM_NAMES, chromium, find_chromium

if TYPE_CHECKING:
    from playwright.sync_api import Browser

FAILURE_RATE = 0.15
WriteCampaign = Callable[..., Campaign]

LEFT_OUT = pytest.StashKey[list[str]]()

# Started in the background, a shell makes us ignore Ctrl-C, and every process that we start would
# inherit that: those that a test interrupts would never end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    config.stash[LEFT_OUT] = []
    if find_chromium() is None:
        why = f"no Chromium on PATH ({', '.join(CHROMIUM_NAMES)}); get it with: "
        _leave_out(config, items, "browser", f"{why}apt-get install chromium")
    if find_spec("diffusers") is None:
        why = "no package diffusers; get it with: "
        _leave_out(config, items, "diffusion_model", f"{why}pip install -e '.[diffusers]'")
    if find_spec("ultralytics") is None:
        why = "no package ultralytics (AGPL-3.0); get it with: "
        _leave_out(config, items, "ultralytics", f"{why}pip install ultralytics")


def _leave_out(config: pytest.Config, items: list[pytest.Item], fixture: str, why: str) -> None:
    """Leave out the tests that need a fixture which cannot be had."""
    left_out = [item for item in items if fixture in getattr(item, "fixturenames", ())]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
        what = fixture.replace("_", " ")
        config.stash[LEFT_OUT].append(f"{len(left_out)} {what} tests left out: {why}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # one of several processes: tell the first one
        session.config.workeroutput["left_out"] = session.config.stash.get(LEFT_OUT, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[LEFT_OUT] = getattr(node, "workeroutput", {}).get("left_out", [])


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    for line in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture(autouse=True)
def long_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """What commands say stands in one line, where tests find it; people have 80 columns."""
    monkeypatch.setenv("COLUMNS", "1000")


@pytest.fixture(scope="session")
def migrated_data_dir(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A Label Studio data folder after its first boot, to copy; kept between sessions.

    The first boot migrates the database, which takes a minute.
    """
    executable = find_label_studio()
    identity = f"{executable} {executable.stat().st_mtime_ns}"
    name = f"label-studio-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"
    cache = pytestconfig.cache
    shelf = cache.mkdir("label-studio") if cache else tmp_path_factory.mktemp("label-studio")
    with (shelf / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several processes test side by side: one migrates
        if not (shelf / name).exists():
            fresh = shelf / f"{name}-unfinished"
            shutil.rmtree(fresh, ignore_errors=True)
            LabelStudioServer(fresh).start().stop()
            fresh.rename(shelf / name)
    return shelf / name


@pytest.fixture(scope="session")
def label_studio(
    migrated_data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabelStudioServer]:
    """A Label Studio of its own for this session: `.url`, `.credentials`, `.client()`, `.login`."""
    data_dir = tmp_path_factory.mktemp("services") / "label-studio"
    shutil.copytree(migrated_data_dir, data_dir)
    with LabelStudioServer(data_dir) as server:
        yield server


@pytest.fixture(scope="session")
def sketch_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SketchServer]:
    """The offline images API, 15 % of its drawings failing: `.base_url`, `.request_log`."""
    folder = tmp_path_factory.mktemp("sketch")
    with SketchServer(
        folder / "sketch.log",
        failure_rate=FAILURE_RATE,
        request_log=folder / "requests.jsonl",
    ) as server:
        yield server


@pytest.fixture(scope="session")
def backend(
    label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BackendServer]:
    """The ML backend with the tiny CLIP, reading images from `label_studio`: `.url`."""
    with BackendServer(
        tmp_path_factory.mktemp("backend") / "backend.log",
        model="sketch",
        credentials=label_studio.credentials,
    ) as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The installed Chromium, driven by playwright."""
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def command_line(label_studio: LabelStudioServer) -> CommandLine:
    """`ls-clip` signed in with the legacy token."""
    return CommandLine(
        LABEL_STUDIO_URL=label_studio.url, LABEL_STUDIO_API_KEY=label_studio.credentials.token
    )


@pytest.fixture(scope="session")
def new_campaign(
    label_studio: LabelStudioServer,
    sketch_server: SketchServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> WriteCampaign:
    """Writes a campaign for the running services into a folder of its own."""

    def write(name: str, samples: int, seed: int = 5) -> Campaign:
        return write_campaign(
            tmp_path_factory.mktemp("campaigns") / name,
            project=f"e2e {name}",
            samples=samples,
            seed=seed,
            base_url=sketch_server.base_url,
            label_studio=label_studio.url,
        )

    return write
