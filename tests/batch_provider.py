"""A provider with a Batch API: the sketch server in a thread, which fails where it is told to."""

from __future__ import annotations

import json
import socket
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Response, request
from served import serving

from importers.config.campaign import Campaign, load_campaign
from importers.sketch.account import USUAL_BATCHES, BatchLimits
from importers.sketch.server import create_app

UPLOAD, CREATE, LIST = "POST /v1/files", "POST /v1/batches", "GET /v1/batches"
LOOK, CONTENT = "GET /v1/batches/<batch_id>", "GET /v1/files/<file_id>/content"
LINE = "a line"

Answer = Callable[[], Any]


@dataclass
class BatchProvider:
    """What can be seen of the provider, and what it will do wrong.

    Attributes:
        calls: The requests that came over the network, such as `CREATE`.
        instead: What the next requests of a kind are answered with; `LINE` is a batch's line.
        after: What happens to the next answers of a kind before they are sent.
    """

    log: Path
    base_url: str = ""
    calls: list[str] = field(default_factory=list)
    instead: defaultdict[str, list[Answer]] = field(default_factory=lambda: defaultdict(list))
    after: defaultdict[str, list[Callable[[Response], Response]]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def drawn(self) -> list[dict[str, Any]]:
        """One entry for each image that was drawn."""
        if not self.log.exists():
            return []
        text = self.log.read_text()  # the last line may be still being written
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def count(self, call: str) -> int:
        return self.calls.count(call)


@contextmanager
def batch_provider(folder: Path, limits: BatchLimits = USUAL_BATCHES) -> Iterator[BatchProvider]:
    """Serve the sketch server from a thread; its log of drawings is in the folder."""
    provider = BatchProvider(folder / "requests.jsonl")
    app = create_app(request_log=provider.log, batches=limits)

    @app.before_request
    def answer_instead() -> Any:
        call = _call()
        if call != LINE:
            provider.calls.append(call)
        return provider.instead[call].pop(0)() if provider.instead[call] else None

    @app.after_request
    def then(response: Response) -> Response:
        after = provider.after[_call()]
        return after.pop(0)(response) if after else response

    with serving(app) as root:
        provider.base_url = f"{root}/v1"
        yield provider


def batch_campaign(
    folder: Path,
    base_url: str,
    samples: int = 4,
    colors: str = '["red", "blue", "green"]',
    **generator: str,
) -> Campaign:
    """A campaign with `batch = true`; keywords go into its [generator] as TOML."""
    keys = {"batch": "true", "size": '"256x256"', **generator}
    folder.mkdir(exist_ok=True)
    (folder / "campaign.toml").write_text(
        f"""
        name = "pets"
        labels = ["cat", "dog"]
        samples = {samples}
        [prompts]
        templates = ["a {{color}} {{label}}"]
        factors.color = {colors}
        [generator]
        model = "sketch-1"
        base_url = "{base_url}"
        {chr(10).join(f"{key} = {value}" for key, value in keys.items())}
        [score]
        model = "sketch"
        """
    )
    return load_campaign(folder)


def cut(response: Response) -> Response:
    """Close the connection: what was asked is done, and the answer never comes."""
    request.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return response


def half(response: Response) -> Response:
    """Close the connection in the middle of the answer."""
    whole, connection = response.get_data(), request.environ["werkzeug.socket"]

    def body() -> Iterator[bytes]:
        yield whole[: len(whole) // 2]
        connection.shutdown(socket.SHUT_RDWR)

    return Response(body(), headers={"Content-Length": str(len(whole))})


def held_back(event: threading.Event) -> Answer:
    """Let a request through when the event is set."""

    def wait() -> None:
        assert event.wait(60)

    return wait


def error(status: int, code: str, message: str = "no") -> Answer:
    """An error answer as OpenAI writes it."""
    body = {"message": message, "type": "server_error", "param": None, "code": code}
    return lambda: ({"error": body}, status, {"x-request-id": "req_0"})


def _call() -> str:
    if "werkzeug.socket" not in request.environ:
        return LINE
    return f"{request.method} {request.url_rule.rule if request.url_rule else request.path}"
