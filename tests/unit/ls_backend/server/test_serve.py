"""`ls-clip serve`: what stops it before it serves, and while its model loads."""

from __future__ import annotations

import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from backend_client import PLAIN

from ls_backend.clip.clip import Clip
from ls_backend.errors import ConfigError, ModelError
from ls_backend.model import ClipModel
from ls_backend.server.serve import serve
from ls_backend.settings import Settings


def test_a_port_in_use_is_named_before_the_model_is_loaded() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigError, match=f"{port}: the port is in use") as refusal:
            serve("no-such-model", "127.0.0.1", port, Settings())

    assert "--port" in refusal.value.hint


@pytest.mark.parametrize(
    ("host", "port"), [("203.0.113.1", 0), ("no such host", 0), ("127.0.0.1", 65_536)]
)
def test_an_address_that_is_not_ours_is_named(host: str, port: int) -> None:
    with pytest.raises(ConfigError, match=f"{host}:{port}"):
        serve("no-such-model", host, port, Settings())


Load = Callable[[], ClipModel]


@pytest.fixture
def timers() -> Iterator[list[threading.Timer]]:
    """Signals that come later; where none is listened for any more, they do nothing."""
    before = {one: signal.signal(one, lambda *_: None) for one in (signal.SIGTERM, signal.SIGINT)}
    listening = {one: signal.getsignal(one) for one in before}
    timers: list[threading.Timer] = []
    yield timers
    for timer in timers:
        timer.join()
    assert {one: signal.getsignal(one) for one in before} == listening
    for one, handler in before.items():
        signal.signal(one, handler)


@pytest.fixture
def serve_with(
    monkeypatch: pytest.MonkeyPatch, timers: list[threading.Timer]
) -> Iterator[Callable[..., None]]:
    """`serve_with(load, seconds, number)`: a signal comes so much later than the loading begins."""
    monkeypatch.setattr("ls_backend.logs.log_to_stderr", lambda *_: None)
    monkeypatch.setattr("ls_backend.server.serve._leave_at_once", lambda: None)

    def run(
        load: Load, seconds: float | None = None, number: signal.Signals = signal.SIGTERM
    ) -> None:
        def loaded(_model: str, _settings: Settings) -> ClipModel:
            if seconds is not None:
                timers.append(threading.Timer(seconds, os.kill, (os.getpid(), number)))
                timers[-1].start()
            return load()

        monkeypatch.setattr("ls_backend.server.serve.load_model", loaded)
        serve("a-model", "127.0.0.1", 0, PLAIN)

    yield run
    gc.unfreeze()


def failing() -> ClipModel:
    raise ModelError("No weights.", hint="Fetch them.")


def failing_late() -> ClipModel:
    time.sleep(0.2)
    return failing()


@pytest.mark.parametrize("load", [failing, failing_late])
def test_a_model_that_cannot_be_loaded_ends_it(serve_with: Callable[..., None], load: Load) -> None:
    with pytest.raises(ModelError, match=r"No weights\."):
        serve_with(load)


@pytest.mark.parametrize("load", [failing, failing_late])
@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.01, 0.2, 0.21])
def test_a_failure_and_a_signal_end_it_in_any_order(
    serve_with: Callable[..., None], load: Load, seconds: float
) -> None:
    with suppress(ModelError):  # where the signal came first, the failure is of no interest
        serve_with(load, seconds)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_a_signal_while_the_model_loads_ends_it(
    serve_with: Callable[..., None], number: signal.Signals, seconds: float
) -> None:
    go = threading.Event()

    def load() -> ClipModel:
        go.wait(60)
        return failing()

    serve_with(load, seconds, number)
    go.set()


def test_what_it_says_when_the_model_is_there(
    serve_with: Callable[..., None], clip: Clip, capsys: pytest.CaptureFixture[str]
) -> None:
    serve_with(lambda: ClipModel(clip), 0.5)

    assert capsys.readouterr().out.startswith("CLIP sketch-clip answers on http://127.0.0.1:")
