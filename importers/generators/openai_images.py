"""OpenAI's Images API as a source of images, and every server that speaks it.

Owns one request for one image: what is sent, how often it is tried, what comes back. The SDK's own
retries are off: they would ask again after a timeout, when the first image may already be paid for,
and after `insufficient_quota`, when no image can come.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from importers.generators.answers import FetchFailed, image_of, unusable_answer
from importers.generators.base import (
    Answer,
    GeneratedImage,
    GenerationRequest,
    as_png,
    white_is_painted,
)
from importers.image_store import image_format
from importers.openai_api.connection import connection_of
from importers.openai_api.errors import (
    RateLimited,
    ServerFailed,
    as_generator_error,
    json_object,
    not_an_images_api,
)
from importers.openai_api.models import capability_for
from importers.openai_api.prices import cost_usd
from importers.openai_api.retries import PATIENCE_S, Pace, api_retrying
from ls_backend.errors import GeneratorError, GeneratorUnreachable, ImageError, PromptRefused
from ls_backend.images.pixels import ORIENTATION, decode_image

if TYPE_CHECKING:
    from httpx2 import Response
    from PIL.Image import Image

    from importers.config.sections import GeneratorSettings

MOST_IMAGES = 16
LARGEST_IMAGE = 50 * 2**20
LARGEST_MASK = 4 * 2**20
_MIME_TYPES = {"png": "image/png", "jpg": "image/jpeg", "webp": "image/webp"}

File = tuple[str, bytes, str]
"""Name, content and type, as the SDK takes a file: without them it sends a nameless stream."""


def _files(request: GenerationRequest, mask_field: str) -> Iterator[tuple[str, File]]:
    """The fields of the form that are files. One image alone goes into `image`: not every server
    reads `image[]`."""
    several = len(request.images) > 1
    for number, (name, content, kind) in enumerate(image_files(request), start=1):
        if several:
            yield "image[]", (name.replace(".", f"-{number}."), content, kind)
        else:
            yield "image", (name, content, kind)
    if request.mask is not None:
        yield mask_field, mask_file(request.mask, request.images[0], mask_field)


def image_files(request: GenerationRequest) -> Iterator[File]:
    """The images of a request, each as it is, or as PNG where its format is not taken, or it has
    to be turned.

    Raises:
        PromptRefused: they cannot be sent.
    """
    if len(request.images) > MOST_IMAGES:
        raise _refused(f"{len(request.images)} images are more than the {MOST_IMAGES} of a request")
    yield from map(_image_file, request.images)


def _image_file(data: bytes) -> File:
    kind = image_format(data)
    if kind not in _MIME_TYPES or _is_turned(data):
        kind, data = "png", as_png(_decoded(data))
    if len(data) >= LARGEST_IMAGE:
        raise _refused(f"the image has {len(data):,} bytes, and {LARGEST_IMAGE:,} are too many")
    return f"image.{kind}", data, _MIME_TYPES[kind]


def mask_file(mask: bytes, image: bytes, field: str = "mask") -> File:
    """The mask of an image, in the form that a field takes: `mask` or `mask_image`.

    Raises:
        PromptRefused: it does not fit the image, or is too large.
    """
    sizes = _decoded(mask).size, _decoded(image).size
    if sizes[0] != sizes[1]:
        raise _refused("the mask has {}x{} pixels and the image {}x{}".format(*sizes[0], *sizes[1]))
    if field == "mask_image":
        mask = as_png(white_is_painted(mask))
    if len(mask) >= LARGEST_MASK:
        raise _refused(f"the mask has {len(mask):,} bytes, and {LARGEST_MASK:,} are too many")
    return "mask.png", mask, _MIME_TYPES["png"]


def _is_turned(data: bytes) -> bool:
    """Whether a viewer turns the image: an API may or may not, and a mask would lie elsewhere."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            return bool(image.getexif().get(ORIENTATION, 1) != 1)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _refused(f"the image cannot be read: {error}") from None


def _decoded(data: bytes) -> Image:
    try:
        return decode_image(data)
    except ImageError as error:
        raise _refused(error.message.rstrip(".")) from None


def _refused(why: str) -> PromptRefused:
    return PromptRefused(
        f"An image cannot be sent to be edited: {why}.",
        hint="Take it out of the technique's source, or make it smaller.",
        code="image_not_sent",
    )


