"""What tests of the backend share: the tiny CLIP, drawings it knows, and hosts of images."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from backend_client import PLAIN, loaded
from drawings import Draw, drawing_of
from fake_hub import Hub
from flask.testing import FlaskClient
from fsspec.registry import _registry
from image_host import ImageHost
from served import answering
from studio_answers import LEGACY, Connect, Server

from importers.sketch import MODEL_FOLDER
from ls_backend.clip.clip import Clip
from ls_backend.label_studio import Credentials, LabelStudio
from ls_backend.model import ClipModel
from ls_backend.server.app import create_app


@pytest.fixture(scope="session")
def clip() -> Clip:
    """The tiny CLIP, which knows drawings."""
    return Clip.load(str(MODEL_FOLDER))


@pytest.fixture
def client(clip: Clip) -> FlaskClient:
    """Asks the routes of a backend whose model is the tiny CLIP."""
    return create_app(loaded(ClipModel(clip)), PLAIN).test_client()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the tiny CLIP, to be changed."""
    return Path(shutil.copytree(MODEL_FOLDER, tmp_path / "my-clip"))


@pytest.fixture(scope="session")
def drawing() -> Draw:
    """`drawing("cat")`: a picture of a cat."""
    return drawing_of


@pytest.fixture
def forget_storages() -> Iterator[None]:
    """fsspec remembers the storages it has imported: not from one test to another."""
    yield
    for protocol in ("s3", "gs", "az"):
        _registry.pop(protocol, None)


@pytest.fixture
def start_host() -> Iterator[Callable[[], ImageHost]]:
    """Starts web servers that answer as a test tells them to."""
    with ExitStack() as stack:
        yield lambda: stack.enter_context(ImageHost())


@pytest.fixture
def host(start_host: Callable[[], ImageHost]) -> ImageHost:
    return start_host()


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hugging Face hub with the tiny CLIP in `me/tiny` and a tokenizer in `me/words`."""
    hub = Hub()
    with answering(hub):
        yield hub


@pytest.fixture
def server() -> Iterator[Server]:
    """A Label Studio that answers every path as a test says."""
    server = Server()
    with answering(server):
        yield server


@pytest.fixture
def connect(server: Server) -> Iterator[Connect]:
    """`connect(token, url)`: our side of the line, closed after the test."""
    opened = []

    def connect(token: str = LEGACY, url: str | None = None) -> LabelStudio:
        opened.append(LabelStudio(Credentials(url or server.url, token)))
        return opened[-1]

    yield connect
    for ls in opened:
        ls.close()
