"""How many connections Label Studio sees; what it costs is told at `LabelStudio._connection`."""

from __future__ import annotations

from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from certificates import authority
from served import answering
from studio_answers import LEGACY

from ls_backend.label_studio import Credentials, LabelStudio


class Studio(ThreadingHTTPServer):
    """Keeps connections open, as Label Studio does, and notes the port of each request's."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ports: list[int] = []


class _Handler(BaseHTTPRequestHandler):
    server: Studio
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.ports.append(self.client_address[1])
        assert self.headers["Connection"] != "close"  # Label Studio then loses answers
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


def connections(studio: Studio, credentials: Credentials) -> int:
    with closing(LabelStudio(credentials)) as ls:
        assert [ls.json("GET", "/api/version") for _ in range(4)] == [{}] * 4
    assert len(studio.ports) == 4
    return len(set(studio.ports))


def test_without_tls_each_request_has_a_connection_of_its_own() -> None:
    studio = Studio()
    with answering(studio):
        url = f"http://127.0.0.1:{studio.server_port}"
        assert connections(studio, Credentials(url, LEGACY)) == 4


def test_with_tls_one_connection_is_kept(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    studio = Studio()
    studio.socket = ours.server.wrap_socket(studio.socket, server_side=True)
    with answering(studio):
        url = f"https://127.0.0.1:{studio.server_port}"
        assert connections(studio, Credentials(url, LEGACY, ours.pem)) == 1
