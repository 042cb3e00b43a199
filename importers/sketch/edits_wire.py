"""OpenAI's image edits as the sketch server speaks them: what a request may bring, and how.

Owns the two forms of a request, multipart and JSON, and the checks of its images and mask. The
other parameters are those of generations, see `images_wire.py`.
"""

from __future__ import annotations

import io
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from importers.sketch.errors import ApiError, Part, read, refusal
from importers.sketch.images_wire import ImageRequest, read_request

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_IMAGES = 16
LARGEST_IMAGE = 50 * 2**20
LARGEST_MASK = 4 * 2**20
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}

_NO_PROMPT = ("prompt", "a variation")
_FILES = ("image", "image[]", "mask")
_DATA_URI = re.compile(r"data:([a-z/]+);base64,")


@dataclass(frozen=True)
class File:
    """A file of a form.

    Attributes:
        parameter: Name of the parameter that it is for.
        type: Declared MIME type.
    """

    parameter: str
    type: str
    data: bytes


@dataclass(frozen=True)
class EditRequest:
    """A request that starts from images.

    Attributes:
        asked: What a request for generations says, too.
        images: 1 to 16 images.
        mask: RGBA of the first image's size; alpha 0 is painted anew.
    """

    asked: ImageRequest
    images: tuple[EditedImage, ...]
    mask: Image | None

    @property
    def image_tokens(self) -> int:
        """Tokens that the images count for."""
        return sum(
            max(1, i.pixels.width // 16) * max(1, i.pixels.height // 16) for i in self.images
        )


@dataclass(frozen=True)
class EditedImage:
    """An image that a request brings.

    Attributes:
        data: The file as it came.
        pixels: RGB.
    """

    data: bytes
    pixels: Image


def read_form(
    fields: Iterable[tuple[str, str]], files: Sequence[File], request_id: str
) -> EditRequest:
    """Check the form of POST /v1/images/edits as OpenAI does.

    Args:
        fields: Names and values of the parameters that are no files, as they came.

    Raises:
        ApiError: what is wrong with it first.
    """
    values: dict[str, str] = {}
    for name, value in fields:
        if name in values:
            raise _twice(name)
        if name in _FILES:
            raise _bad(f"Invalid type for '{name}': expected a file.", "invalid_type", name)
        values[name] = value
    asked = read_request(values, request_id, is_form=True)
    for file in files:
        if file.parameter not in _FILES:
            raise refusal("extra_forbidden", file.parameter)
    images = [file for file in files if file.parameter != "mask"]
    if not images:
        raise refusal("missing", "image")
    if len(images) > 1 and any(file.parameter == "image" for file in images):
        raise _twice("image")
    if len(images) > MOST_IMAGES:
        details = {"max_length": MOST_IMAGES, "actual_length": len(images)}
        raise refusal("too_long", "image", **details)
    masks = [file for file in files if file.parameter == "mask"]
    if len(masks) > 1:
        raise _twice("mask")
    return _opened(asked, images, masks[0] if masks else None)


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
            raise refusal("extra_forbidden", file.parameter)
    return read_form(given, files, request_id)


def read_json(body: object, request_id: str) -> EditRequest:
    """Check the JSON form of POST /v1/images/edits, which the Batch API needs.

    Raises:
        ApiError: what is wrong with it first.
    """
    given = body if isinstance(body, dict) else {}
    brought = {name: given[name] for name in _Pictures.model_fields if given.get(name)}
    others = {name: given[name] for name in given if name not in _Pictures.model_fields}
    asked = read_request(others if given else body, request_id)
    pictures = read(_Pictures, brought)
    images = [_from_uri(one, f"images[{i}]", "image") for i, one in enumerate(pictures.images)]
    mask = _from_uri(pictures.mask, "mask", "mask") if pictures.mask else None
    return _opened(asked, images, mask)


class _Picture(Part):
    image_url: str | None = None
    file_id: str | None = None


class _Pictures(Part):
    """What the JSON form says beside the parameters of generations."""

    images: Annotated[list[_Picture], Field(max_length=MOST_IMAGES)]
    mask: _Picture | None = None


def _from_uri(picture: _Picture, name: str, parameter: str) -> File:
    uri = picture.image_url or ""
    head = _DATA_URI.match(uri)
    if head is None:
        raise _bad(
            f"Invalid '{name}': the sketch server reads image_url with a base64 data URI alone.",
            "invalid_value",
            name,
        )
    try:
        return File(parameter, head[1], b64decode(uri[head.end() :], validate=True))
    except NotBase64:
        raise _bad(f"Invalid '{name}': it is not base64.", "invalid_base64", name) from None


def _opened(asked: ImageRequest, images: Sequence[File], mask: File | None) -> EditRequest:
    edited = tuple(EditedImage(f.data, _pixels(f, number)) for number, f in enumerate(images, 1))
    return EditRequest(asked, edited, _mask(mask, edited[0]) if mask else None)


def _pixels(file: File, number: int) -> Image:
    _check_file(file, TYPES, LARGEST_IMAGE)
    return _decoded(file.data, TYPES[file.type], f"image {number}").convert("RGB")


def _mask(file: File, image: EditedImage) -> Image:
    _check_file(file, ("image/png",), LARGEST_MASK - 1)
    mask = _decoded(file.data, "PNG", "the mask")
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


def _decoded(data: bytes, kind: str, what: str) -> Image:
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


def _twice(name: str) -> ApiError:
    return _bad(
        f"Duplicate parameter: '{name}'. You provided multiple values for this parameter, whereas "
        f"only one is allowed. To provide a list of values, use the array syntax '{name}[]'.",
        "duplicate_parameter",
        name,
    )


def _bad(message: str, code: str, param: str) -> ApiError:
    return ApiError(400, message, code, param)
