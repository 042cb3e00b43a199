"""OpenAI's Files and Batch API as the sketch server speaks it: what may be said, how answers look.

Owns the checks of uploads, batches and lines, and the JSON of files, batches and result lines.
Knows nothing of HTTP servers or of drawing.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from importers.sketch.wire import ApiError

ENDPOINTS = ("/v1/images/generations", "/v1/images/edits")
LARGEST_FILE = 200 * 2**20
MOST_LINES = 50_000
WINDOW = "24h"
SHORTEST_LIFE_S, LONGEST_LIFE_S = 3600, 30 * 24 * 3600

_MOMENTS = (
    *("created", "in_progress", "expires", "finalizing", "completed"),
    *("failed", "expired", "cancelling", "cancelled"),
)
_PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals")
_MOST_PAIRS, _LONGEST_KEY, _LONGEST_VALUE = 16, 64, 512
_EXPIRED = "This request could not be executed before the completion window expired."
_CANCELLED = "This request was cancelled before it was executed."


@dataclass(frozen=True)
class StoredFile:
    """A file of the account.

    Attributes:
        expires_at: Unix time from which it is gone; None keeps it.
    """

    id: str
    name: str
    purpose: str
    data: bytes
    created_at: int
    expires_at: int | None = None

    def body(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.data),
            "created_at": self.created_at,
            "expires_at": self.expires_at,
            "filename": self.name,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


@dataclass
class BatchState:
    """A batch, as far as it has come; times are Unix times in `times`, by the name of the field.

    Attributes:
        life_s: Seconds that the output and error files are kept; None for ever.
        errors: Why the input file was not taken: code, line, message, param.
    """

    id: str
    input_file_id: str
    endpoint: str
    metadata: Mapping[str, str] | None
    life_s: int | None
    times: dict[str, int]
    status: str = "validating"
    total: int = 0
    completed: int = 0
    failed: int = 0
    errors: list[dict[str, Any]] = field(default_factory=list)
    output_file_id: str | None = None
    error_file_id: str | None = None

    def body(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "object": "batch",
            "endpoint": self.endpoint,
            "errors": {"object": "list", "data": self.errors} if self.errors else None,
            "input_file_id": self.input_file_id,
            "completion_window": WINDOW,
            "status": self.status,
            "output_file_id": self.output_file_id,
            "error_file_id": self.error_file_id,
            **{f"{moment}_at": self.times.get(moment) for moment in _MOMENTS},
            "request_counts": {
                "total": self.total,
                "completed": self.completed,
                "failed": self.failed,
            },
            "metadata": self.metadata,
        }


@dataclass(frozen=True)
class BatchOrder:
    """What POST /v1/batches asks for."""

    input_file_id: str
    endpoint: str
    metadata: Mapping[str, str] | None
    life_s: int | None


class LinesRefused(Exception):
    """An input file that no batch can be made of; the first argument is the list of reasons."""


def new_id(kind: str) -> str:
    """A name as OpenAI gives them: "file-…", "batch_…"."""
    return f"{kind}{uuid.uuid4().hex[:24]}"


def check_upload(purpose: str | None, form: Mapping[str, str], size: int) -> int | None:
    """Check the form of POST /v1/files; returns after how many seconds the file expires.

    Raises:
        ApiError: what is wrong with it first.
    """
    if purpose is None:
        raise _invalid("Missing required parameter: 'purpose'.", "purpose")
    if purpose not in _PURPOSES:
        raise _invalid(f"'{purpose}' is not one of {list(_PURPOSES)} - 'purpose'", "purpose")
    if size == 0:
        raise _invalid("File is empty.", "file")
    if purpose == "batch" and size > LARGEST_FILE:
        raise ApiError(413, "The file is larger than 200 MB.", param="file")
    anchor, seconds = form.get("expires_after[anchor]"), form.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    return _life({"anchor": anchor, "seconds": _number(seconds)}, "expires_after")


def read_batch(body: object) -> BatchOrder:
    """Check the JSON body of POST /v1/batches.

    Raises:
        ApiError: what is wrong with it first.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request as an object.")
    known = {"input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after"}
    for name in body:
        if name not in known:
            raise ApiError(400, f"Unknown parameter: '{name}'.", "unknown_parameter", name)
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(body.get(name), str):
            raise _invalid(f"Missing required parameter: '{name}'.", name)
    if body["endpoint"] not in ENDPOINTS:
        raise _invalid(f"Invalid value: '{body['endpoint']}'.", "endpoint")
    if body["completion_window"] != WINDOW:
        raise _invalid("Invalid value for 'completion_window': only '24h' is.", "completion_window")
    life = body.get("output_expires_after")
    return BatchOrder(
        body["input_file_id"],
        body["endpoint"],
        _metadata(body.get("metadata")),
        None if life is None else _life(life, "output_expires_after"),
    )


