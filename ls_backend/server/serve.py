"""`ls-clip serve`: the app, its model on the way, behind one HTTP server in one process.

SIGTERM stops it cleanly: no new connections, what is under way is finished. A crash ends the
process; who supervises it starts it anew.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
from functools import partial
from typing import TYPE_CHECKING

from ls_backend.backend import PREDICTIONS_AT_ONCE
from ls_backend.server.listening import bound, url_of
from ls_backend.settings import Settings

if TYPE_CHECKING:
    from ls_backend.backend import ModelLoader
    from ls_backend.model import ClipModel

THREADS = PREDICTIONS_AT_ONCE + 8


def serve(model: str, host: str, port: int, settings: Settings) -> None:
    """Answer Label Studio until SIGTERM or Ctrl-C, while `model` loads in the background.

    Prints one line when the model is there. Port 0 takes a free one.

    Raises:
        ConfigError: The address cannot be used.
        ModelError: The model cannot be loaded.
    """
    from ls_backend.backend import ModelLoader
    from ls_backend.logs import log_to_stderr
    from ls_backend.server.app import create_app, kept_of_bodies
    from ls_backend.server.http_server import HttpServer, stopped_by_signals

    def settled(loader: ModelLoader) -> None:
        if loader.error is not None:
            server.stop()
            return
        # What is loaded stays. To look through it for garbage stopped all threads, /health
        # too, for up to 0.2 s at a time.
        gc.freeze()
        print(_ready(loader.wait().name, url, settings), flush=True)

    with bound(host, port) as sock:
        url = url_of(sock)
        log_to_stderr(settings.log_format, "waitress")
        loader = ModelLoader(partial(load_model, model, settings), settled)
        app = create_app(loader, settings)
        backend = app.extensions["clip"]
        if backend.access is not None:
            backend.access.ask()
        server = HttpServer(app, sock, kept_of_bodies(settings), THREADS, backend.stop)
        with stopped_by_signals(server.stop):
            loader.start()
            is_finished = server.run()
    if loader.error is not None:
        raise loader.error
    if loader.state == "loading" or not is_finished:
        _leave_at_once()


def _leave_at_once() -> None:
    """End the process without Python's own end, which crashes in what other threads compute."""
    logging.shutdown()
    sys.stdout.flush()
    os._exit(0)


def load_model(model: str, settings: Settings) -> ClipModel:
    """A CLIP model on the device that the settings name.

    Raises:
        ModelError: It cannot be found or loaded.
    """
    from ls_backend.clip.clip import Clip
    from ls_backend.model import ClipModel

    return ClipModel(Clip.load(model, device=settings.device, precision=settings.precision))


def _ready(name: str, url: str, settings: Settings) -> str:
    if settings.label_studio is None:
        reads = "reads public images only (LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY are not set)"
    else:
        reads = f"reads images of {settings.label_studio.url}"
    return f"CLIP {name} answers on {url} and {reads}"
