"""The image a task points to → RGB pixels, safely.

A task may point to an upload or any other path of the configured Label Studio, to an absolute
http(s) URL, or carry a data URI. Label Studio's token goes to Label Studio's origin and nowhere
else. Every failure is an ImageError with a code.
"""

from __future__ import annotations

import base64
import binascii
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from ls_backend.errors import ImageError, LabelStudioError
from ls_backend.fetch import Limits, Origin, fetch, origin_of, shown
from ls_backend.label_studio import LabelStudio
from ls_backend.settings import Settings

if TYPE_CHECKING:
    from PIL.Image import Image

UPLOADS = "/data/upload/"
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")


class TaskImages:
    """Reads the images of tasks, within the bounds of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = Limits(settings.image_seconds, settings.image_max_bytes)
        self._label_studio: LabelStudio | None = None
        self._label_studio_origin: Origin | None = None
        if settings.label_studio is not None:
            self._label_studio = LabelStudio(settings.label_studio)
            self._label_studio_origin = origin_of(settings.label_studio.url)

    def read(self, task: Mapping[str, Any], field: str) -> Image:
        """The image in `field` of the task's data, as RGB.

        Raises:
            ImageError: There is none, or it cannot be fetched or decoded.
        """
        return self.decode(self.fetch(task, field))

    def fetch(self, task: Mapping[str, Any], field: str) -> bytes:
        """The bytes of the image file in `field` of the task's data.

        Raises:
            ImageError: There is none, or it cannot be fetched.
        """
        source = task["data"].get(field)
        if not isinstance(source, str) or not source.strip():
            raise ImageError(
                f"The task's data has no image in {field!r}.",
                hint=f"The labeling config shows ${field}: give every task that field.",
                code="no_image",
            )
        return self._bytes_of(source.strip())

    def decode(self, data: bytes) -> Image:
        """The pixels of an image file, as `decode_image` reads them, within the settings' bound."""
        return decode_image(data, self._settings.image_max_pixels)

    def lasting_name(self, task: Mapping[str, Any], field: str) -> str | None:
        """A name that stands for the same bytes for ever, or None.

        Uploads of Label Studio have one: it never gives the same path to another file.
        """
        source = task["data"].get(field)
        if not isinstance(source, str) or self._label_studio is None:
            return None
        try:
            url = self._on_label_studio(source) if source.startswith("/") else source
            uploads = f"{self._label_studio.url}{UPLOADS}"
            return url if url.startswith(uploads) and ".." not in url else None
        except ImageError:
            return None

    def _bytes_of(self, source: str) -> bytes:
        if source[:5].lower() == "data:":
            return _data_uri(source, self._limits.max_bytes)
        url = self._on_label_studio(source) if source.startswith("/") else source
        return fetch(url, self._limits, trusted=self._is_trusted, headers=self._headers)

    def _on_label_studio(self, path: str) -> str:
        if self._label_studio is None:
            raise ImageError(
                f"{shown(path)} lies in Label Studio, and the backend knows none.",
                hint="Start it with LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY set.",
                code="no_label_studio",
            )
        base = self._label_studio.url
        base_path = urlsplit(base).path
        if base_path and path.startswith(f"{base_path}/"):
            return base.removesuffix(base_path) + path
        return base + path

    def _is_trusted(self, origin: Origin) -> bool:
        allowed = self._settings.allowed_hosts
        return (
            origin == self._label_studio_origin
            or origin.host in allowed
            or f"{origin.host}:{origin.port}" in allowed
        )

    def _headers(self, origin: Origin) -> Mapping[str, str]:
        if self._label_studio is None or origin != self._label_studio_origin:
            return {}
        try:
            return self._label_studio.headers()
        except LabelStudioError as error:
            raise ImageError(error.message, hint=error.hint, code=error.code) from error


def decode_image(data: bytes, max_pixels: int = Settings.image_max_pixels) -> Image:
    """Bytes of an image file → RGB pixels: upright, first frame, transparency on white.

    The size is read from the header and checked before anything is decoded.

    Raises:
        ImageError: No image, a format that is not read, too many pixels, or a damaged file.
    """
    import PIL.Image

    if not data:
        raise _undecodable("The image file is empty.", "empty")
    if data[:512].lstrip()[:1] == b"<":
        raise _undecodable("The image is a page of HTML or XML, perhaps a login page.", "html")
    too_many = (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning)
    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as image:
            if image.width * image.height > max_pixels:
                raise PIL.Image.DecompressionBombError
            return _upright_rgb(image)
    except too_many as error:
        raise ImageError(
            f"The image has more than {max_pixels} pixels.",
            hint="Use a smaller image, or raise CLIP_IMAGE_MAX_PIXELS.",
            code="too_many_pixels",
        ) from error
    except PIL.UnidentifiedImageError as error:
        raise _undecodable("The file is no image that can be read.", "not_an_image") from error
    except Exception as error:  # damaged files make Pillow raise nearly anything
        raise _undecodable(f"The image is damaged: {error}.", "damaged") from error


def _upright_rgb(image: Image) -> Image:
    import PIL.Image
    import PIL.ImageOps

    upright = PIL.ImageOps.exif_transpose(image)
    if upright.mode.startswith("I;16") or upright.mode == "I":
        return upright.convert("I").point(lambda value: value / 257).convert("L").convert("RGB")
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layered = upright.convert("RGBA")
    white = PIL.Image.new("RGBA", layered.size, "white")
    return PIL.Image.alpha_composite(white, layered).convert("RGB")


def _undecodable(message: str, code: str) -> ImageError:
    return ImageError(
        message, hint=f"Readable are {', '.join(FORMATS)}: replace the file.", code=code
    )


def _data_uri(uri: str, max_bytes: int) -> bytes:
    head, comma, body = uri.partition(",")
    is_base64 = head.lower().endswith(";base64")
    if len(body) > max_bytes * (4 / 3 if is_base64 else 3) + 4:
        raise ImageError(
            f"The data URI holds more than {max_bytes} bytes.",
            hint="Upload the image instead, or raise CLIP_IMAGE_MAX_BYTES.",
            code="too_many_bytes",
        )
    try:
        if not comma:
            raise binascii.Error("there is no comma")
        raw = unquote_to_bytes(body)
        return base64.b64decode(raw) if is_base64 else raw
    except binascii.Error as error:
        raise ImageError(
            f"The data URI cannot be decoded: {error}.",
            hint="It must read data:image/png;base64,… with whole base64 after the comma.",
            code="data_uri",
        ) from error