def read_lines(data: bytes, endpoint: str, closed_to: Collection[str]) -> list[dict[str, Any]]:
    """The requests of an input file.

    Args:
        closed_to: Models that may not be asked in a batch.

    Raises:
        LinesRefused: with every reason.
    """
    lines = [line for line in data.split(b"\n") if line.strip()]
    if not lines:
        raise LinesRefused([_error("empty_file", "The input file is empty.", None)])
    if len(lines) > MOST_LINES:
        message = f"The input file has more than {MOST_LINES} requests."
        raise LinesRefused([_error("too_many_tasks", message, None)])
    requests, errors = [], []
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        request, error = _read_line(line, number, endpoint)
        if request is not None:
            error = error or _repeated(request, seen, number)
            seen.add(request["custom_id"])
            requests.append(request)
        if error is not None:
            errors.append(error)
    errors += _model_errors(requests, closed_to)
    if errors:
        raise LinesRefused(errors)
    return requests


def result_line(
    custom_id: str, status: int, request_id: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """A line of the output or error file for a request that was answered."""
    response = {"status_code": status, "request_id": request_id, "body": body}
    return {
        "id": new_id("batch_req_"),
        "custom_id": custom_id,
        "response": response,
        "error": None,
    }


def undone_line(custom_id: str, ended: str) -> dict[str, Any]:
    """A line of the error file for a request that was never carried out: expired or cancelled."""
    message = _EXPIRED if ended == "expired" else _CANCELLED
    error = {"code": f"batch_{ended}", "message": message}
    return {
        "id": new_id("batch_req_"),
        "custom_id": custom_id,
        "response": None,
        "error": error,
    }


def as_jsonl(lines: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _read_line(
    line: bytes, number: int, endpoint: str
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    try:
        request = json.loads(line)
    except ValueError:
        return None, _error("invalid_json_line", "This line is not parseable as JSON.", number)
    if not isinstance(request, dict) or not isinstance(request.get("custom_id"), str):
        message = "Missing required parameter: 'custom_id'."
        return None, _error("missing_required_parameter", message, number, "custom_id")
    if request.get("method") != "POST":
        return request, _error("invalid_method", "The method must be POST.", number, "method")
    if request.get("url") != endpoint:
        message = f"The URL provided for this request does not match the batch's: {endpoint}."
        return request, _error("mismatched_endpoint", message, number, "url")
    if not isinstance(request.get("body"), dict):
        message = "Missing required parameter: 'body'."
        return request, _error("missing_required_parameter", message, number, "body")
    return request, None


def _repeated(request: Mapping[str, Any], seen: set[str], number: int) -> dict[str, Any] | None:
    if request["custom_id"] not in seen:
        return None
    message = f"The custom_id {request['custom_id']} is used more than once."
    return _error("duplicate_custom_id", message, number, "custom_id")


def _model_errors(
    requests: Iterable[Mapping[str, Any]], closed_to: Collection[str]
) -> list[dict[str, Any]]:
    bodies = [request["body"] for request in requests if isinstance(request.get("body"), dict)]
    models = {str(body.get("model")) for body in bodies}
    if len(models) > 1:
        message = "All requests of a batch must name the same model."
        return [_error("mismatched_model", message, None, "body.model")]
    return [
        _error(
            "model_not_found",
            f"The provided model '{model}' is not supported by the Batch API.",
            1,
            "body.model",
        )
        for model in models
        if model in closed_to
    ]


def _error(code: str, message: str, line: int | None, param: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "line": line, "param": param}


def _metadata(value: object) -> Mapping[str, str] | None:
    if value is None:
        return None
    fits = (
        isinstance(value, dict)
        and len(value) <= _MOST_PAIRS
        and all(len(key) <= _LONGEST_KEY for key in value)
        and all(isinstance(text, str) and len(text) <= _LONGEST_VALUE for text in value.values())
    )
    if not fits:
        raise _invalid("Invalid 'metadata': at most 16 pairs of short strings.", "metadata")
    return dict(value) if isinstance(value, dict) else None


def _life(value: object, name: str) -> int:
    anchor = value.get("anchor") if isinstance(value, dict) else None
    seconds = value.get("seconds") if isinstance(value, dict) else None
    if anchor != "created_at":
        raise _invalid(f"Invalid '{name}.anchor': it must be 'created_at'.", f"{name}.anchor")
    if not isinstance(seconds, int) or not SHORTEST_LIFE_S <= seconds <= LONGEST_LIFE_S:
        message = f"Invalid '{name}.seconds': {SHORTEST_LIFE_S} to {LONGEST_LIFE_S}."
        raise _invalid(message, f"{name}.seconds")
    return seconds


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdigit() else None


def _invalid(message: str, param: str) -> ApiError:
    return ApiError(400, message, "invalid_value", param)
