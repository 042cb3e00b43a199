"""`ls-clip serve`: the app behind gunicorn, or waitress where that is not to be had.

gunicorn runs one worker process, which loads the model and answers in threads; a worker that
crashes is replaced. SIGTERM stops either cleanly: no new requests, what is under way is finished.
"""

from __future__ import annotations

import gc
import importlib.util
import sys
from functools import partial
from typing import TYPE_CHECKING

from ls_backend.backend import PREDICTIONS_AT_ONCE
from ls_backend.server.servers import bound, url_of
from ls_backend.settings import Settings

if TYPE_CHECKING:
    from flask import Flask

    from ls_backend.backend import ModelLoader
    from ls_backend.model import ClipModel
    from ls_backend.server.servers import Failed

THREADS = PREDICTIONS_AT_ONCE + 8


def serve(model: str, host: str, port: int, settings: Settings) -> None:
    """Answer Label Studio until SIGTERM or Ctrl-C, while `model` loads in the background.

    Prints one line when the model is there. Port 0 takes a free one.

    Raises:
        ConfigError: The address cannot be used.
        ModelError: The model cannot be loaded.
    """
    from ls_backend.logs import log_to_stderr
    from ls_backend.server.servers import run_gunicorn, run_waitress

    with bound(host, port) as sock:
        log_to_stderr(settings.log_format, "gunicorn.error")
        make_app = partial(_app, model, settings, url_of(sock))
        run = run_gunicorn if _has_gunicorn() else run_waitress
        run(make_app, sock, THREADS)


def _has_gunicorn() -> bool:
    return sys.platform != "win32" and importlib.util.find_spec("gunicorn") is not None


def _app(model: str, settings: Settings, url: str, failed: Failed) -> Flask:
    """The app, its model on the way; made in the process that answers."""
    from ls_backend.backend import ModelLoader
    from ls_backend.server.app import create_app

    def settled(loader: ModelLoader) -> None:
        if loader.error is not None:
            failed(loader.error)
        else:
            # What is loaded stays. To look through it for garbage stopped all threads, /health
            # too, for up to 0.2 s at a time.
            gc.freeze()
            print(_ready(loader.wait().name, url, settings), flush=True)

    loader = ModelLoader(partial(_loaded, model, settings), settled)
    app = create_app(loader, settings)
    access = app.extensions["clip"].access
    if access is not None:
        access.ask()
    loader.start()
    return app


def _loaded(model: str, settings: Settings) -> ClipModel:
    from ls_backend.clip.clip import Clip
    from ls_backend.model import ClipModel

    return ClipModel(Clip.load(model, device=settings.device, precision=settings.precision))


def _ready(name: str, url: str, settings: Settings) -> str:
    if settings.label_studio is None:
        reads = "reads public images only (LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY are not set)"
    else:
        reads = f"reads images of {settings.label_studio.url}"
    return f"CLIP {name} answers on {url} and {reads}"
