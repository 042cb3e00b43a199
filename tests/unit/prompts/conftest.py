"""A sketch server that writes, in a thread of this process, and campaigns that let it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from flask import request
from werkzeug.serving import make_server

from importers.config.campaign import Campaign
from importers.sketch.server import create_app


@dataclass
class TextApi:
    """The server's address, and what it was asked: the words of each request."""

    url: str
    asked: list[str] = field(default_factory=list)


@pytest.fixture
def text_api() -> Iterator[TextApi]:
    api = TextApi("")
    app = create_app()

    @app.before_request
    def note() -> None:
        if request.is_json and "messages" in request.json:
            api.asked.append(request.json["messages"][-1]["content"])
        elif request.is_json and "input" in request.json:
            api.asked.append(request.json["input"])

    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}/v1"
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


WritingCampaign = Callable[..., Campaign]


@pytest.fixture
def writing_campaign(text_api: TextApi, tmp_path: Path) -> WritingCampaign:
    """A campaign whose prompts the sketch server writes; keywords go into `[prompts.writing]`."""

    def make(
        *, prompts: dict[str, Any] | None = None, samples: int = 12, **writing: Any
    ) -> Campaign:
        return Campaign.model_validate(
            {
                "name": "pets",
                "labels": ["cat", "dog"],
                "samples": samples,
                "prompts": {
                    "writer": "openai:sketch-writer-1",
                    "writing": {"base_url": text_api.url, "count": 6, **writing},
                    **(prompts or {}),
                },
                "generator": {"model": "sketch-1", "base_url": text_api.url, "size": "256x256"},
                "score": {"model": "sketch"},
                "folder": tmp_path,
            }
        )

    return make
