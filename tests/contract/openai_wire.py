"""A local images server that is as strict as OpenAI's about what it is sent.

It knows the fields, enums and multipart names of POST /images/generations and /images/edits for the
gpt-image models, and answers 400 with the reason to everything else. `refused` keeps those reasons,
so that a test can say that nothing was refused.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import pytest
from flask import Flask, request
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from served import serving
from werkzeug.datastructures import FileStorage

from importers.openai_api.models import LIVING

MOST_IMAGES, LARGEST_IMAGE, LARGEST_MASK = 16, 50 * 2**20, 4 * 2**20
IMAGE_TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


class Common(BaseModel):
    """What both operations take; response_format, style and seed are not among it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: Annotated[str, Field(min_length=1, max_length=32_000)]
    model: str
    n: Annotated[int, Field(ge=1, le=10)] = 1
    size: str = "auto"
    quality: Literal["low", "medium", "high", "xhigh", "max", "auto"] = "auto"
    complexity: Literal["low", "medium", "high"] | None = None
    background: Literal["transparent", "opaque", "auto"] = "auto"
    output_format: Literal["png", "jpeg", "webp"] = "png"
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    safety_identifier: str | None = None
    user: str | None = None


class Generation(Common):
    """The JSON body of POST /images/generations."""

    moderation: Literal["low", "auto"] = "auto"


class Edit(Common):
    """The text fields of POST /images/edits; in a form they are all strings."""

    model_config = ConfigDict(extra="forbid", strict=False)


@dataclass
class WireServer:
    """What was received, and what was refused and why."""

    url: str = ""
    received: list[dict[str, Any]] = field(default_factory=list)
    images: list[list[bytes]] = field(default_factory=list)
    masks: list[bytes | None] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def app(self) -> Flask:
        app = Flask("openai")

        @app.post("/v1/images/generations")
        def generate() -> Any:
            return self._answer(lambda: Generation.model_validate(request.get_json()), [], None)

        @app.post("/v1/images/edits")
        def edit() -> Any:
            images = request.files.getlist("image[]") or request.files.getlist("image")
            mask = request.files.get("mask")
            return self._answer(lambda: Edit.model_validate(request.form.to_dict()), images, mask)

        @app.get("/v1/models/<model>")
        def model(model: str) -> Any:
            return {"id": model, "object": "model", "shutdown_date": None}

        return app

    def _answer(self, read: Any, images: list[FileStorage], mask: FileStorage | None) -> Any:
        try:
            body = read()
            check_model(body)
            pictures = [check_image(file) for file in images]
            if request.path.endswith("/edits"):
                check_files(pictures, mask)
        except (ValidationError, ValueError) as error:
            self.refused.append(str(error))
            return {
                "error": {
                    "message": str(error),
                    "type": "invalid_request_error",
                    "param": None,
                    "code": "invalid_value",
                }
            }, 400
        self.received.append(body.model_dump(exclude_unset=True))
        self.images.append(pictures)
        self.masks.append(None if mask is None else rewound(mask))
        return answer(body)


def check_model(body: Common) -> None:
    """What depends on the model: its name, its sizes, its own parameters."""
    if body.model not in LIVING:
        raise ValueError(f"model_not_found: {body.model}")
    if body.complexity is not None and not body.model.startswith("gpt-image-2.6"):
        raise ValueError("unknown parameter: complexity")
    if body.quality in {"xhigh", "max"} and body.model == "gpt-image-2":
        raise ValueError(f"invalid quality {body.quality}")
    if body.background == "transparent" and body.output_format == "jpeg":
        raise ValueError("a transparent background needs png or webp")
    if body.output_compression is not None and body.output_format == "png":
        raise ValueError("output_compression is for jpeg and webp")
    if body.size != "auto":
        width, height = body.size.split("x")
        check_size(int(width), int(height))


def check_size(width: int, height: int) -> None:
    if width % 16 or height % 16:
        raise ValueError("width and height must be divisible by 16")
    if not 655_360 <= width * height <= 8_294_400 or max(width, height) > 3840:
        raise ValueError("too few or too many pixels")
    if max(width, height) > 3 * min(width, height):
        raise ValueError("too long")


def check_image(file: FileStorage) -> bytes:
    """One uploaded image: its name, its type, and that it is what it says."""
    data = rewound(file)
    if file.mimetype not in IMAGE_TYPES:
        raise ValueError(f"unsupported mimetype ('{file.mimetype}')")
    if not file.filename or "." not in file.filename:
        raise ValueError(f"the file name {file.filename!r} has no ending")
    if len(data) >= LARGEST_IMAGE:
        raise ValueError("the image is too large")
    with Image.open(io.BytesIO(data)) as image:
        if image.format != IMAGE_TYPES[file.mimetype]:
            raise ValueError(f"{file.mimetype} holds {image.format}")
    return data


def check_files(pictures: list[bytes], mask: FileStorage | None) -> None:
    """What an edit starts from."""
    names = set(request.files) - {"image", "image[]", "mask"}
    if names or ("image" in request.files and "image[]" in request.files):
        raise ValueError(f"unknown files {sorted(request.files)}")
    if not 1 <= len(pictures) <= MOST_IMAGES:
        raise ValueError(f"{len(pictures)} images")
    if len(request.files.getlist("image")) > 1:
        raise ValueError("several images are sent as image[]")
    if mask is None:
        return
    data = rewound(mask)
    with Image.open(io.BytesIO(pictures[0])) as first, Image.open(io.BytesIO(data)) as image:
        if image.format != "PNG" or mask.mimetype != "image/png" or len(data) >= LARGEST_MASK:
            raise ValueError("the mask is not a small PNG")
        if image.size != first.size:
            raise ValueError(f"the mask has {image.size}, the image {first.size}")
        if "A" not in image.getbands() or image.getchannel("A").getextrema()[0] != 0:
            raise ValueError("the mask has no transparent part")


def rewound(file: FileStorage) -> bytes:
    file.stream.seek(0)
    return file.stream.read()


def answer(body: Common) -> dict[str, Any]:
    """One small picture, with the token counts of a large one."""
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16), "teal").save(buffer, "PNG")
    image = base64.b64encode(buffer.getvalue()).decode()
    return {
        "created": int(time.time()),
        "data": [{"b64_json": image}] * body.n,
        "usage": {
            "input_tokens": 12,
            "input_tokens_details": {"text_tokens": 12, "image_tokens": 0},
            "output_tokens": 196,
            "output_tokens_details": {"text_tokens": 0, "image_tokens": 196},
            "total_tokens": 208,
        },
    }


@contextmanager
def wire_server() -> Iterator[WireServer]:
    """A strict server on a free loopback port."""
    server = WireServer()
    with serving(server.app()) as root:
        server.url = f"{root}/v1"
        yield server


@pytest.fixture(name="openai")
def openai_fixture() -> Iterator[WireServer]:
    with wire_server() as server:
        yield server
