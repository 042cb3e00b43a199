"""OpenAI's images API as the sketch server speaks it: what may be said, and how answers look.

Owns the checks of requests, the images and masks that they bring as forms and as JSON, the answers,
and what is said of models. Knows nothing of HTTP servers or of drawing.
"""

from __future__ import annotations

import io
import re
import time
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, model_validator

from importers.sketch.errors import ApiError, Part, read, refusal, unknown_model, violations

if TYPE_CHECKING:
    from PIL.Image import Image
    from werkzeug.datastructures import FileStorage, MultiDict

MODEL = "sketch-1"
WRITER_MODEL = "sketch-writer-1"
MODELS = (MODEL, WRITER_MODEL)
LONGEST_PROMPT = 32_000
MOST_IMAGES = 10
LARGEST_SEED = 2**63 - 1

MOST_EDITED = 16
LARGEST_IMAGE = 50 * 2**20
LARGEST_MASK = 4 * 2**20
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}

_FILES = ("image", "image[]", "mask")
_DATA_URI = re.compile(r"data:([a-z/]+);base64,")
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


class _Picture(Part):
    image_url: str | None = None
    file_id: str | None = None


class _EditBody(ImageRequest):
    """The JSON body of POST /v1/images/edits."""

    images: Annotated[list[_Picture], Field(max_length=MOST_EDITED)]
    mask: _Picture | None = None


@dataclass(frozen=True)
class EditedImage:
    """An image that a request brings.

    Attributes:
        data: The file as it came.
        pixels: RGB.
    """

    data: bytes
    pixels: Image


