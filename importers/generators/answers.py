"""From an images API's answer to the original bytes of an image.

Owns the ways in which servers hand one over: base64, data URI, absolute or relative URL.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from io import BytesIO
from typing import Any
from urllib.parse import urljoin

from importers.openai_api.connection import Connection
from ls_backend.addresses import origin_of
from ls_backend.errors import ImageError, OutcomeUnknown
from ls_backend.images import fetch

LARGEST_IMAGE = 64 * 2**20


class FetchFailed(OutcomeUnknown):
    """An image was drawn, and its URL cannot be read; asking the URL again may help."""

    default_code = "image_not_fetched"


class AnswerUnusable(OutcomeUnknown):
    """An answer came, and has no image in it; it may have to be paid for all the same."""

    default_code = "not_an_image"


def image_of(answer: Mapping[str, Any], connection: Connection, timeout_s: float) -> bytes:
    """The bytes of the one image in an answer, fetched where the answer has a URL.

    Raises:
        AnswerUnusable: the answer has no image, or what it has is not one.
        FetchFailed: the image's URL cannot be read.
    """
    data = answer.get("data")
    entry = data[0] if isinstance(data, list) and data else None
    if not isinstance(entry, Mapping) or not (entry.get("b64_json") or entry.get("url")):
        raise unusable_answer(connection, "the answer has neither b64_json nor url")
    url = str(entry.get("url"))
    if entry.get("b64_json") or url.startswith("data:"):
        image = _decode(str(entry.get("b64_json") or url), connection)
    else:
        image = _fetch(url, connection, timeout_s)
    if not is_image(image):
        starts = image[:16].decode("ascii", "replace")
        raise unusable_answer(connection, f"{len(image)} bytes that start with {starts!r}")
    return image


def _fetch(url: str, connection: Connection, timeout_s: float) -> bytes:
    """Read what the API left at a URL; only its own origin gets the key, or may be private."""
    home = origin_of(connection.shown_url)
    key = connection.key_header
    try:
        return fetch.fetch(
            urljoin(f"{connection.shown_url}/", url),
            fetch.Limits(timeout_s, LARGEST_IMAGE),
            trusted=lambda origin: origin.host == home.host,
            headers=lambda origin, _deadline: key if origin == home else {},
        )
    except (ImageError, ValueError) as error:
        raise FetchFailed(
            f"An image was drawn, but cannot be fetched: {error}",
            hint="Run it again to ask for the image anew; where the server can, have it answer in "
            'base64: parameters = { response_format = "b64_json" }.',
        ) from None


def _decode(encoded: str, connection: Connection) -> bytes:
    if encoded.startswith("data:"):
        encoded = encoded.partition(",")[2]
    try:
        return base64.b64decode("".join(encoded.split()), validate=True)
    except (binascii.Error, ValueError):
        raise unusable_answer(connection, "it is not base64") from None


def is_image(data: bytes) -> bool:
    """Whether bytes are a whole image, of any format that Pillow knows."""
    from PIL import Image

    try:
        with Image.open(BytesIO(data)) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def unusable_answer(connection: Connection, why: str) -> AnswerUnusable:
    """The error for an answer that no image can be had from."""
    return AnswerUnusable(
        f"What {connection.host} answered is not an image: {why}.",
        hint="Check generator.model and generator.parameters; the API's own log may say more.",
    )
