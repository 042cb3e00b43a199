"""OpenAI's Files and Batch API as the sketch server speaks it: what may be said, how lines look.

Owns what uploads, batches and the lines of input files may say, and the lines of result files.
Knows nothing of HTTP servers or of drawing; files and batches themselves are `openai.types`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from importers.sketch.errors import ApiError, Part, read

LARGEST_FILE = 200 * 2**20
MOST_LINES = 50_000
SHORTEST_LIFE_S, LONGEST_LIFE_S = 3600, 30 * 24 * 3600

_UNDONE = {
    "expired": "This request could not be executed before the completion window expired.",
    "cancelled": "This request was cancelled before it was executed.",
}
_LINE_ERRORS = {
    "custom_id": ("missing_required_parameter", "Missing required parameter: 'custom_id'."),
    "method": ("invalid_method", "The method must be POST."),
    "url": ("mismatched_endpoint", "The URL of this request does not match the batch's endpoint."),
    "body": ("missing_required_parameter", "Missing required parameter: 'body'."),
}
"""What is said of a line whose field of that name is wrong: code and message."""


class ExpiresAfter(Part):
    """When a file goes.

    Attributes:
        seconds: Age in seconds, an hour to 30 days.
    """

    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(ge=SHORTEST_LIFE_S, le=LONGEST_LIFE_S)]


class Upload(Part):
    """What POST /v1/files says beside the file."""

    purpose: Literal["assistants", "batch", "fine-tune", "vision", "user_data", "evals"]
    expires_after: ExpiresAfter | None = None


_Key = Annotated[str, Field(max_length=64)]
_Value = Annotated[str, Field(max_length=512)]


class BatchOrder(Part):
    """The body of POST /v1/batches.

    Attributes:
        output_expires_after: Lifetime of the output and error files; None keeps them.
    """

    input_file_id: str
    endpoint: Literal["/v1/images/generations", "/v1/images/edits"]
    completion_window: Literal["24h"]
    metadata: Annotated[dict[_Key, _Value], Field(max_length=16)] | None = None
    output_expires_after: ExpiresAfter | None = None


class BatchLine(BaseModel):
    """One request of an input file."""

    model_config = ConfigDict(strict=True, frozen=True)

    custom_id: str
    method: Literal["POST"]
    url: str
    body: dict[str, Any]


class LinesRefused(Exception):
    """An input file that no batch can be made of; the first argument is the list of reasons."""


def new_id(kind: str) -> str:
    """A name as OpenAI gives them: "file-…", "batch_…"."""
    return f"{kind}{uuid.uuid4().hex[:24]}"


def read_upload(form: Mapping[str, str], size: int) -> Upload:
    """Check the form of POST /v1/files.

    Args:
        size: Bytes of the file.

    Raises:
        ApiError: what is wrong with it first.
    """
    life = {name: form.get(f"expires_after[{name}]") for name in ExpiresAfter.model_fields}
    given = {"purpose": form.get("purpose"), "expires_after": life if any(life.values()) else None}
    said = {name: value for name, value in given.items() if value is not None}
    upload = read(Upload, said, is_form=True)
    if size == 0:
        raise ApiError(400, "File is empty.", "invalid_value", "file")
    if upload.purpose == "batch" and size > LARGEST_FILE:
        raise ApiError(413, "The file is larger than 200 MB.", param="file")
    return upload


def read_lines(data: bytes, endpoint: str, closed_to: Collection[str]) -> list[BatchLine]:
    """The requests of an input file.

    Args:
        closed_to: Models that may not be asked in a batch.

    Raises:
        LinesRefused: with every reason, as `openai.types.BatchError` has it.
    """
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        raise LinesRefused([_error("empty_file", "The input file is empty.", None)])
    if len(lines) > MOST_LINES:
        message = f"The input file has more than {MOST_LINES} requests."
        raise LinesRefused([_error("too_many_tasks", message, None)])
    found: dict[str, BatchLine] = {}
    errors = []
    for number, text in enumerate(lines, start=1):
        line = _read_line(text, number, endpoint)
        if isinstance(line, dict):
            errors.append(line)
        elif line.custom_id in found:
            message = f"The custom_id {line.custom_id} is used more than once."
            errors.append(_error("duplicate_custom_id", message, number, "custom_id"))
        else:
            found[line.custom_id] = line
    errors += _model_errors(found.values(), closed_to)
    if errors:
        raise LinesRefused(errors)
    return list(found.values())


def result_line(
    custom_id: str,
    response: Mapping[str, Any] | None = None,
    error: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A line of the output or error file.

    Args:
        response: `status_code`, `request_id` and `body`, where the request was carried out.
        error: `code` and `message`, where it was not.
    """
    names = {"id": new_id("batch_req_"), "custom_id": custom_id}
    return {**names, "response": response, "error": error}


def undone_line(custom_id: str, ended: str) -> dict[str, Any]:
    """A line of the error file for a request that was never carried out: expired or cancelled."""
    return result_line(custom_id, error={"code": f"batch_{ended}", "message": _UNDONE[ended]})


def as_jsonl(lines: Iterable[Mapping[str, Any]]) -> bytes:
    """The lines of a result file as its bytes."""
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _read_line(text: bytes, number: int, endpoint: str) -> BatchLine | dict[str, Any]:
    """The request in a line, or what is wrong with it."""
    wrong = "url"
    try:
        line = BatchLine.model_validate_json(text)
        if line.url == endpoint:
            return line
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            return _error("invalid_json_line", "This line is not parseable as JSON.", number)
        wrong = str(first["loc"][0]) if first["loc"] else "custom_id"
    code, message = _LINE_ERRORS[wrong]
    return _error(code, message, number, wrong)


def _model_errors(lines: Iterable[BatchLine], closed_to: Collection[str]) -> list[dict[str, Any]]:
    models = {str(line.body.get("model")) for line in lines}
    if len(models) > 1:
        message = "All requests of a batch must name the same model."
        return [_error("mismatched_model", message, None, "body.model")]
    message = "The provided model '{}' is not supported by the Batch API."
    closed = models.intersection(closed_to)
    return [_error("model_not_found", message.format(model), 1, "body.model") for model in closed]


def _error(code: str, message: str, line: int | None, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "line": line, "param": param}
