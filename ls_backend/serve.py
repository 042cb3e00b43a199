"""`ls-clip serve`: the model loaded once, the app behind waitress, a clean stop."""

from __future__ import annotations

import errno
import logging
import signal
import socket
import sys
import threading
from contextlib import suppress
from types import FrameType

from ls_backend.app import PREDICTIONS_AT_ONCE, create_app
from ls_backend.errors import ConfigError
from ls_backend.settings import Settings

THREADS = PREDICTIONS_AT_ONCE + 8
BACKLOG = 1024


def serve(model: str, host: str, port: int, settings: Settings) -> None:
    """Answer Label Studio until SIGTERM or Ctrl-C, while `model` loads in the background.

    Prints one line when the model is there. Port 0 takes a free one.

    Raises:
        ConfigError: The address cannot be used.
        ModelError: The model cannot be loaded.
    """
    from waitress import create_server

    from ls_backend.clip import Clip
    from ls_backend.loading import ModelLoader
    from ls_backend.model import ClipModel

    with _bound(host, port) as sock:
        _stop_on_sigterm()
        _log_to_stderr()

        def load() -> ClipModel:
            clip = Clip.load(model, device=settings.device, precision=settings.precision)
            return ClipModel(clip)

        def settled(loader: ModelLoader) -> None:
            if loader.error is not None:
                signal.raise_signal(signal.SIGTERM)
            else:
                print(_ready(loader.wait().name, sock, settings), flush=True)

        loader = ModelLoader(load, settled)
        try:
            server = create_server(
                create_app(loader, settings),
                sockets=[sock],
                threads=THREADS,
                backlog=BACKLOG,
                ident="label-studio-clip",
            )
        except OSError as error:  # another process began to listen in between
            raise _cannot_listen(host, port, error) from error
        with suppress(SystemExit):
            loader.start()
            server.run()
        server.close()
        if loader.error is not None:
            raise loader.error


def _bound(host: str, port: int) -> socket.socket:
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
    except OSError as error:
        sock.close()
        raise _cannot_listen(host, port, error) from error
    return sock


def _cannot_listen(host: str, port: int, error: Exception) -> ConfigError:
    busy = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
    why = "the port is in use" if busy else str(error)
    return ConfigError(
        f"The backend cannot listen on {host}:{port}: {why}.",
        hint="Stop what uses the port, or choose another: --port 9191 (0 takes a free one).",
        code="address",
    )


def _ready(name: str, sock: socket.socket, settings: Settings) -> str:
    host, port = sock.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    if settings.label_studio is None:
        reads = "reads public images only (LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY are not set)"
    else:
        reads = f"reads images of {settings.label_studio.url}"
    return f"CLIP {name} answers on {address} and {reads}"


def _stop_on_sigterm() -> None:
    def stop(_signal: int, _frame: FrameType | None) -> None:
        sys.exit(0)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, stop)


def _log_to_stderr() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log = logging.getLogger("ls_backend")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