class OpenAIImages:
    """Draws through POST /images/generations, or /images/edits where a request brings images, one
    image for each request; for all threads.

    Failures (connection refused, 5xx) are tried `max_attempts` times. Rate limits are no failures:
    all threads wait them out together, for as long as the API asks, and go on more slowly.

    Args:
        settings: The campaign's `[generator]`.
        sleep: Waits a number of seconds.
        clock: Seconds that only grow.

    Raises:
        ConfigError: the base URL is none, or OpenAI's key is not set.
    """

    def __init__(
        self,
        settings: GeneratorSettings,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._connection = connection_of(settings)
        self._client = self._connection.client(settings.timeout_s)
        self._pace = Pace(sleep, clock)
        self._failures = api_retrying(
            (GeneratorUnreachable, ServerFailed, FetchFailed),
            sleep,
            patience_s=PATIENCE_S,
            attempts=settings.max_attempts,
        )
        self.name = f"{settings.model} at {self._connection.host}"

    def close(self) -> None:
        self._client.close()

    def send(self, request: GenerationRequest) -> Answer:
        """Ask for one image; see `Generator.send` for what it raises."""
        while True:
            sent_at = self._pace.wait()
            try:
                answer = self._failures(self._ask_once, request)
            except RateLimited as refusal:
                self._pace.slow_down(sent_at, refusal)
            else:
                self._pace.speed_up()
                return answer

    def read(self, request: GenerationRequest, answer: Answer) -> GeneratedImage:
        """The image in an answer, fetched where the answer has a URL."""
        body = json_object(answer.body)
        if body is None:
            raise unusable_answer(self._connection, "it is not a JSON object")
        data = self._failures(image_of, body, self._connection, self._settings.timeout_s)
        usage = body.get("usage")
        usage = usage if isinstance(usage, dict) else None
        received, created = datetime.fromisoformat(answer.received), body.get("created")
        drawn = received
        if isinstance(created, int) and created > 0:
            drawn = datetime.fromtimestamp(created, UTC)
        return GeneratedImage(
            data=data,
            request_id=answer.request_id,
            usage=usage,
            # The price is that of our day: a server's clock may be wrong.
            cost_usd=cost_usd(request.model, usage, received.date(), answer.tier),
            created=drawn.isoformat(),
        )

    def _ask_once(self, request: GenerationRequest) -> Answer:
        import openai

        try:
            response = self._response_to(request)
        except openai.APIError as error:
            raise as_generator_error(error, self._connection, request.model) from None
        if "html" in response.headers.get("content-type", ""):
            raise not_an_images_api(self._connection, "it answers with an HTML page")
        return Answer(response.content, response.headers.get("x-request-id"))

    def _response_to(self, request: GenerationRequest) -> Response:
        extras = extras_of(request, self._settings)
        if request.images:
            return self._response_to_images(request, extras)
        return self._client.images.with_raw_response.generate(
            model=request.model,
            prompt=request.prompt,
            size=request.size,
            n=1,
            extra_body=extras,
        ).http_response

    def _response_to_images(
        self, request: GenerationRequest, extras: Mapping[str, Any]
    ) -> Response:
        import httpx2
        import openai

        varies = len(request.images) == 1 and request.mask is None
        to_variations = varies and self._settings.variations == "variations"
        path = "/images/variations" if to_variations else "/images/edits"
        form = {"model": request.model, "prompt": request.prompt, "size": request.size, "n": 1}
        try:
            return self._client.post(
                path,
                cast_to=httpx2.Response,
                body={**form, **extras},
                files=list(_files(request, self._settings.mask)),
                options={"headers": {"Content-Type": "multipart/form-data"}},
            )
        except openai.APIStatusError as error:
            if error.status_code not in {404, 405} or error.code == "model_not_found":
                raise
            raise GeneratorError(
                f"{error.request.url.host} has no {path}: it cannot start from images.",
                hint="Use a server and model that edit images, take the techniques out that start "
                'from images, or set generator.variations to "edits" or "variations", whichever it '
                "has.",
                code="no_image_edits",
            ) from None


def extras_of(request: GenerationRequest, settings: GeneratorSettings) -> dict[str, Any]:
    """What a request says beside model, prompt, size, n, images and mask."""
    wanted = settings.send_seed
    if wanted is None:
        wanted = capability_for(settings).seed is True
    seed = {"seed": request.seed} if wanted and request.seed is not None else {}
    return {**request.parameters, **seed}
