"""The HTTP server: waitress with deadlines, a bound on connections, and a clean stop.

One loop, in the thread that calls `run`, accepts, reads and writes for all connections. It answers
by itself what must never wait and waits for nothing; threads answer all else. Requests that bring
something to read (/setup, /predict) have threads of their own.
"""

from __future__ import annotations

import errno
import logging
import math
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.server import TcpWSGIServer
from waitress.task import ThreadedTaskDispatcher

from ls_backend.server.connections import MOST_BODIES_BYTES, Bodies, BodyLimit, Connection
from ls_backend.server.listening import BACKLOG, most_connections

STOP_WITHIN_S = 25
"""After which what is still under way is cut off; supervisors kill after 30."""
THREADS_END_WITHIN_S = 1
TICK_SECONDS = 1
"""Between two looks at the deadlines of all connections."""
AT_ONCE = 64
"""Connections accepted, or closed to make room, in one turn of the loop."""
PROMPT_PATHS = {"/health", "/ready", "/webhook"}
"""Answered in the loop: on busy processors each change of threads takes its time."""
OTHER_THREADS = 4
LARGEST_HEAD = 32 * 1024
LARGEST_DRAINED = 1024**3
"""Bytes of a body that is dropped; a larger one costs its connection."""
READ_BYTES = 64 * 1024
NEVER_WAIT_BYTES = 1024**3
"""Threads leave an answer of fewer bytes to the loop, however slowly it is taken."""


class HttpServer(TcpWSGIServer):  # type: ignore[misc]
    """Answers on a listening socket.

    Args:
        app: The WSGI app.
        sock: The listening socket; the server closes it.
        body_limit: How much of a request's body is kept for the app.
        threads: For requests with a body to read.
        stopping: Called once, in the loop, when the server begins to stop.
    """

    channel_class = Connection

    def __init__(
        self,
        app: Any,
        sock: socket.socket,
        body_limit: BodyLimit,
        threads: int,
        stopping: Callable[[], None] = lambda: None,
    ) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
        self.body_limit = body_limit
        self.bodies = Bodies()
        self._most = most_connections()
        self._stopping = stopping
        self._stops_asked = 0
        self._leaves_at = math.inf
        self._looks_at = 0.0
        self._is_full = False
        self._prompt: deque[Connection] = deque()
        self._with_body = ThreadedTaskDispatcher()
        self._others = ThreadedTaskDispatcher()
        super().__init__(
            app, {}, _sock=sock, dispatcher=self._others, adj=_adjustments(), bind_socket=False,
            sockinfo=(sock.family, sock.type, sock.proto, sock.getsockname()),
        )  # fmt: skip
        self._with_body.set_thread_count(threads)
        self._others.set_thread_count(OTHER_THREADS)

    def run(self) -> bool:
        """Answer until `stop`, and then finish what is under way; False where that was cut off."""
        while not self._is_over():
            wasyncore.loop(TICK_SECONDS, use_poll=True, map=self._map, count=1)
            for _ in range(len(self._prompt)):
                self._prompt.popleft().service()
            self._look_after_connections(time.monotonic())
        is_finished = all(not one.under_way for one in self.active_channels.values())
        for threads in (self._with_body, self._others):
            threads.shutdown(timeout=THREADS_END_WITHIN_S)
        wasyncore.close_all(self._map)
        return is_finished

    def stop(self) -> None:
        """Refuse new connections, finish what is under way, end `run`; asked again, end it at once.

        From any thread, and from a handler of signals.
        """
        self._stops_asked += 1
        with suppress(OSError):  # it is over already
            self.pull_trigger()

    def add_task(self, connection: Connection) -> None:
        """Have the connection's first request answered; its `requests_lock` is held."""
        connection.under_way += 1
        request = connection.requests[0]
        if request.path in PROMPT_PATHS:
            self._prompt.append(connection)  # the trigger is pulled where a thread comes here
        elif request.body is not None and request.body.most:
            self._with_body.add_task(connection)
        else:
            self._others.add_task(connection)

    def readable(self) -> bool:
        return bool(self.accepting)

    def handle_accept(self) -> None:
        for _ in range(AT_ONCE):
            if len(self.active_channels) >= self._most:
                self._is_full = True
                return
            try:
                accepted = self.accept()
            except OSError as error:
                self._is_full = error.errno in {errno.EMFILE, errno.ENFILE}
                return
            if accepted is None:
                return
            with suppress(OSError):  # it is closed already
                self._take(*accepted)

    def _take(self, sock: socket.socket, address: Any) -> None:
        self.set_socket_options(sock)
        self.channel_class(self, sock, address, self.adj, map=self._map)

    def _look_after_connections(self, now: float) -> None:
        if self._is_full:
            self._make_room()
        while self.bodies.held > MOST_BODIES_BYTES and self._close_largest_body():
            """Until the others fit."""
        if now >= self._looks_at:
            self._looks_at = now + TICK_SECONDS
            for connection in self._waiting():
                if connection.closes_at <= now:
                    connection.handle_close()

    def _waiting(self) -> list[Connection]:
        """The connections of which no request is being answered."""
        return [one for one in self.active_channels.values() if not one.under_way]

    def _make_room(self) -> None:
        """Close those that have waited longest."""
        self._is_full = False
        for connection in sorted(self._waiting(), key=lambda one: one.waits_since)[:AT_ONCE]:
            connection.handle_close()

    def _close_largest_body(self) -> bool:
        receiving = [one for one in self._waiting() if one.bytes_kept]
        if receiving:
            max(receiving, key=lambda one: one.bytes_kept).handle_close()
        return bool(receiving)

    def _is_over(self) -> bool:
        if not self._stops_asked:
            return False
        if self._stops_asked > 1:
            return True
        if self.accepting:
            self._leaves_at = time.monotonic() + STOP_WITHIN_S
            wasyncore.dispatcher.close(self)
            self._stopping()
        for connection in self._waiting():
            if not connection.total_outbufs_len:
                connection.handle_close()
        return not self.active_channels or time.monotonic() >= self._leaves_at


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and Ctrl-C call a function while the block runs; in the main thread only."""

    def called(_signal: int, _frame: FrameType | None) -> None:
        stop()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {one: signal.signal(one, called) for one in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _adjustments() -> Adjustments:
    return Adjustments(
        ident="label-studio-clip",
        backlog=BACKLOG,
        recv_bytes=READ_BYTES,
        max_request_header_size=LARGEST_HEAD,
        max_request_body_size=LARGEST_DRAINED,
        outbuf_high_watermark=NEVER_WAIT_BYTES,
        log_socket_errors=False,
    )
