"""An images server that answers what it is told to, and a generator that draws from it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask import Flask, Response, request
from PIL import Image

from importers.config.sections import GeneratorSettings
from importers.generators import GeneratedImage, GenerationRequest
from importers.generators.base import generate_image
from importers.generators.openai_images import OpenAIImages
from ls_backend.errors import GeneratorError

KEY = "sk-never-to-be-shown"

Answer = Callable[[], Any]


def picture(kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(buffer, kind)
    return buffer.getvalue()


PNG = picture()
B64 = base64.b64encode(PNG).decode()


def image() -> dict[str, Any]:
    return {"data": [{"b64_json": B64}]}


def error(status: int, code: str | None, headers: dict[str, str] | None = None, **more: Any) -> Any:
    body = {"message": "m", "type": "t", "param": None, "code": code, **more}
    return {"error": body}, status, headers or {}


def html(status: int) -> Response:
    return Response("<!DOCTYPE html><html>nginx</html>", status, mimetype="text/html")


@dataclass
class ImagesServer:
    """Answers with what it is told to, the last answer again and again; notes what it was asked."""

    answers: list[Answer] = field(default_factory=lambda: [image])
    asked: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, Answer] = field(default_factory=dict)
    fetched: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""

    def app(self) -> Flask:
        app = Flask("images")

        @app.post("/v1/images/generations")
        def generate() -> Any:
            self.asked.append({"body": request.json, "headers": dict(request.headers)})
            return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()

        @app.get("/<path:path>")
        def file(path: str) -> Any:
            self.fetched.append((path, request.headers.get("Authorization")))
            return self.files[path]()

        return app

    @property
    def body(self) -> dict[str, Any]:
        return dict(self.asked[-1]["body"])


@dataclass
class Client:
    """Draws with a generator whose waiting is only noted."""

    server_url: str
    waits: list[float] = field(default_factory=list)
    opened: list[OpenAIImages] = field(default_factory=list)

    def draw(self, parameters: dict[str, Any] | None = None, **settings: Any) -> GeneratedImage:
        values = {
            "model": "gpt-image-2",
            "base_url": f"{self.server_url}/v1",
            "api_key_env": "OPENAI_API_KEY",
            **settings,
        }
        wanted = GeneratorSettings.model_validate(values)
        generator = OpenAIImages(wanted, self.waits.append, lambda: sum(self.waits))
        self.opened.append(generator)
        asked = GenerationRequest("a dog", wanted.model, wanted.size, parameters or {}, seed=7)
        return generate_image(generator, asked)

    def fail(self, **settings: Any) -> GeneratorError:
        with pytest.raises(GeneratorError) as caught:
            self.draw(**settings)
        assert KEY not in f"{caught.value.message} {caught.value.hint}"
        assert caught.value.hint
        return caught.value
