"""An images API that charges: answers with usage, counts what it was asked, and may misbehave."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask import Flask, request
from PIL import Image
from served import serving

from importers.config.campaign import Campaign, load_campaign

TOKENS_OUT = 196  # gpt-image-2 at 1024x1024 and low quality, as published

Misbehave = Callable[[str], Any]


def image(tokens_out: int = TOKENS_OUT, tokens_in: int = 10) -> dict[str, Any]:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(buffer, "PNG")
    return {
        "data": [{"b64_json": base64.b64encode(buffer.getvalue()).decode()}],
        "usage": {"input_tokens": tokens_in, "output_tokens": tokens_out},
    }


def error(status: int, code: str | None, headers: dict[str, str] | None = None) -> Any:
    return {"error": {"message": "m", "type": "t", "code": code}}, status, headers or {}


@dataclass
class PaidApi:
    """Answers every request with an image, unless `misbehave` has something for the prompt."""

    misbehave: Misbehave = lambda prompt: None  # noqa: ARG005
    tokens_out: int = TOKENS_OUT
    asked: list[str] = field(default_factory=list)
    base_url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def app(self) -> Flask:
        app = Flask("paid")

        @app.get("/v1/models/<model>")
        def model(model: str) -> Any:
            return {"id": model, "shutdown_date": None}

        @app.post("/v1/images/generations")
        def generate() -> Any:
            prompt = request.get_json()["prompt"]
            with self._lock:
                self.asked.append(prompt)
            answer = self.misbehave(prompt)
            return image(self.tokens_out) if answer is None else answer

        return app


@contextmanager
def paid_api(api: PaidApi) -> Iterator[PaidApi]:
    with serving(api.app()) as root:
        api.base_url = f"{root}/v1"
        yield api


def write_paid_campaign(
    folder: Path,
    base_url: str,
    *,
    samples: int = 12,
    generator: str = "",
    budget: str = "",
    model: str = "gpt-image-2",
) -> Campaign:
    """A campaign of cats and dogs, each prompt with a word of its own."""
    folder.mkdir(exist_ok=True)
    words = ", ".join(f'"w{number}"' for number in range(samples))
    (folder / "campaign.toml").write_text(
        f"""
        name = "pets"
        labels = ["cat", "dog"]
        samples = {samples}
        [prompts]
        templates = ["a {{word}} {{label}}"]
        factors.word = [{words}]
        [generator]
        model = "{model}"
        base_url = "{base_url}"
        size = "1024x1024"
        quality = "low"
        {generator}
        [budget]
        {budget}
        """
    )
    return load_campaign(folder)
