"""The lines of a batch: a request → a line of the input file, a line of a result file → an answer.

The files are JSONL. A line with images has them inside, as data URIs. Owns the errors of batches,
too: what a provider's refusal of one means, and what to do.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from importers.generators.base import Answer, GenerationRequest
from importers.generators.openai_images import File, extras_of, image_files, mask_file
from importers.openai_api.connection import Connection
from importers.openai_api.errors import Temporary, as_generator_error, json_object
from ls_backend.errors import GeneratorError, GeneratorUnreachable, OutcomeUnknown

if TYPE_CHECKING:
    from openai import APIError
    from openai.types import Batch

    from importers.config.sections import GeneratorSettings

Endpoint = Literal["/v1/images/generations", "/v1/images/edits"]
MOST_LINES = 50_000
LARGEST_FILE = 200 * 10**6
GIVE_UP = (
    "If it is gone for good: ls-clip generate CAMPAIGN --forget-batches asks for its images anew, "
    "though they may be paid for."
)

_MOST_REASONS = 3
_NOT_ACCEPTED = "Change [generator] to what the API accepts, or set batch = false."


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
    entry = json_object(line)
    if entry is None or not isinstance(entry.get("custom_id"), str):
        return None
    key, response = entry["custom_id"], entry.get("response")
    if not isinstance(response, dict):
        return Result(key, _not_carried_out(entry.get("error"), connection))
    if response.get("status_code") == 200:
        body = json.dumps(response.get("body")).encode()
        return Result(key, Answer(body, response.get("request_id"), tier="batch"))
    return Result(key, _error_in(response, connection, model))


class ResultsGone(GeneratorError):
    """The provider no longer has a file of results."""

    default_code = "batch_results_gone"


def batch_error(
    error: APIError, connection: Connection, model: str, missing: GeneratorError
) -> GeneratorError:
    """Translate an exception of the SDK; none of these requests draws an image by itself.

    Args:
        missing: What a 404 means.
    """
    from openai import APIStatusError

    status = error.status_code if isinstance(error, APIStatusError) else None
    if status in {404, 405} and error.code != "model_not_found":
        return missing
    known = as_generator_error(error, connection, model)
    if isinstance(known, OutcomeUnknown):
        return silent(connection, "gave no answer")
    if status == 400 and known.code != "insufficient_quota":
        return GeneratorError(known.message, hint=_NOT_ACCEPTED, code=known.code)
    return known


def silent(connection: Connection, why: str) -> GeneratorUnreachable:
    """The error for a provider that does not answer to the end."""
    return GeneratorUnreachable(
        f"{connection.host} {why} when asked about batches.",
        hint="Run it again later: a batch that it has goes on there, and is found again. "
        f"{GIVE_UP}",
    )


def no_batch_api(connection: Connection) -> GeneratorError:
    return GeneratorError(
        f"{connection.shown_url} has no Batch API.",
        hint="Set generator.batch = false: each image is asked for on its own.",
        code="no_batch_api",
    )


def no_such_batch(connection: Connection, remote_id: str) -> GeneratorError:
    return GeneratorError(
        f"{connection.host} knows no batch {remote_id}.",
        hint="Batches belong to the account that submitted them: set generator.base_url and the "
        f"key back to it until its images are collected. {GIVE_UP}",
        code="batch_not_found",
    )


def results_gone(connection: Connection, file_id: str) -> ResultsGone:
    return ResultsGone(
        f"{connection.host} no longer has the results {file_id}: they have expired.",
        hint="Run it again to ask for these images anew; they are paid for twice then.",
    )


def reasons_of(batch: Batch) -> list[str]:
    """Why a batch was not taken, in the provider's words."""
    found = (batch.errors and batch.errors.data) or []
    return [f"line {e.line}: {e.message}" if e.line else str(e.message) for e in found]


def not_taken(connection: Connection, batch: Batch) -> GeneratorError:
    """The error for a batch that failed before anything was drawn."""
    reasons = reasons_of(batch)
    codes = [error.code or "" for error in (batch.errors and batch.errors.data) or []]
    said = reasons[:_MOST_REASONS] or ["it gives no reason"]
    if len(reasons) > _MOST_REASONS:
        said.append(f"and {len(reasons) - _MOST_REASONS:,} more")
    hint = _NOT_ACCEPTED
    if any("model" in code for code in codes):
        hint = "Set batch = false, or generator.model to one that may be asked in batches."
    elif any("limit" in code for code in codes):
        hint = "Run it again when other batches of this account have ended."
    return GeneratorError(
        f"{connection.host} did not take the batch {batch.id}: "
        f"{connection.without_key('; '.join(said))}",
        hint=hint,
        code=codes[0] if codes and codes[0] else "batch_failed",
    )


def cancelled(connection: Connection, remote_id: str, drawn: int, left: int) -> GeneratorError:
    """The error for a batch that somebody cancelled: they may not want the rest."""
    return GeneratorError(
        f"The batch {remote_id} was cancelled at {connection.host}: {drawn:,} images of it are "
        f"kept, {left:,} were not drawn.",
        hint="Run it again to ask for the rest.",
        code="batch_cancelled",
    )


def no_progress(connection: Connection, remote_id: str) -> GeneratorError:
    return GeneratorError(
        f"{connection.host} drew nothing of the batch {remote_id} before it ended.",
        hint="Run it again to ask once more, or set batch = false.",
        code="batch_without_images",
    )


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
