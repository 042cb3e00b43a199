"""OpenAI's Images API as the sketch server speaks it: what a request may say, how answers look.

Owns the JSON of requests, answers and errors. Knows nothing of HTTP servers or of drawing.
"""

from __future__ import annotations

import re
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

MODEL = "sketch-1"
WRITER_MODEL = "sketch-writer-1"
MODELS = (MODEL, WRITER_MODEL)
SIZES = {"auto": 512, "256x256": 256, "512x512": 512, "1024x1024": 1024}
LONGEST_PROMPT = 32_000
MOST_IMAGES = 10
LARGEST_SEED = 2**63 - 1

_MODEL_CREATED = 1_790_000_000
REFUSED_WORDS = {"gore": "violence", "massacre": "violence", "nude": "sexual"}

_Reader = Callable[[str, Any], Any]


@dataclass(eq=False)
class ApiError(Exception):
    """An error answer: `{"error": {message, type, param, code}}` with an HTTP status."""

    status: int
    message: str
    code: str | None = None
    param: str | None = None
    type: str = "invalid_request_error"
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        return {
            "error": {
                "message": self.message,
                "type": self.type,
                "param": self.param,
                "code": self.code,
            }
        }


@dataclass(frozen=True)
class ImageRequest:
    """A request that may be drawn.

    Attributes:
        prompt: 1 to 32,000 characters.
        n: Number of images, 1 to 10.
        size: As it was asked for; `pixels` is the edge of the square drawing.
        quality: low, medium, high or auto; drawings do not depend on it.
        seed: Of the first image, the next ones count up; None where the server chooses.
    """

    prompt: str
    n: int
    size: str
    quality: str
    seed: int | None

    @property
    def pixels(self) -> int:
        return SIZES[self.size]


def new_request_id() -> str:
    return f"req_{uuid.uuid4().hex}"


def read_request(body: object, request_id: str) -> ImageRequest:
    """Check the JSON body of POST /v1/images/generations as OpenAI does.

    Raises:
        ApiError: what is wrong with it first.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request as an object.")
    given = {name: value for name, value in body.items() if value is not None}
    _check_model(given)
    for name in given:
        if name not in _PARAMETERS:
            raise ApiError(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    values = {name: _PARAMETERS[name](name, value) for name, value in given.items()}
    if "prompt" not in values:
        raise _missing("prompt")
    _moderate(values["prompt"], request_id)
    return ImageRequest(
        prompt=values["prompt"],
        n=values.get("n", 1),
        size=values.get("size", "auto"),
        quality=values.get("quality", "auto"),
        seed=values.get("seed"),
    )


def images_answer(
    request: ImageRequest, images: Sequence[bytes], input_image_tokens: int = 0
) -> dict[str, Any]:
    """The answer to a request: the images in base64, and the tokens they count for.

    Args:
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
    return {"object": "list", "data": [model_answer(model) for model in MODELS]}


def unknown_model(model: str) -> ApiError:
    return ApiError(
        404,
        f"The model `{model}` does not exist or you do not have access to it.",
        "model_not_found",
    )


def _check_model(given: Mapping[str, Any]) -> None:
    if "model" not in given:
        raise _missing("model")
    if _text("model", given["model"]) != MODEL:
        raise unknown_model(given["model"])


def _moderate(prompt: str, request_id: str) -> None:
    words = set(re.findall(r"[a-z]+", prompt.lower()))
    violations = sorted({REFUSED_WORDS[word] for word in words & REFUSED_WORDS.keys()})
    if violations:
        raise ApiError(
            400,
            "Your request was rejected by the safety system. If you believe this is an error, "
            f"include the request ID {request_id}. safety_violations=[{', '.join(violations)}].",
            "moderation_blocked",
            type="image_generation_user_error",
        )


def _missing(name: str) -> ApiError:
    return ApiError(
        400, f"Missing required parameter: '{name}'.", "missing_required_parameter", name
    )


def _wrong_type(name: str, expected: str, value: object) -> ApiError:
    kinds = {bool: "a boolean", int: "an integer", float: "a decimal", str: "a string"}
    kinds |= {list: "an array", dict: "an object"}
    got = kinds.get(type(value), "something else")
    message = f"Invalid type for '{name}': expected {expected}, but got {got} instead."
    return ApiError(400, message, "invalid_type", name)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong_type(name, "a string", value)
    return value


def _prompt(name: str, value: object) -> str:
    text = _text(name, value)
    if not text:
        raise ApiError(
            400,
            f"Invalid '{name}': empty string. Expected a string with minimum length 1.",
            "empty_string",
            name,
        )
    if len(text) > LONGEST_PROMPT:
        raise ApiError(
            400,
            f"Invalid '{name}': string too long. Expected a string with maximum length "
            f"{LONGEST_PROMPT}, but got a string with length {len(text)} instead.",
            "string_above_max_length",
            name,
        )
    return text


def _integer(smallest: int, largest: int) -> _Reader:
    def read(name: str, value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong_type(name, "an integer", value)
        if value < smallest:
            raise ApiError(
                400,
                f"Invalid '{name}': integer below minimum value. Expected a value >= {smallest}, "
                f"but got {value} instead.",
                "integer_below_min_value",
                name,
            )
        if value > largest:
            raise ApiError(
                400,
                f"Invalid '{name}': integer above maximum value. Expected a value <= {largest}, "
                f"but got {value} instead.",
                "integer_above_max_value",
                name,
            )
        return value

    return read


def _one_of(*supported: str) -> _Reader:
    def read(name: str, value: object) -> str:
        text = _text(name, value)
        if text not in supported:
            listed = ", ".join(f"'{choice}'" for choice in supported)
            message = f"Invalid value: '{text}'. Supported values are: {listed}."
            raise ApiError(400, message, "invalid_value", name)
        return text

    return read


_PARAMETERS: Mapping[str, _Reader] = {
    "model": _text,
    "prompt": _prompt,
    "n": _integer(1, MOST_IMAGES),
    "size": _one_of(*SIZES),
    "quality": _one_of("low", "medium", "high", "auto"),
    "output_format": _one_of("png"),
    "background": _one_of("opaque", "auto"),
    "moderation": _one_of("low", "auto"),
    "user": _text,
    "safety_identifier": _text,
    "seed": _integer(0, LARGEST_SEED),
}
