"""The server under slow, silent, broken and greedy connections: others are answered meanwhile."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import pytest
from backend_client import CONFIG, PLAIN, loaded
from hypothesis import given, settings
from hypothesis import strategies as st
from served_app import ServedApp, asked, drip, is_closed, served_app

from ls_backend.clip.clip import Clip
from ls_backend.model import ClipModel
from ls_backend.server import connections, http_server
from ls_backend.server.app import create_app

GUARDED = replace(PLAIN, basic_auth_user="studio", basic_auth_pass="wörd")
HALF_HEAD = b"GET /health HTTP/1.1\r\nHost: x\r\n"
LABEL_STUDIO = "Basic " + base64.b64encode("studio:wörd".encode("latin-1")).decode()
PREDICT = json.dumps({"tasks": [], "label_config": CONFIG}).encode()


def half_body(path: str, length: int = 100_000, sent: int = 1000, header: str = "") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{header}Content-Length: {length}\r\n\r\n"
    return head.encode() + b"x" * sent


AUTHORIZED = f"Authorization: {LABEL_STUDIO}\r\n"


@pytest.fixture
def served(clip: Clip) -> Iterator[ServedApp]:
    with served_app(create_app(loaded(ClipModel(clip)), GUARDED), GUARDED) as served:
        yield served


@pytest.fixture
def open_sockets() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def quickest(ask: Callable[[], Any]) -> float:
    """Seconds; others use this machine too."""
    times = []
    for _ in range(5):
        began = time.monotonic()
        ask()
        times.append(time.monotonic() - began)
    return min(times)


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(
    "sent",
    [
        [HALF_HEAD] * 24,
        [half_body("/setup")] * 24,
        [half_body("/setup", header=AUTHORIZED)] * 24,
        [half_body("/webhook")] * 24,
        [b""] * 300 + [HALF_HEAD, half_body("/predict"), HALF_HEAD + AUTHORIZED.encode()] * 33,
    ],
    ids=["heads", "strangers' bodies", "bodies", "webhooks", "all of it"],
)
def test_slow_connections_hold_nobody_up(
    served: ServedApp, open_sockets: ExitStack, sent: list[bytes]
) -> None:
    for half in sent:
        open_sockets.enter_context(served.connect(half))
    until(lambda: len(served.server.active_channels) == len(sent))

    def ask(method: str, path: str, **headers: str) -> None:
        assert served.ask(method, path, **headers) == 200

    assert quickest(lambda: ask("GET", "/health", Authorization=LABEL_STUDIO)) < 0.2
    assert quickest(lambda: ask("GET", "/ready")) < 0.2
    assert quickest(lambda: ask("POST", "/webhook", body=b"{}")) < 0.1
    assert served.ask("POST", "/predict", PREDICT, Authorization=LABEL_STUDIO) == 200


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_server, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(connections, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    monkeypatch.setattr(connections, "BODY_SECONDS", 1.0)


@pytest.mark.usefixtures("short_deadlines")
@pytest.mark.parametrize(
    ("sent", "dripped"),
    [
        (b"", b""),
        (b"\r\n\r\n", b""),
        (HALF_HEAD, b""),
        (HALF_HEAD, b"X-More: " + b"y" * 2000),
        (half_body("/webhook"), b""),
        (half_body("/webhook"), b"y" * 2000),
        (half_body("/predict", header=AUTHORIZED), b"y" * 2000),
        (b"POST /webhook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 400),
    ],
    ids=["silence", "blank lines", "head", "dripped head", "body", "dripped body",
         "dripped tasks", "dripped chunks"],
)  # fmt: skip
def test_a_request_that_does_not_come_in_time_loses_its_connection(
    served: ServedApp, sent: bytes, dripped: bytes
) -> None:
    with served.connect(sent) as sock, closing(served.keep()) as kept:
        assert asked(kept, "GET", "/ready") == 200
        first = kept.sock

        assert not dripped or drip(sock, dripped, 0.02) < 20
        assert is_closed(sock)

        assert asked(kept, "GET", "/ready") == 200
        assert kept.sock is first
    until(lambda: served.server.bodies.held == 0)


@pytest.mark.usefixtures("short_deadlines")
def test_an_answer_may_take_longer_than_a_request(clip: Clip) -> None:
    app = create_app(loaded(ClipModel(clip)), PLAIN)

    @app.get("/slow")
    def slow() -> str:
        time.sleep(2)
        return "at last"

    with served_app(app, PLAIN) as served, closing(served.keep()) as kept:
        assert asked(kept, "GET", "/ready") == 200
        assert asked(kept, "GET", "/slow") == 200


def test_an_answer_that_nobody_takes_holds_no_thread(
    clip: Clip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 1.0)
    app = create_app(loaded(ClipModel(clip)), PLAIN)

    @app.get("/large")
    def large() -> bytes:
        return b"x" * 20_000_000

    with served_app(app, PLAIN) as served, ExitStack() as stack:
        for _ in range(http_server.OTHER_THREADS):
            stack.enter_context(served.connect(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n"))
        assert served.ask("GET", "/ready") == 200
        until(lambda: not served.server.active_channels)


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [("/webhook", 75_000, 200), ("/nowhere", 200_000, 401), ("/setup", 200_000, 401),
     ("/setup", 17 * 1024 * 1024, 401)],
)  # fmt: skip
def test_a_body_that_nobody_reads_keeps_its_connection(
    served: ServedApp, path: str, size: int, status: int
) -> None:
    with closing(served.keep()) as kept:
        for _ in range(3):
            assert asked(kept, "POST", path, b"x" * size) == status
            first = kept.sock
            assert asked(kept, "GET", "/health", Authorization=LABEL_STUDIO) == 200
            assert kept.sock is first
        assert served.server.bodies.held == 0


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/setup", 413)])
def test_what_is_too_large_is_refused_and_the_connection_kept(
    served: ServedApp, path: str, status: int
) -> None:
    with closing(served.keep()) as kept:
        body = b"x" * (16 * 1024 * 1024 + 1)
        assert asked(kept, "POST", path, body, Authorization=LABEL_STUDIO) == status
        first = kept.sock
        assert asked(kept, "POST", path, iter([body]), Authorization=LABEL_STUDIO) == status
        assert asked(kept, "GET", "/health", Authorization=LABEL_STUDIO) == 200
        assert kept.sock is first


def test_a_body_in_chunks_is_read(served: ServedApp) -> None:
    halves = [PREDICT[:10], PREDICT[10:]]

    assert served.ask("POST", "/predict", iter(halves), Authorization=LABEL_STUDIO) == 200


def test_bodies_of_strangers_are_not_kept(served: ServedApp) -> None:
    with (
        served.connect(half_body("/predict", 10**8, 10**6)),
        served.connect(half_body("/webhook", 10**8, 10**6)),
        served.connect(half_body("/predict", 10**8, 3000, AUTHORIZED)),
    ):
        until(lambda: served.server.bodies.held == 3000)
        assert served.ask("GET", "/ready") == 200
        assert served.server.bodies.held == 3000
    until(lambda: served.server.bodies.held == 0)


def test_when_too_much_is_sent_at_once_the_largest_body_is_given_up(
    served: ServedApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "MOST_BODIES_BYTES", 1_000_000)
    with (
        served.connect(half_body("/predict", 10**8, 600_000, AUTHORIZED)) as larger,
        served.connect(half_body("/predict", 10**8, 300_000, AUTHORIZED)) as smaller,
    ):
        until(lambda: served.server.bodies.held == 900_000)
        smaller.sendall(b"x" * 150_000)

        assert is_closed(larger)
        until(lambda: served.server.bodies.held == 450_000)
        assert served.ask("POST", "/predict", PREDICT, Authorization=LABEL_STUDIO) == 200


def test_when_there_are_too_many_connections_the_oldest_idle_ones_are_closed(
    clip: Clip, monkeypatch: pytest.MonkeyPatch, open_sockets: ExitStack
) -> None:
    monkeypatch.setattr(http_server, "most_connections", lambda: 20)
    monkeypatch.setattr(http_server, "AT_ONCE", 5)
    with served_app(create_app(loaded(ClipModel(clip)), PLAIN), PLAIN) as served:
        silent = [open_sockets.enter_context(served.connect(HALF_HEAD)) for _ in range(100)]

        assert served.ask("POST", "/predict", PREDICT) == 200
        assert all(is_closed(sock) for sock in silent[:80])
        assert not is_closed(silent[-1], 0.1)
        assert len(served.server.active_channels) <= 20


def test_a_chunk_that_does_not_say_its_size_is_refused(served: ServedApp) -> None:
    head = b"POST /webhook HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with served.connect(head + b"1;" + b"a" * 10_000) as sock:
        assert sock.recv(1000).startswith(b"HTTP/1.1 400 ")
        assert is_closed(sock)


class Waiting(ClipModel):
    """Predicts once it is let go."""

    def __init__(self, clip: Clip) -> None:
        super().__init__(clip)
        self.started = threading.Semaphore(0)
        self.go = threading.Event()

    def answers(self, *_: object) -> list[Any]:
        self.started.release()
        self.go.wait(60)
        return []


def test_a_stop_refuses_connections_at_once_and_finishes_what_is_under_way(
    clip: Clip, open_sockets: ExitStack
) -> None:
    model = Waiting(clip)
    statuses: list[int] = []
    with served_app(create_app(loaded(model), PLAIN), PLAIN) as served:
        idle = open_sockets.enter_context(served.connect())
        half = open_sockets.enter_context(served.connect(HALF_HEAD))
        held = threading.Thread(
            target=lambda: statuses.append(served.ask("POST", "/predict", PREDICT))
        )
        held.start()
        model.started.acquire()
        served.server.stop()

        assert is_closed(idle)
        assert is_closed(half)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(served.address, timeout=5)
        assert not statuses
        model.go.set()
        held.join(30)
    assert statuses == [200]


def test_a_second_stop_waits_for_nothing(clip: Clip) -> None:
    model = Waiting(clip)
    with served_app(create_app(loaded(model), PLAIN), PLAIN) as served:
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(PREDICT)
        with served.connect(head + PREDICT) as sock:
            model.started.acquire()
            served.server.stop()
            served.server.stop()

            assert is_closed(sock)
    model.go.set()


def test_predictions_under_way_leave_threads_for_the_rest(clip: Clip) -> None:
    model = Waiting(clip)
    with (
        served_app(create_app(loaded(model), PLAIN), PLAIN, threads=2) as served,
        ExitStack() as stack,
    ):
        head = b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(PREDICT)
        for _ in range(8):
            stack.enter_context(served.connect(head + PREDICT))
        model.started.acquire()

        assert served.ask("GET", "/health") == 200
        assert served.ask("POST", "/webhook", b"{}") == 200
        model.go.set()


def test_what_must_not_wait_needs_no_thread(clip: Clip) -> None:
    app = create_app(loaded(ClipModel(clip)), PLAIN)
    go = threading.Event()

    @app.get("/slow")
    def slow() -> str:
        go.wait(60)
        return "at last"

    with served_app(app, PLAIN) as served, ExitStack() as stack:
        for _ in range(http_server.OTHER_THREADS):
            stack.enter_context(served.connect(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"))
        several = served.connect(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n" * 50)
        stack.enter_context(several)

        assert served.ask("GET", "/health") == 200
        assert served.ask("POST", "/webhook", b"{}") == 200
        answers = b""
        while answers.count(b"HTTP/1.1 200 OK") < 50:
            answers += several.recv(65536)
        go.set()


HEADERS = st.binary(max_size=40).map(lambda raw: raw.replace(b"\r", b"").replace(b"\n", b""))


def test_any_bytes_in_a_head_are_no_failure_of_ours(served: ServedApp) -> None:
    @settings(max_examples=300, deadline=None, database=None)
    @given(
        st.sampled_from([b"/health", b"/predict", b"/", b"/\xff", b"/%ff", b"//", b"*"]),
        st.sampled_from([b"Authorization: Basic ", b"Authorization: ", b"Host: ", b"Cookie: ",
                         b"X-Request-Id: ", b"X-Clip-Secret: ", b"Content-Type: ", b"Expect: "]),
        HEADERS,
    )  # fmt: skip
    def ask(path: bytes, header: bytes, value: bytes) -> None:
        head = b"POST " + path + b" HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n"
        with served.connect(head + header + value + b"\r\n\r\n{}") as sock:
            status = int(sock.recv(4096).split(b" ", 2)[1])
        assert status < 500

    ask()
