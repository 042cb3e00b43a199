"""The ML backend as a process of its own, and what it reads images from."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests
from flask import Flask, Response, abort, request
from recorded_requests import HEADERS, LABELS, predict_body
from served import serving

from importers.sketch import MODEL_FOLDER
from importers.sketch.draw import draw

TOKEN = "0123456789abcdef0123456789abcdef01234567"
KEY_POINTS = (
    '<View><Image name="image" value="$image"/><KeyPointLabels name="point" toName="image">'
    '<Label value="cat"/></KeyPointLabels></View>'
)
MAIN = """
import sys
from ls_backend.server.serve import serve
from ls_backend.settings import settings_from_env
serve(sys.argv[1], "127.0.0.1", int(sys.argv[2]), settings_from_env())
"""


@dataclass
class Uploads:
    """Label Studio as far as the backend knows it: uploads behind a token."""

    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)
    """Until then images whose names begin with "held-" do not come."""
    asked: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    """Counts those that were asked for."""

    def app(self) -> Flask:
        app = Flask("uploads")
        drawings = {label: draw(f"a photo of a red {label}", 1, 64).png for label in LABELS}

        @app.get("/api/current-user/whoami")
        def whoami() -> dict[str, str]:
            if request.headers.get("Authorization") != f"Token {TOKEN}":
                abort(401)
            return {"email": "admin@example.org"}

        @app.get("/data/upload/3/<name>.png")
        def upload(name: str) -> Response:
            if request.headers.get("Authorization") != f"Token {TOKEN}":
                abort(401)
            if name.startswith("held-"):
                self.asked.release()
                self.release.wait(120)
            label = name.rpartition("-")[2]
            if label not in drawings:
                abort(404)
            return Response(drawings[label], mimetype="image/png")

        return app


@dataclass
class Served:
    """The backend's process."""

    url: str
    process: subprocess.Popen[str]
    log: Path
    session: requests.Session

    def get(self, route: str) -> requests.Response:
        return self.session.get(self.url + route, timeout=60)

    def post(self, route: str, body: dict[str, Any]) -> requests.Response:
        return self.session.post(self.url + route, json=body, timeout=120)

    def predict(self, *images: str, label: str = "cat") -> list[Any]:
        answer = self.post("/predict", predict_body(*images, label=label))
        assert answer.status_code == 200
        return list(answer.json()["results"])


@contextmanager
def serve_uploads() -> Iterator[Uploads]:
    """Uploads on a free port."""
    uploads = Uploads()
    with serving(uploads.app()) as uploads.url:
        try:
            yield uploads
        finally:
            uploads.release.set()


@contextmanager
def serve_backend(
    folder: Path,
    label_studio: str,
    *,
    main: str = MAIN,
    model: str = str(MODEL_FOLDER),
    port: int = 0,
    **more: str,
) -> Iterator[Served]:
    """The backend, ready to answer; at the end it is asked to stop, and must do so cleanly."""
    with start_backend(folder, label_studio, main=main, model=model, port=port, **more) as served:
        assert served.process.stdout is not None
        try:
            ready = served.process.stdout.readline()
            served.url = ready.partition(" answers on ")[2].partition(" ")[0]
            assert served.url, served.log.read_text()
            yield served
        finally:
            served.process.terminate()
        assert served.process.wait(60) == 0


@contextmanager
def start_backend(
    folder: Path,
    label_studio: str,
    *,
    main: str = MAIN,
    model: str = str(MODEL_FOLDER),
    port: int = 0,
    **more: str,
) -> Iterator[Served]:
    """The backend's process, whatever becomes of it."""
    log = folder / "backend.log"
    settings = {
        "LABEL_STUDIO_URL": label_studio,
        "LABEL_STUDIO_API_KEY": TOKEN,
        "CLIP_IMAGE_SECONDS": "100",
        "CLIP_CACHE_DIR": str(folder),
        **more,
    }
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", main, model, str(port)],
            env={**os.environ, **settings},
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
        requests.Session() as session,
    ):
        session.headers.update(HEADERS)
        session.trust_env = False
        yield Served("", process, log, session)


def choices(results: list[Any]) -> list[str | None]:
    return [answer["result"][0]["value"]["choices"][0] if answer else None for answer in results]
