"""Real HTTP servers in threads, on free loopback ports."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
from flask import Flask
from images_server import KEY, Client, ImagesServer
from werkzeug.serving import make_server

Serve = Callable[[Flask], str]


@contextmanager
def _serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def serve_app() -> Iterator[Serve]:
    """Serve Flask apps over HTTP until the test ends: `serve_app(app)` gives the root URL."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(_serving(app))


@pytest.fixture
def server(serve_app: Serve) -> ImagesServer:
    images = ImagesServer()
    images.url = serve_app(images.app())
    return images


@pytest.fixture
def client(server: ImagesServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    client = Client(server.url)
    yield client
    for generator in client.opened:
        generator.close()
