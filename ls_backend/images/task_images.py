"""The image a task points to → RGB pixels, safely.

A task may point to an upload or any other path of the configured Label Studio, also under the name
that browsers know it by, to an absolute http(s) URL, to a file in a cloud storage, or carry
a data URI. Label Studio's token goes to the configured origin and nowhere else. Every failure is an
ImageError with a code.
"""

from __future__ import annotations

import base64
import binascii
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes, urlsplit

from ls_backend.addresses import Origin, cloud_scheme_of, origin_of, shown
from ls_backend.errors import ImageError, LabelStudioError, LsClipError
from ls_backend.images.cloud_files import CloudFiles
from ls_backend.images.fetch import Limits, fetch
from ls_backend.images.label_studio_paths import (
    LabelStudioName,
    label_studio_name,
    name_in,
    presign_path,
)
from ls_backend.images.names import in_time
from ls_backend.images.pixels import decode_image
from ls_backend.label_studio import Credentials, LabelStudio
from ls_backend.settings import Settings
from ls_backend.task_data import image_address

if TYPE_CHECKING:
    from PIL.Image import Image

UPLOADS = "/data/upload/"
LABEL_STUDIO_AT_ONCE = 8
"""Images asked of Label Studio. Started by pip it queues ten connections: what comes beyond waits
for a second or more, and all of it is answered more slowly."""
TURN_SECONDS = 1.0
"""After which an image is asked for all the same: a few slow ones hold up no others for long."""
_LEGACY_TOKEN = re.compile(r"[0-9a-f]{40}")
_WRONG_NAME = {"private_address", "unreachable", "timeout", "http_401"}
"""Codes of what comes of an address that is known to browsers only."""


