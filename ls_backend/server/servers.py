"""The listening socket, and the HTTP servers on it: gunicorn and waitress. Owns the clean stop.

Both servers take a function that makes the app in the process that answers. It is given `failed`,
to call from any thread with the error that makes it impossible to go on: the server stops, and
raises it.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from ls_backend.errors import ConfigError, ModelError

if TYPE_CHECKING:
    from flask import Flask

    from ls_backend.backend import Backend

BACKLOG = 1024
STOP_WITHIN_S = 25
"""After which what is still under way is cut off; supervisors kill after 30."""
HUNG_AFTER_S = 120
KEEP_ALIVE_S = 75
"""Longer than Label Studio keeps an idle connection of its own: it never meets a closed one."""

Failed = Callable[[ModelError], None]
MakeApp = Callable[[Failed], "Flask"]


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one.

    Raises:
        ConfigError: The address cannot be used.
    """
    if not 0 <= port <= 65_535:
        raise _cannot_listen(host, port, ValueError("ports go from 0 to 65535"))
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise _cannot_listen(host, port, error) from error
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _cannot_listen(host, port, error) from error
    return sock


def url_of(sock: socket.socket) -> str:
    """The http address of a bound socket."""
    host, port = sock.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def run_gunicorn(make_app: MakeApp, sock: socket.socket, threads: int) -> None:
    """Answer on a listening socket until SIGTERM, SIGINT or SIGQUIT.

    Raises:
        ModelError: What the app's process called `failed` with.
    """
    from gunicorn.app.base import BaseApplication
    from gunicorn.workers.gthread import ThreadWorker

    class Worker(ThreadWorker):  # type: ignore[misc]
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            self.wsgi.extensions["clip"].stop()
            super().handle_exit(sig, frame)

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in _gunicorn_settings(sock, threads, Worker).items():
                self.cfg.set(name, value)

        def load(self) -> Flask:
            return make_app(channel.send)

    channel = _Channel()
    try:
        Application().run()
    except SystemExit:
        if os.getpid() != channel.reader:  # the worker comes through here as well
            raise
    error = channel.received()
    if error is not None:
        raise error


def run_waitress(make_app: MakeApp, sock: socket.socket, threads: int) -> None:
    """Answer on a listening socket until SIGTERM or Ctrl-C.

    Raises:
        ModelError: What the app called `failed` with.
    """
    from waitress import create_server

    errors: list[ModelError] = []

    def failed(error: ModelError) -> None:
        errors.append(error)
        signal.raise_signal(signal.SIGTERM)

    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    with suppress(SystemExit):  # which may come before the server is made
        stop = _StopOnSigterm()
        app = make_app(failed)
        stop.backend = app.extensions["clip"]
        server = create_server(
            app, sockets=[sock], threads=threads, backlog=BACKLOG, ident="label-studio-clip"
        )
        with closing(server):
            server.run()
    if errors:
        raise errors[0]


class _Channel:
    """From the worker to its master: why it cannot go on."""

    def __init__(self) -> None:
        self.reader = os.getpid()
        self._out, self._in = os.pipe()

    def send(self, error: ModelError) -> None:
        os.write(self._in, json.dumps([error.message, error.hint, error.code]).encode())
        os.kill(self.reader, signal.SIGTERM)

    def received(self) -> ModelError | None:
        os.close(self._in)
        with os.fdopen(self._out, "rb") as pipe:
            sent = pipe.read()
        if not sent:
            return None
        message, hint, code = json.loads(sent)
        return ModelError(message, hint=hint, code=code)


def _gunicorn_settings(sock: socket.socket, threads: int, worker: type) -> dict[str, Any]:
    from gunicorn.glogging import Logger

    class Log(Logger):  # type: ignore[misc]
        def setup(self, cfg: Any) -> None:
            """Leave the lines' shape to `ls_backend.logs`."""
            ours = list(self.error_log.handlers)
            super().setup(cfg)
            self.error_log.handlers = ours

    return {
        "bind": f"fd://{sock.detach()}",
        "worker_class": worker,
        "workers": 1,
        "threads": threads,
        "backlog": BACKLOG,
        "keepalive": KEEP_ALIVE_S,
        "timeout": HUNG_AFTER_S,
        "graceful_timeout": STOP_WITHIN_S,
        "logger_class": Log,
        "loglevel": "warning",
        "control_socket_disable": True,
    }


class _StopOnSigterm:
    """At the first signal finish what is under way, then leave; waitress would cut it off."""

    def __init__(self) -> None:
        self.backend: Backend | None = None
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, self._leave)
        if self.backend is None:
            sys.exit(0)
        self.backend.stop()
        threading.Thread(target=self._wait_and_leave, args=(self.backend,), daemon=True).start()

    def _leave(self, _signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    def _wait_and_leave(self, backend: Backend) -> None:
        until = time.monotonic() + STOP_WITHIN_S
        while backend.under_way and time.monotonic() < until:
            time.sleep(0.1)
        signal.raise_signal(signal.SIGTERM)


def _cannot_listen(host: str, port: int, error: Exception) -> ConfigError:
    busy = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    why = "the port is in use" if busy else str(error)
    return ConfigError(
        f"The server cannot listen on {host}:{port}: {why}.",
        hint="Stop what uses the port, or choose another: --port 9191 (0 takes a free one).",
        code="address",
    )
