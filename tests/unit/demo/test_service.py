"""Services as child processes: healthy or a named error, and gone with whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from importers.demo.service import Service, ServiceError, answers, free_port, loopback_without_proxy

WEB_SERVER = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1"]
SERVER_WITH_CHILD = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("child", child.pid, flush=True)
time.sleep(600)
"""
STARTER = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_service import Parent
service = Parent(Path(sys.argv[1]))
service.start()
print(service.pid, service.log.read_text().split()[-1], flush=True)
time.sleep(600)
"""


class Web(Service):
    name = "the web server"

    def command(self) -> Sequence[str]:
        return [*WEB_SERVER, str(self.port)]

    def healthy(self) -> bool:
        return answers(self.url)


class Broken(Web):
    start_seconds = 30.0

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", "print('out of paper'); raise SystemExit(3)"]


class Silent(Web):
    start_seconds = 0.3

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", "import time; time.sleep(600)"]


class Parent(Web):
    name = "a server with a child"

    def command(self) -> Sequence[str]:
        return [sys.executable, "-c", SERVER_WITH_CHILD]

    def healthy(self) -> bool:
        return self.log.read_text().startswith("child")


def gone(pid: int) -> bool:
    """Wait until no process has this id; a zombie whose parent does not look counts as gone."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        state = subprocess.run(
            ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.strip()
        if not state or state.startswith("Z"):
            return True
        time.sleep(0.05)
    return False


def test_started_it_answers_and_stopped_it_is_gone(tmp_path: Path) -> None:
    with Web(tmp_path / "web.log") as web:
        assert answers(web.url)
        pid = web.pid
        assert pid is not None
    assert not answers(web.url)
    assert gone(pid)
    web.stop()


def test_one_that_ends_is_named_with_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "web.log"
    with pytest.raises(ServiceError, match=r"the web server ended with status 3") as caught:
        Broken(log).start()
    assert "out of paper" in caught.value.message
    assert str(log) in caught.value.hint


def test_one_that_never_answers_is_named_and_stopped(tmp_path: Path) -> None:
    silent = Silent(tmp_path / "web.log")
    with pytest.raises(ServiceError, match="did not answer at http://127"):
        silent.start()
    assert silent.pid is None


def test_one_that_ends_later_is_noticed(tmp_path: Path) -> None:
    with Web(tmp_path / "web.log") as web:
        assert web.pid is not None
        os.killpg(web.pid, signal.SIGKILL)
        assert gone(web.pid)
        with pytest.raises(ServiceError, match="ended"):
            web.check()


def test_children_go_with_it(tmp_path: Path) -> None:
    with Parent(tmp_path / "log") as parent:
        child = int(parent.log.read_text().split()[-1])
    assert gone(child)


def test_a_killed_starter_takes_everything_along(tmp_path: Path) -> None:
    command = [sys.executable, "-c", STARTER, str(tmp_path / "log"), str(Path(__file__).parent)]
    starter = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    with starter.stdout:
        process, child = map(int, starter.stdout.readline().split())
    starter.kill()
    starter.wait()
    assert gone(process)
    assert gone(child)


def test_ports_are_free_and_below_those_of_outgoing_connections() -> None:
    ports = {free_port() for _ in range(5)}
    assert len(ports) > 1
    assert all(20_000 <= port < 30_000 for port in ports)


def test_no_proxy_stands_before_this_machine() -> None:
    changed = loopback_without_proxy({"HTTP_PROXY": "http://p", "NO_PROXY": "corp.example"})
    assert changed["NO_PROXY"] == "corp.example,127.0.0.1,localhost"
    assert changed["no_proxy"] == "127.0.0.1,localhost"
    assert changed["HTTP_PROXY"] == "http://p"
