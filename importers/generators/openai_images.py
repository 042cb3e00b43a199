"""OpenAI's Images API as a source of images, and every server that speaks it.

Owns one request for one image: what is sent, how often it is tried, what comes back. The SDK's own
retries are off: they would ask again after a timeout, when the first image may already be paid for,
and after `insufficient_quota`, when no image can come.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from importers.generators.answers import FetchFailed, image_of, unusable_answer
from importers.generators.base import Answer, GeneratedImage, GenerationRequest
from importers.generators.openai_edits import ask_to_edit
from importers.generators.pace import PATIENCE_S, Pace
from importers.generators.prices import cost_usd
from importers.openai_api.connection import Connection, connection_of
from importers.openai_api.errors import (
    RateLimited,
    ServerFailed,
    as_generator_error,
    not_an_images_api,
)
from importers.openai_api.models import capability_of
from importers.openai_api.retries import retrying
from ls_backend.errors import GeneratorUnreachable

if TYPE_CHECKING:
    from httpx2 import Response

    from importers.config.sections import GeneratorSettings


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
        self._failures = retrying(
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
        body = _json_of(answer, self._connection)
        data = self._failures(image_of, body, self._connection, self._settings.timeout_s)
        drawn = _time_of(body.get("created"), answer.received)
        usage = body.get("usage")
        usage = usage if isinstance(usage, dict) else None
        return GeneratedImage(
            data=data,
            request_id=answer.request_id,
            usage=usage,
            # The price is that of our day: a server's clock may be wrong.
            cost_usd=cost_usd(request.model, usage, datetime.fromisoformat(answer.received).date()),
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
        return Answer(response.content, response.headers.get("x-request-id"), _now())

    def _response_to(self, request: GenerationRequest) -> Response:
        extras = extras_of(request, self._settings)
        if request.images:
            return ask_to_edit(self._client, self._settings, request, extras)
        return self._client.images.with_raw_response.generate(
            model=request.model,
            prompt=request.prompt,
            size=request.size,
            n=1,
            extra_body=extras,
        ).http_response


def extras_of(request: GenerationRequest, settings: GeneratorSettings) -> dict[str, Any]:
    """What a request says beside model, prompt, size, n, images and mask."""
    wanted = settings.send_seed
    if wanted is None:
        wanted = capability_of(request.model).seed is True
    seed = {"seed": request.seed} if wanted and request.seed is not None else {}
    return {**request.parameters, **seed}


def _json_of(answer: Answer, connection: Connection) -> Any:
    try:
        body = json.loads(answer.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise unusable_answer(connection, "it is not a JSON object")
    return body


def _time_of(created: object, received: str) -> datetime:
    if isinstance(created, int) and created > 0:
        return datetime.fromtimestamp(created, timezone.utc)
    return datetime.fromisoformat(received)


def _now() -> str:
    return datetime.now(timezone.utc).replace(microsecond=0).isoformat()