class TaskImages:
    """Reads the images of tasks, within the bounds of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limits = Limits(settings.image_seconds, settings.image_max_bytes)
        self._cloud_files = CloudFiles(self._limits)
        # To buy an access token can take long: images wait for it no longer than their deadline.
        self._signer = ThreadPoolExecutor(1, thread_name_prefix="sign-in")
        self._label_studio: LabelStudio | None = None
        self._label_studio_origin: Origin | None = None
        self._fallback: tuple[LabelStudio, Origin] | None = None
        self._known_as: LabelStudioName | None = None
        self._turns = threading.BoundedSemaphore(LABEL_STUDIO_AT_ONCE)
        if settings.label_studio is not None:
            self._label_studio = LabelStudio(settings.label_studio, direct=True)
            self._label_studio_origin = origin_of(settings.label_studio.url)
        if settings.label_studio_host:
            self._name(settings.label_studio_host)

    def learn(self, hostname: str, token: str) -> None:
        """Take what /setup delivers: the name and a token of Label Studio. Settings go before both.

        Whoever reaches /setup chooses them. So the name says which path of the configured Label
        Studio is meant, and nothing more. Where none is configured, host and token are a fallback.
        """
        if self._label_studio is None:
            self._use_fallback(hostname, token)
        elif not self._settings.label_studio_host:
            self._name(hostname)

    def _name(self, hostname: str) -> None:
        name = label_studio_name(hostname)
        is_other = name is not None and name.origin != self._label_studio_origin
        self._known_as = name if is_other else None

    def _use_fallback(self, hostname: str, token: str) -> None:
        """The host gets the address check like any other, unless CLIP_ALLOWED_HOSTS has it.

        Only a legacy token is taken: to exchange a personal one would be a request without that
        check. What cannot be used is ignored.
        """
        if not _LEGACY_TOKEN.fullmatch(token):
            return
        try:
            server = LabelStudio(Credentials(hostname, token))
            self._fallback = server, origin_of(server.url)
        except LsClipError:
            return

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
        source = image_address(task, field)
        _check_text(source)
        scheme = cloud_scheme_of(source)
        if scheme in self._settings.cloud_direct:
            return self._cloud_files.read(source)
        return self._presigned(source, task) if scheme else self._bytes_of(source)

    def decode(self, data: bytes, before_pixels: Callable[[int], object] | None = None) -> Image:
        """The pixels of an image file, as `decode_image` reads them, within the settings' bounds.

        Raises:
            ImageError: It cannot be decoded.
        """
        bounds = self._settings
        return decode_image(data, bounds.image_max_pixels, bounds.image_seconds, before_pixels)

    def lasting_name(self, task: Mapping[str, Any], field: str) -> str | None:
        """An address that stands for the same bytes for ever, or None.

        Uploads of Label Studio have one: it never gives the same path to another file.
        """
        if self._label_studio is None:
            return None
        try:
            source = image_address(task, field)
            if not source.startswith(("/", "http")):
                return None
            _check_text(source)
            url = self._address(source)
            uploads = f"{self._label_studio.url}{UPLOADS}"
            return url if url.startswith(uploads) and ".." not in url else None
        except ImageError:
            return None

    def _presigned(self, uri: str, task: Mapping[str, Any]) -> bytes:
        try:
            return self._bytes_of(presign_path(uri, task))
        except ImageError as error:
            if error.code != "http_404":
                raise
            raise ImageError(
                f"{shown(uri)} is not found: {error.message}",
                hint="See that the file is there, and give the project a cloud storage for its "
                "bucket (Settings, Cloud Storage). Or read it directly, with "
                f"CLIP_CLOUD_DIRECT={cloud_scheme_of(uri)}.",
                code=error.code,
            ) from error

    def _bytes_of(self, source: str) -> bytes:
        if source[:5].lower() == "data:":
            return _data_uri(source, self._limits.max_bytes)
        url = self._address(source)
        asked = _RememberedHeaders(self._headers)
        try:
            return self._get(url, asked)
        except ImageError as error:
            if error.code != "http_401" or not self._forgotten(asked):
                raise self._explained(error, url) from error.__cause__
            return self._get(url, asked)

    def _get(self, url: str, asked: _RememberedHeaders) -> bytes:
        with self._turn(origin_of(url)):
            return fetch(
                url,
                self._limits,
                trusted=self._is_trusted,
                headers=asked,
                ca_bundle=self._settings.ca_bundle,
                proxy=self._settings.image_proxy,
            )

    @contextmanager
    def _turn(self, origin: Origin) -> Iterator[None]:
        is_mine = origin == self._label_studio_origin and self._turns.acquire(timeout=TURN_SECONDS)
        try:
            yield
        finally:
            if is_mine:
                self._turns.release()

    def _forgotten(self, asked: _RememberedHeaders) -> bool:
        """Whether Label Studio may have forgotten the access token that it was last sent."""
        server, _ = self._server()
        return server is not None and bool(asked.last) and server.renew_after(asked.last)

    def _explained(self, error: ImageError, url: str) -> ImageError:
        """The same with a better hint, where a Label Studio is asked that is not configured."""
        if error.code not in _WRONG_NAME or origin_of(url) == self._label_studio_origin:
            return error
        name, server = name_in(url), self._label_studio
        if self._fallback and origin_of(url) == self._fallback[1]:
            hint = (
                "If this is your Label Studio, start the backend with "
                f"LABEL_STUDIO_URL={self._fallback[0].url} and LABEL_STUDIO_API_KEY set."
            )
        elif server is not None and name is not None:
            hint = (
                f"If this Label Studio is the one at {server.url}, set LABEL_STUDIO_HOST={name}, "
                "and the image is read there."
            )
        else:
            return error
        return ImageError(error.message, hint=hint, code=error.code)

    def _server(self) -> tuple[LabelStudio | None, Origin | None]:
        if self._label_studio is not None:
            return self._label_studio, self._label_studio_origin
        return self._fallback or (None, None)

    def _address(self, source: str) -> str:
        """Where an image is asked for."""
        path = self._known_as.path_of(source) if self._known_as else None
        if path is not None and self._label_studio is not None:
            return self._label_studio.url + path
        return self._on_label_studio(source) if source.startswith("/") else source

    def _on_label_studio(self, path: str) -> str:
        server, _ = self._server()
        if server is None:
            raise ImageError(
                f"{shown(path)} lies in Label Studio, and the backend knows none.",
                hint="Start it with LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY set.",
                code="no_label_studio",
            )
        base = server.url
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

    def _headers(self, origin: Origin, deadline: float) -> Mapping[str, str]:
        server, its_origin = self._server()
        if server is None or origin != its_origin:
            return {}
        try:
            return in_time(self._signer.submit(server.headers), deadline)
        except LabelStudioError as error:
            raise ImageError(error.message, hint=error.hint, code=error.code) from error


class _RememberedHeaders:
    """Headers for each origin; `last` are those that were sent last."""

    def __init__(self, headers: Callable[[Origin, float], Mapping[str, str]]) -> None:
        self._headers = headers
        self.last: Mapping[str, str] = {}

    def __call__(self, origin: Origin, deadline: float) -> Mapping[str, str]:
        self.last = self._headers(origin, deadline)
        return self.last


def _check_text(source: str) -> None:
    """JSON can hold halves of characters, which no address has, and no server takes."""
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise ImageError(
            f"The image's address has half a character at place {error.start + 1}.",
            hint="Import the task again: what wrote it cut a character (a surrogate pair) in two.",
            code="url",
        ) from None


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
        return _from_base64(raw) if is_base64 else raw
    except binascii.Error as error:
        raise ImageError(
            f"The data URI cannot be decoded: {error}.",
            hint="It must read data:image/png;base64,… with whole base64 after the comma.",
            code="data_uri",
        ) from error


def _from_base64(text: bytes) -> bytes:
    """As browsers read it: blanks are passed over, and the padding may be missing."""
    whole = b"".join(text.split())
    return base64.b64decode(whole + b"=" * (-len(whole) % 4), validate=True)
