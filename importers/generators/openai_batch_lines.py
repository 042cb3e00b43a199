"""The lines of a batch: a request → a line of the input file, a line of a result file → an answer.

The files are JSONL. A line with images has them inside, as data URIs.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from importers.generators.base import Answer, GenerationRequest
from importers.generators.openai_edits import File, image_files, mask_file
from importers.generators.openai_images import extras_of
from importers.openai_api.connection import Connection
from importers.openai_api.errors import Temporary, as_generator_error
from ls_backend.errors import GeneratorError

if TYPE_CHECKING:
    from importers.config.sections import GeneratorSettings

Endpoint = Literal["/v1/images/generations", "/v1/images/edits"]
MOST_LINES = 50_000
LARGEST_FILE = 200 * 10**6


class NotCarriedOut(Temporary):
    """A batch ended before this request's turn came; nothing is to be paid for it."""

    default_code = "batch_ended"


@dataclass(frozen=True)
class Result:
    """What came of one request.

    Attributes:
        key: The `custom_id` of the request.
        outcome: The answer to read, or the error that the request met.
    """

    key: str
    outcome: Answer | GeneratorError


def endpoint_of(*, from_images: bool) -> Endpoint:
    """The endpoint for a request that starts from images, or from text alone."""
    return "/v1/images/edits" if from_images else "/v1/images/generations"


def request_line(key: str, request: GenerationRequest, settings: GeneratorSettings) -> bytes:
    """One request as a line of an input file, with its line break.

    Raises:
        PromptRefused: one of its images cannot be sent.
    """
    line = {
        "custom_id": key,
        "method": "POST",
        "url": endpoint_of(from_images=bool(request.images)),
        "body": _body(request, settings),
    }
    return json.dumps(line).encode() + b"\n"


def write_lines(
    path: Path,
    lines: Iterable[tuple[str, bytes]],
    *,
    most: int = MOST_LINES,
    largest: int = LARGEST_FILE,
) -> list[str]:
    """Write as many lines as one file may have; at least one, where there are any.

    Args:
        lines: Each with its key.
        most: Number of lines.
        largest: Size of the file in bytes.

    Returns:
        The keys of those that are in it.

    Raises:
        GeneratorError: the first line alone is too large.
    """
    written: list[str] = []
    size = 0
    with path.open("wb") as file:
        for key, line in lines:
            size += len(line)
            if len(written) == most or size > largest:
                break
            file.write(line)
            written.append(key)
    if size and not written:
        raise GeneratorError(
            f"A request of {size / 1e6:.0f} MB does not fit into a batch of {largest / 1e6:.0f}.",
            hint="Set generator.batch = false, or start from smaller images.",
            code="batch_too_large",
        )
    return written


def read_result(line: bytes, connection: Connection, model: str) -> Result | None:
    """One line of an output or error file; None for a line that names no request."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict) or not isinstance(entry.get("custom_id"), str):
        return None
    key, response = entry["custom_id"], entry.get("response")
    if not isinstance(response, dict):
        return Result(key, _not_carried_out(entry.get("error"), connection))
    if response.get("status_code") == 200:
        return Result(key, _answer(response))
    return Result(key, _error_in(response, connection, model))


def _body(request: GenerationRequest, settings: GeneratorSettings) -> dict[str, Any]:
    body = {"model": request.model, "prompt": request.prompt, "size": request.size, "n": 1}
    body |= extras_of(request, settings)
    if request.images:
        body["images"] = [{"image_url": _data_uri(file)} for file in image_files(request)]
    if request.mask is not None:
        body["mask"] = {"image_url": _data_uri(mask_file(request.mask, request.images[0]))}
    return body


def _data_uri(file: File) -> str:
    _name, content, kind = file
    return f"data:{kind};base64,{b64encode(content).decode('ascii')}"


def _answer(response: dict[str, Any]) -> Answer:
    received = datetime.now(timezone.utc).replace(microsecond=0).isoformat()
    body = json.dumps(response.get("body")).encode()
    return Answer(body, response.get("request_id"), received)


def _not_carried_out(error: object, connection: Connection) -> NotCarriedOut:
    said = error.get("message") if isinstance(error, dict) else None
    return NotCarriedOut(
        f"{connection.host} did not carry out a request of the batch: {said or 'no reason given'}",
        hint="Run it again to ask for what is left.",
        wait_s=None,
    )


def _error_in(response: dict[str, Any], connection: Connection, model: str) -> GeneratorError:
    """The error that the same answer would be outside of a batch."""
    import httpx2
    from openai import APIStatusError

    status, body = response.get("status_code"), response.get("body")
    error = body.get("error", body) if isinstance(body, dict) else body
    sent = httpx2.Request("POST", connection.base_url)
    came = httpx2.Response(status if isinstance(status, int) else 500, request=sent)
    message = f"Error code: {came.status_code}"
    return as_generator_error(APIStatusError(message, response=came, body=error), connection, model)
