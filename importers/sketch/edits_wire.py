"""OpenAI's image edits as the sketch server speaks them: what a request may bring, and how.

Owns the two forms of a request, multipart and JSON, and the checks of its images and mask. The
other parameters are those of generations, see `wire`.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from importers.sketch import wire
from importers.sketch.wire import ApiError

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_IMAGES = 16
LARGEST_IMAGE = 50 * 2**20
LARGEST_MASK = 4 * 2**20
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}

_NUMBERS = ("n", "seed")
_DATA_URI = re.compile(r"data:([a-z/]+);base64,")


@dataclass(frozen=True)
class File:
    """A file of a form: the parameter that it is for, its declared type and its bytes."""

    parameter: str
    type: str
    data: bytes


@dataclass(frozen=True)
class EditRequest:
    """A request that starts from images.

    Attributes:
        asked: The same as of a request for generations.
        images: 1 to 16, with their pixels.
        mask: RGBA with the first image's size; alpha 0 is painted anew.
    """

    asked: wire.ImageRequest
    images: tuple[EditedImage, ...]
    mask: Image | None

    @property
    def image_tokens(self) -> int:
        return sum(
            max(1, i.pixels.width // 16) * max(1, i.pixels.height // 16) for i in self.images
        )


@dataclass(frozen=True)
class EditedImage:
    """The bytes of an image as they came, and its pixels as RGB."""

    data: bytes
    pixels: Image


def read_form(
    fields: Sequence[tuple[str, str]], files: Sequence[File], request_id: str
) -> EditRequest:
    """Check the form of POST /v1/images/edits as OpenAI does.

    Args:
        fields: Names and values of the parameters that are no files, as they came.

    Raises:
        ApiError: what is wrong with it first.
    """
    values: dict[str, Any] = {}
    for name, value in fields:
        if name in values:
            raise _twice(name)
        values[name] = int(value) if name in _NUMBERS and value.isdigit() else value
    for name in ("image", "image[]", "mask"):
        if name in values:
            raise _bad(f"Invalid type for '{name}': expected a file.", "invalid_type", name)
    return _request(values, files, request_id)


def read_variation(
    fields: Sequence[tuple[str, str]], files: Sequence[File], request_id: str
) -> EditRequest:
    """Check the form of POST /v1/images/variations: one image, and a prompt if there is one.

    OpenAI never took a prompt there; servers that still have the path do.

    Raises:
        ApiError: what is wrong with it first.
    """
    given = fields if any(name == "prompt" for name, _ in fields) else [*fields, _NO_PROMPT]
    for file in files:
        if file.parameter != "image":
            raise _unknown(file.parameter)
    return read_form(given, files, request_id)


_NO_PROMPT = ("prompt", "a variation")


def read_json(body: object, request_id: str) -> EditRequest:
    """Check the JSON form of POST /v1/images/edits, which the Batch API needs.

    Raises:
        ApiError: what is wrong with it first.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request as an object.")
    values = dict(body)
    images, mask = values.pop("images", None), values.pop("mask", None)
    if images is not None and not isinstance(images, list):
        raise _bad("Invalid type for 'images': expected an array.", "invalid_type", "images")
    several = len(images or ()) > 1
    files = [
        _from_uri(image, f"images[{number}]", "image[]" if several else "image")
        for number, image in enumerate(images or ())
    ]
    if mask is not None:
        files.append(_from_uri(mask, "mask", "mask"))
    return _request(values, files, request_id)


def _request(values: dict[str, Any], files: Sequence[File], request_id: str) -> EditRequest:
    asked = wire.read_request(values, request_id)
    for file in files:
        if file.parameter not in {"image", "image[]", "mask"}:
            raise _unknown(file.parameter)
    images = [file for file in files if file.parameter != "mask"]
    masks = [file for file in files if file.parameter == "mask"]
    if not images:
        raise _bad("Missing required parameter: 'image'.", "missing_required_parameter", "image")
    if len(images) > 1 and any(file.parameter == "image" for file in images):
        raise _twice("image")
    if len(masks) > 1:
        raise _twice("mask")
    if len(images) > MOST_IMAGES:
        raise _bad(
            f"Invalid 'image': array too long. Expected an array with maximum length "
            f"{MOST_IMAGES}, but got an array with length {len(images)} instead.",
            "array_above_max_length",
            "image",
        )
    edited = tuple(EditedImage(f.data, _pixels(f, number)) for number, f in enumerate(images, 1))
    return EditRequest(asked, edited, _mask(masks[0], edited[0]) if masks else None)


def _pixels(file: File, number: int) -> Image:
    _check_file(file, TYPES, LARGEST_IMAGE)
    return _opened(file.data, TYPES[file.type], f"image {number}").convert("RGB")


def _mask(file: File, image: EditedImage) -> Image:
    _check_file(file, ("image/png",), LARGEST_MASK - 1)
    mask = _opened(file.data, "PNG", "the mask")
    if "A" not in mask.getbands():
        raise _bad(
            "Invalid mask image format - mask image missing alpha channel.",
            "invalid_image_file",
            "mask",
        )
    if mask.size != image.pixels.size:
        raise _bad(
            "Invalid mask image size - the mask must have the same dimensions as the image.",
            "invalid_image_file",
            "mask",
        )
    return mask.convert("RGBA")


def _check_file(file: File, types: Mapping[str, str] | Sequence[str], largest: int) -> None:
    name = file.parameter
    if file.type not in types:
        listed = ", ".join(f"'{kind}'" for kind in types)
        raise _bad(
            f"Invalid file '{name}': unsupported mimetype ('{file.type}'). Supported file formats "
            f"are {listed}.",
            "unsupported_file_mimetype",
            name,
        )
    if len(file.data) > largest:
        raise _bad(
            f"Invalid file '{name}': {len(file.data)} bytes are more than {largest}.",
            "image_too_large",
            name,
        )


def _opened(data: bytes, kind: str, what: str) -> Image:
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data), formats=(kind,))
        image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise _bad(
            f"Invalid image file or mode for {what}, please check your image file.",
            "invalid_image_file",
            "image",
        ) from None
    return image


def _from_uri(value: object, name: str, parameter: str) -> File:
    uri = value.get("image_url") if isinstance(value, dict) else None
    head = _DATA_URI.match(uri) if isinstance(uri, str) else None
    if head is None or not isinstance(uri, str):
        raise _bad(
            f"Invalid '{name}': the sketch server reads image_url with a base64 data URI alone.",
            "invalid_value",
            name,
        )
    try:
        return File(parameter, head[1], b64decode(uri[head.end() :], validate=True))
    except NotBase64:
        raise _bad(f"Invalid '{name}': it is not base64.", "invalid_base64", name) from None


def _twice(name: str) -> ApiError:
    return _bad(
        f"Duplicate parameter: '{name}'. You provided multiple values for this parameter, whereas "
        f"only one is allowed. To provide a list of values, use the array syntax '{name}[]'.",
        "duplicate_parameter",
        name,
    )


def _unknown(name: str) -> ApiError:
    return _bad(f"Unknown parameter: '{name}'.", "unknown_parameter", name)


def _bad(message: str, code: str, param: str) -> ApiError:
    return ApiError(400, message, code, param)
