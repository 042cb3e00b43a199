"""What tests of wire formats share: apps over real HTTP, and an images server to misbehave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from images_server import KEY, Client, ImagesServer
from served import serving

Serve = Callable[[Flask], str]


@pytest.fixture
def serve_app() -> Iterator[Serve]:
    """Serve Flask apps over HTTP until the test ends: `serve_app(app)` gives the root URL."""
    with ExitStack() as stack:
        yield lambda app: stack.enter_context(serving(app))


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