@dataclass(frozen=True)
class EditRequest:
    """A request for images, and what it starts from.

    Attributes:
        asked: Fields that every request has.
        images: Up to 16 images; none where the prompt is all that there is.
        mask: RGBA of the first image's size; alpha 0 is painted anew.
    """

    asked: ImageRequest
    images: tuple[EditedImage, ...] = ()
    mask: Image | None = None

    @property
    def image_tokens(self) -> int:
        """Tokens that the images count for."""
        sizes = [image.pixels.size for image in self.images]
        return sum(max(1, width // 16) * max(1, height // 16) for width, height in sizes)


def read_request(
    values: object,
    request_id: str,
    *,
    kind: type[ImageRequest] = ImageRequest,
    is_form: bool = False,
) -> ImageRequest:
    """Check what POST /v1/images/generations is asked, as OpenAI does.

    Args:
        values: The JSON body, or the fields of a form.

    Raises:
        ApiError: what is wrong with it first.
    """
    model = values.get("model") if isinstance(values, dict) else None
    if isinstance(model, str) and model != MODEL:
        raise unknown_model(model)
    request = read(kind, values, is_form=is_form)
    found = violations(request.prompt)
    if found:
        raise ApiError(
            400,
            "Your request was rejected by the safety system. If you believe this is an error, "
            f"include the request ID {request_id}. safety_violations=[{', '.join(found)}].",
            "moderation_blocked",
            type="image_generation_user_error",
        )
    return request


def read_form(
    fields: MultiDict[str, str], files: MultiDict[str, FileStorage], request_id: str
) -> EditRequest:
    """Check the form of POST /v1/images/edits as OpenAI does.

    Raises:
        ApiError: what is wrong with it first.
    """
    for name, values in fields.lists():
        if len(values) > 1:
            raise _twice(name)
        if name in _FILES:
            raise _bad(f"Invalid type for '{name}': expected a file.", "invalid_type", name)
    asked = read_request(fields.to_dict(), request_id, is_form=True)
    for name in files:
        if name not in _FILES:
            raise refusal("extra_forbidden", name)
    images, masks = files.getlist("image") + files.getlist("image[]"), files.getlist("mask")
    if not images:
        raise refusal("missing", "image")
    if len(images) > 1 and "image" in files:
        raise _twice("image")
    if len(images) > MOST_EDITED:
        raise refusal("too_long", "image", max_length=MOST_EDITED, actual_length=len(images))
    if len(masks) > 1:
        raise _twice("mask")
    return _opened(asked, images, masks)


def read_variation(
    fields: MultiDict[str, str], files: MultiDict[str, FileStorage], request_id: str
) -> EditRequest:
    """Check the form of POST /v1/images/variations: one image, and a prompt if there is one.

    OpenAI never took a prompt there; servers that still have the path do.

    Raises:
        ApiError: what is wrong with it first.
    """
    given = fields.copy()
    given.setdefault("prompt", "a variation")
    for name in files:
        if name != "image":
            raise refusal("extra_forbidden", name)
    return read_form(given, files, request_id)


def read_json(body: object, request_id: str) -> EditRequest:
    """Check the JSON form of POST /v1/images/edits, which the Batch API needs.

    Raises:
        ApiError: what is wrong with it first.
    """
    asked = read_request(body, request_id, kind=_EditBody)
    assert isinstance(asked, _EditBody)
    if not asked.images:
        raise refusal("missing", "images")
    images = [_from_uri(one, f"images[{i}]", "image") for i, one in enumerate(asked.images)]
    return _opened(asked, images, [_from_uri(asked.mask, "mask", "mask")] if asked.mask else [])


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


def _from_uri(picture: _Picture, name: str, parameter: str) -> FileStorage:
    from werkzeug.datastructures import FileStorage

    uri = picture.image_url or ""
    head = _DATA_URI.match(uri)
    if head is None:
        message = "the sketch server reads image_url with a base64 data URI alone."
        raise _bad(f"Invalid '{name}': {message}", "invalid_value", name)
    try:
        data = b64decode(uri[head.end() :], validate=True)
    except NotBase64:
        raise _bad(f"Invalid '{name}': it is not base64.", "invalid_base64", name) from None
    return FileStorage(io.BytesIO(data), name=parameter, content_type=head[1])


def _opened(
    asked: ImageRequest, images: Sequence[FileStorage], masks: Sequence[FileStorage]
) -> EditRequest:
    edited = tuple(_edited(file, number) for number, file in enumerate(images, 1))
    return EditRequest(asked, edited, _mask(masks[0], edited[0]) if masks else None)


def _edited(file: FileStorage, number: int) -> EditedImage:
    data = _content(file, TYPES, LARGEST_IMAGE)
    pixels = _decoded(data, TYPES[file.mimetype], f"image {number}")
    return EditedImage(data, pixels.convert("RGB"))


def _mask(file: FileStorage, image: EditedImage) -> Image:
    data = _content(file, ("image/png",), LARGEST_MASK - 1)
    mask = _decoded(data, "PNG", "the mask")
    wrong = ""
    if "A" not in mask.getbands():
        wrong = "format - mask image missing alpha channel."
    elif mask.size != image.pixels.size:
        wrong = "size - the mask must have the same dimensions as the image."
    if wrong:
        raise _bad(f"Invalid mask image {wrong}", "invalid_image_file", "mask")
    return mask.convert("RGBA")


def _content(file: FileStorage, types: Collection[str], largest: int) -> bytes:
    name = file.name or ""
    if file.mimetype not in types:
        listed = ", ".join(f"'{kind}'" for kind in types)
        message = f"unsupported mimetype ('{file.mimetype}'). Supported file formats are {listed}."
        raise _bad(f"Invalid file '{name}': {message}", "unsupported_file_mimetype", name)
    data: bytes = file.read()
    if len(data) > largest:
        message = f"Invalid file '{name}': {len(data)} bytes are more than {largest}."
        raise _bad(message, "image_too_large", name)
    return data


def _decoded(data: bytes, kind: str, what: str) -> Image:
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data), formats=(kind,))
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        message = f"Invalid image file or mode for {what}, please check your image file."
        raise _bad(message, "invalid_image_file", "image") from None
    return image


def _twice(name: str) -> ApiError:
    return _bad(
        f"Duplicate parameter: '{name}'. You provided multiple values for this parameter, whereas "
        f"only one is allowed. To provide a list of values, use the array syntax '{name}[]'.",
        "duplicate_parameter",
        name,
    )


def _bad(message: str, code: str, param: str) -> ApiError:
    return ApiError(400, message, code, param)
