"""One service as a child process: a free loopback port, a log file, healthy or a named error, gone.

Owns the life of one process: it runs through `child_process.py`, so that it ends with us however we
end. Proxies are switched off for loopback addresses, in the child's environment only.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from importers.demo import child_process
from ls_backend.errors import LsClipError

HOST = "127.0.0.1"
POLL_SECONDS = 0.1
STOP_SECONDS = child_process.GRACE_SECONDS + 5.0
LOG_TAIL_LINES = 12

S = TypeVar("S", bound="Service")


class ServiceError(LsClipError):
    """A service did not start, or ended by itself; the message names it and its log."""

    default_code = "service"


class Service:
    """Base of the services: subclasses say what to run and how to see that it is healthy.

    `launch` and `wait_until_healthy` are the halves of `start`, `ask_to_end` is the first half of
    `stop`: for several services at once. A context manager; `stop` may be called twice.

    Attributes:
        name: Name of the service in messages.
        start_seconds: Seconds within which it must answer.
        log: File that gets the output of the process.
        port: Loopback port that it listens on.
    """

    name: ClassVar[str]
    start_seconds: ClassVar[float] = 60.0

    def __init__(self, log: Path) -> None:
        self.log = log
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Address without a trailing slash."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int | None:
        """Id of the service's process group; None when it does not run."""
        return self._process.pid if self._process else None

    def command(self) -> Sequence[str]:
        """What to run."""
        raise NotImplementedError

    def environment(self) -> Mapping[str, str]:
        """The child's whole environment: ours, without proxies on the loopback."""
        return loopback_without_proxy(os.environ)

    def healthy(self) -> bool:
        """True once the service answers as itself; asked again and again while starting."""
        raise NotImplementedError

    def start(self: S) -> S:
        """Launch, and wait until healthy.

        Raises:
            ServiceError: the service ended or did not become healthy; nothing is left running.
        """
        self.launch()
        try:
            self.wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self) -> None:
        """Start the process and return at once."""
        command, environment = self.command(), self.environment()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", child_process.__file__, *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def wait_until_healthy(self) -> None:
        """Return when the launched service answers; ServiceError when it will not."""
        deadline = time.monotonic() + self.start_seconds
        while not self.healthy():
            self.check()
            if time.monotonic() > deadline:
                raise self._failed(
                    f"did not answer at {self.url} within {self.start_seconds:.0f} s"
                )
            time.sleep(POLL_SECONDS)
        self.check()  # somebody else may be answering on the port

    def check(self) -> None:
        """Raise ServiceError if the service has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            raise self._failed(f"ended with status {self._process.returncode}")

    def ask_to_end(self) -> None:
        """Let the process end, without waiting for it."""
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """End the process and its children; returns when they are gone."""
        self.ask_to_end()
        process, self._process = self._process, None
        if process is None:
            return
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def __enter__(self: S) -> S:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _failed(self, what: str) -> ServiceError:
        return ServiceError(
            f"{self.name} {what}. Its log ends with:\n{tail(self.log)}",
            hint=f"Read the whole log: {self.log}",
        )


def answers(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """True if GET `url` is answered with a 2xx within two seconds; loopback only, no proxy."""
    import requests

    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(url, headers=headers, timeout=2, allow_redirects=False).ok
        except requests.RequestException:
            return False


def free_port() -> int:
    """A loopback port that nobody listens on now.

    Below the range from which kernels take ports for outgoing connections: a service may need a
    minute before it binds, and until then no connection can take the port away.
    """
    for port in random.SystemRandom().sample(range(20_000, 30_000), 200):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            return port
    raise ServiceError(
        "No free port between 20000 and 30000 on 127.0.0.1.",
        hint="End some of the servers that run on this machine.",
    )


def loopback_without_proxy(environment: Mapping[str, str]) -> dict[str, str]:
    """A copy of the environment in which no proxy stands between processes of this machine."""
    changed = dict(environment)
    for key in ("NO_PROXY", "no_proxy"):
        known = [host for host in changed.get(key, "").split(",") if host]
        changed[key] = ",".join(dict.fromkeys([*known, HOST, "localhost"]))
    return changed


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log file, indented; says so when there is nothing."""
    text = log.read_text(errors="replace") if log.exists() else ""
    last = text.strip().splitlines()[-lines:] or ["(empty)"]
    return "\n".join(f"    {line}" for line in last)
