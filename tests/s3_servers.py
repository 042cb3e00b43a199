"""An S3-compatible server in a process of its own, and a proxy before it where things go wrong."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests
from served import answering

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive", "date", "server"}


@contextmanager
def s3_server() -> Iterator[str]:
    """The address of a moto server, until the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = "import sys; from moto.server import main; main(sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "moto server ended"
        with suppress(requests.ConnectionError):
            requests.get(f"{url}/moto-api/data.json", timeout=60)
            return
        time.sleep(0.05)
    raise AssertionError("moto server did not start")


@dataclass
class Fault:
    """What happens to the requests of one method whose path has a part, `times` times.

    `after`: how many of them come through before that.

    `kind`: a status with S3's code ("503 SlowDown"), "slow" (an answer after `seconds`),
    "cut upload" (the connection is closed when half of the body is here), "cut download" (… there),
    "lost" (the server does it, the answer does not arrive).
    """

    method: str
    part: str
    kind: str
    times: int = 1
    seconds: float = 0.0
    after: int = 0


@dataclass
class FaultyProxy:
    """Where it answers, what goes wrong, and what came in: "PUT /pets/a.png".

    `copied`: the paths among them that S3 was asked to copy to by itself.
    """

    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    copied: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def fault(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets; it counts down."""
        with self.lock:
            self.asked.append(f"{method} {path}")
            for fault in self.faults:
                if fault.times and fault.method == method and fault.part in path:
                    if fault.after:
                        fault.after -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def writes(self) -> list[str]:
        """The requests that change something: "PUT /pets/a.png"."""
        return [each for each in self.asked if not each.startswith(("GET ", "HEAD "))]

    def times(self, start: str) -> int:
        """How many requests began so."""
        return sum(each.startswith(start) for each in self.asked)


def _handler(proxy: FaultyProxy, behind: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            fault = proxy.fault(self.command, self.path)
            if "x-amz-copy-source" in self.headers:
                proxy.copied.append(self.path)
            kind = fault.kind if fault else ""
            length = int(self.headers.get("Content-Length", 0))
            if kind == "cut upload":
                self.rfile.read(length // 2)
                self._cut()
                return
            body = self.rfile.read(length)
            if fault and kind == "slow":
                time.sleep(fault.seconds)
            if kind[:1].isdigit():
                status, _, code = kind.partition(" ")
                told = f"<Error><Code>{code}</Code><Message>{code} now</Message></Error>"
                self._answer(int(status), [("Content-Type", "application/xml")], told.encode())
                return
            status, headers, answer = self._forwarded(body)
            if kind == "lost":
                self._cut()
                return
            self._answer(int(status), headers, answer, half=kind == "cut download")

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _any

        def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            connection = http.client.HTTPConnection("127.0.0.1", behind, timeout=60)
            given = {name: value for name, value in self.headers.items() if name != "Expect"}
            connection.request(self.command, self.path, body, given)
            response = connection.getresponse()
            answer = response.read()
            connection.close()
            headers = [(k, v) for k, v in response.getheaders() if k.lower() not in _HOP_BY_HOP]
            return response.status, headers, answer

        def _answer(
            self, status: int, headers: list[tuple[str, str]], body: bytes, *, half: bool = False
        ) -> None:
            self.send_response(status)
            for name, value in headers:
                if name.lower() != "content-length" or self.command == "HEAD":
                    self.send_header(name, value)
            if self.command != "HEAD":
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body[: len(body) // 2] if half else body)
            if half:
                self._cut()

        def _cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)

        def log_message(self, *_: object) -> None: ...

    return Handler


class _Server(ThreadingHTTPServer):
    request_queue_size = 128

    def handle_error(self, *_: object) -> None:
        """Clients that gave up are part of the tests."""


@contextmanager
def faulty_proxy(behind: str) -> Iterator[FaultyProxy]:
    """A proxy before the server at an address, until the end."""
    proxy = FaultyProxy()
    server = _Server(("127.0.0.1", 0), _handler(proxy, int(behind.rpartition(":")[2])))
    proxy.url = f"http://127.0.0.1:{server.server_port}"
    with answering(server):
        yield proxy
