"""What tests of the pipeline and the command line share: an images API, and campaigns for it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pytest
from flask import request
from PIL import Image
from served import serving

from importers.config.campaign import Campaign
from importers.ledger import Ledger
from importers.sketch.account import NO_LIMITS, Limits
from importers.sketch.server import create_app


@dataclass(frozen=True)
class ImagesApi:
    """A sketch server in a thread of this process."""

    base_url: str
    request_log: Path

    def drawn(self) -> list[dict[str, Any]]:
        """One entry for each image that it has drawn so far."""
        if not self.request_log.exists():
            return []
        text = self.request_log.read_text()  # the last line may be still being written
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


class StartImagesApi(Protocol):
    def __call__(
        self, *, limits: Limits = ..., failure_rate: float = ..., api_key: str | None = ...
    ) -> ImagesApi: ...


@pytest.fixture
def start_images_api(tmp_path: Path) -> Iterator[StartImagesApi]:
    """Starts sketch servers; all of them write to one log of requests."""
    log = tmp_path / "requests.jsonl"
    with ExitStack() as servers:

        def start(
            *,
            limits: Limits = NO_LIMITS,
            failure_rate: float = 0.0,
            api_key: str | None = None,
        ) -> ImagesApi:
            app = create_app(failure_rate, api_key=api_key, request_log=log, limits=limits)
            return ImagesApi(f"{servers.enter_context(serving(app))}/v1", log)

        yield start


@pytest.fixture
def images_api(start_images_api: StartImagesApi) -> ImagesApi:
    """A sketch server without limits."""
    return start_images_api()


@dataclass
class TextApi:
    """A sketch server that writes, in a thread of this process.

    Attributes:
        asked: The words of each request.
    """

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

    with serving(app) as url:
        api.url = f"{url}/v1"
        yield api


WriteCampaign = Callable[..., Path]


@pytest.fixture
def write_campaign(tmp_path: Path) -> WriteCampaign:
    """Writes pets/campaign.toml; keywords replace its values, written as TOML."""

    def write(base_url: str = "http://127.0.0.1:9/v1", **changes: str) -> Path:
        values = {
            "labels": '["cat", "dog"]',
            "samples": "6",
            "templates": '["a {color} {label}"]',
            "color": '["red", "blue", "green"]',
            "generator": "parallel = 2",
            "score": 'model = "sketch"',
        } | changes
        folder = tmp_path / "pets"
        folder.mkdir(exist_ok=True)
        (folder / "campaign.toml").write_text(
            f"""
            name = "pets"
            labels = {values["labels"]}
            samples = {values["samples"]}
            [prompts]
            templates = {values["templates"]}
            factors.color = {values["color"]}
            [generator]
            model = "sketch-1"
            base_url = "{base_url}"
            size = "256x256"
            {values["generator"]}
            [score]
            {values["score"]}
            """
        )
        return folder

    return write


MakeCampaign = Callable[..., Campaign]


@pytest.fixture
def make_campaign(tmp_path: Path) -> MakeCampaign:
    """Makes a campaign with these techniques; keywords are further keys of it."""

    def make(*techniques: dict[str, Any], **values: Any) -> Campaign:
        return Campaign.model_validate(
            {
                "name": "pets",
                "labels": ["cat", "dog"],
                "samples": 20,
                "prompts": {"templates": ["a {label}"]},
                "generator": {"model": "sketch-1", "size": "256x256"},
                "score": {"model": "sketch"},
                "technique": [{"name": "vanilla"}, *techniques],
                "folder": tmp_path,
                **values,
            }
        )

    return make


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        yield ledger


@pytest.fixture
def picture(tmp_path: Path) -> Callable[..., bytes]:
    """Writes a picture of one colour into the campaign's folder; gives its bytes."""

    def write(name: str, color: str = "teal", size: tuple[int, int] = (24, 16)) -> bytes:
        buffer = io.BytesIO()
        kind = "JPEG" if name.endswith(".jpg") else "PNG"
        Image.new("RGB", size, color).save(buffer, kind)
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(buffer.getvalue())
        return buffer.getvalue()

    return write
