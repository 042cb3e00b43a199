"""OpenAI's Images and Models API as the sketch server speaks it: requests and answers as JSON.

Owns what a request for images may say, moderation, and what the answers look like. Requests that
bring images are `edits_wire.py`.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from importers.sketch.errors import ApiError, Part, read, unknown_model, violations

MODEL = "sketch-1"
WRITER_MODEL = "sketch-writer-1"
MODELS = (MODEL, WRITER_MODEL)
LONGEST_PROMPT = 32_000
MOST_IMAGES = 10
LARGEST_SEED = 2**63 - 1

_PIXELS = 512
"""Width and height where the request leaves the size open."""
_MODEL_CREATED = 1_790_000_000


class ImageRequest(Part):
    """The body of POST /v1/images/generations; `null` is as good as left out.

    Drawings depend on prompt, n, size and seed alone.

    Attributes:
        prompt: 1 to 32,000 characters.
        n: Number of images, 1 to 10.
        seed: Seed of the first image, the next ones count up; None where the server chooses.
    """

    model: str
    prompt: Annotated[str, Field(min_length=1, max_length=LONGEST_PROMPT)]
    n: Annotated[int, Field(ge=1, le=MOST_IMAGES)] = 1
    size: Literal["auto", "256x256", "512x512", "1024x1024"] = "auto"
    quality: Literal["low", "medium", "high", "auto"] = "auto"
    output_format: Literal["png"] = "png"
    background: Literal["opaque", "auto"] = "auto"
    moderation: Literal["low", "auto"] = "auto"
    user: str | None = None
    safety_identifier: str | None = None
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in values.items() if value is not None}

    @property
    def pixels(self) -> int:
        """Width and height of the drawing."""
        return _PIXELS if self.size == "auto" else int(self.size.partition("x")[0])


def read_request(values: object, request_id: str, *, is_form: bool = False) -> ImageRequest:
    """Check what POST /v1/images/generations is asked, as OpenAI does.

    Args:
        values: The JSON body, or the fields of a form.

    Raises:
        ApiError: what is wrong with it first.
    """
    model = values.get("model") if isinstance(values, dict) else None
    if isinstance(model, str) and model != MODEL:
        raise unknown_model(model)
    request = read(ImageRequest, values, is_form=is_form)
    _moderate(request.prompt, request_id)
    return request


def images_answer(
    request: ImageRequest, images: Sequence[bytes], input_image_tokens: int = 0
) -> dict[str, Any]:
    """The answer to a request: the images in base64, and the tokens they count for.

    Args:
        images: PNGs.
        input_image_tokens: Tokens of the images that the request brought.
    """
    text_tokens = max(1, len(request.prompt) // 4)
    image_tokens = len(images) * (request.pixels // 16) ** 2
    return {
        "created": int(time.time()),
        "background": "opaque",
        "data": [{"b64_json": b64encode(image).decode("ascii")} for image in images],
        "output_format": "png",
        "quality": "medium" if request.quality == "auto" else request.quality,
        "size": f"{request.pixels}x{request.pixels}",
        "usage": {
            "input_tokens": text_tokens + input_image_tokens,
            "input_tokens_details": {
                "image_tokens": input_image_tokens,
                "text_tokens": text_tokens,
            },
            "output_tokens": image_tokens,
            "output_tokens_details": {"image_tokens": image_tokens, "text_tokens": 0},
            "total_tokens": text_tokens + input_image_tokens + image_tokens,
        },
    }


def model_answer(model: str) -> dict[str, Any]:
    """What GET /v1/models/{id} says of a model.

    Raises:
        ApiError: there is no such model.
    """
    if model not in MODELS:
        raise unknown_model(model)
    return {
        "id": model,
        "object": "model",
        "created": _MODEL_CREATED,
        "owned_by": "label-studio-clip",
        "shutdown_date": None,
    }


def models_answer() -> dict[str, Any]:
    """What GET /v1/models says."""
    return {"object": "list", "data": [model_answer(model) for model in MODELS]}


def _moderate(prompt: str, request_id: str) -> None:
    found = violations(prompt)
    if found:
        raise ApiError(
            400,
            "Your request was rejected by the safety system. If you believe this is an error, "
            f"include the request ID {request_id}. safety_violations=[{', '.join(found)}].",
            "moderation_blocked",
            type="image_generation_user_error",
        )
