"""An HTTP server that speaks the Hugging Face hub's wire format, and notes what it was asked."""

from __future__ import annotations

import hashlib
import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.model_source import WEIGHTS_FILE as WEIGHTS

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(ThreadingHTTPServer):
    """Repositories by name → files; what was asked for stands in `asked`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.repositories: dict[str, dict[str, bytes]] = {
            "me/tiny": {WEIGHTS: (MODEL_FOLDER / WEIGHTS).read_bytes(), "README.md": b"hi"},
            "me/words": {"tokenizer.json": b'{"version": "1.0"}', "picture.png": b"no"},
        }
        self.asked: list[str] = []
        self.cut_at = 0


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Hub

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def log_message(self, *_args: Any) -> None:
        pass

    def _answer(self, *, with_body: bool) -> None:
        path = self.path.partition("?")[0]
        asked_for = self.headers.get("Range", "")
        self.server.asked.append(f"{self.command} {path} {asked_for}".strip())
        for name, files in self.server.repositories.items():
            if path.startswith(f"/api/models/{name}/tree/"):
                tree = [
                    {"type": "file", "path": file, "size": len(data), "oid": git_sha1(data)}
                    for file, data in files.items()
                ]
                return self._send(json.dumps(tree).encode(), {}, with_body)
            if path.startswith(f"/api/models/{name}"):
                listing = {
                    "id": name,
                    "sha": COMMIT,
                    "siblings": [{"rfilename": file} for file in files],
                }
                return self._send(json.dumps(listing).encode(), {}, with_body)
            prefix = f"/{name}/resolve/"
            if path.startswith(prefix):
                file = path.removeprefix(prefix).partition("/")[2]
                if file in files:
                    return self._file(files[file], with_body)
        return self._send(b"{}", {}, with_body, 200 if path == "/" else 404)

    def _file(self, data: bytes, with_body: bool) -> None:
        etag = hashlib.sha256(data).hexdigest()
        headers = {
            "X-Repo-Commit": COMMIT,
            "ETag": f'"{etag}"',
            "X-Linked-Etag": f'"{etag}"',
            "X-Linked-Size": str(len(data)),
            "Accept-Ranges": "bytes",
        }
        given = self.headers.get("Range", "")
        if not given.startswith("bytes="):
            return self._send(data, headers, with_body)
        start = int(given.removeprefix("bytes=").partition("-")[0])
        headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        return self._send(data[start:], headers, with_body, 206)

    def _send(
        self, body: bytes, headers: dict[str, str], with_body: bool, status: int = 200
    ) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_body and self.server.cut_at and len(body) > self.server.cut_at:
            self.wfile.write(body[: self.server.cut_at])
            self.server.cut_at = 0
            self.close_connection = True
        elif with_body:
            self.wfile.write(body)


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(f"blob {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


def environment(hub: Hub, home: Path, *, offline: bool) -> dict[str, str]:
    """For a process whose hub is `hub`, with its cache in `home`."""
    return {
        **os.environ,
        "HF_HOME": str(home),
        "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
        "HF_HUB_OFFLINE": "1" if offline else "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }
