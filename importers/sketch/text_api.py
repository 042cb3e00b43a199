"""The sketch server's routes for texts: POST /v1/responses and POST /v1/chat/completions."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from importers.sketch import wire, writer
from importers.sketch.wire import WRITER_MODEL, ApiError, unknown_model

if TYPE_CHECKING:
    from flask import Flask, Response

_REFUSAL = "I'm sorry, but I can't help with that."


def add_text_routes(app: Flask, seed: int = 0) -> None:
    """Let a sketch server write, too.

    Args:
        seed: Another seed, other texts.
    """
    from flask import jsonify, request

    def answered(body: dict[str, object]) -> Response:
        response = jsonify(body)
        response.headers["x-request-id"] = wire.new_request_id()
        return response

    @app.post("/v1/responses")
    def respond() -> Response:
        asked = read_responses(request.get_json(force=True, silent=True))
        text, refused, cut = _written(asked, seed)
        return answered(responses_answer(asked, text, refused=refused, cut=cut))

    @app.post("/v1/chat/completions")
    def chat() -> Response:
        asked = read_chat(request.get_json(force=True, silent=True))
        text, refused, cut = _written(asked, seed)
        return answered(chat_answer(asked, text, refused=refused, cut=cut))


def _written(asked: ResponsesRequest | ChatRequest, seed: int) -> tuple[str, bool, bool]:
    """The text of an answer, whether it is a refusal, and whether it is cut off."""
    request = asked.asks()
    if writer.refuses(request):
        return _REFUSAL, True, False
    texts, wanted = writer.texts_for(request, seed), asked.schema_wanted()
    text = "\n".join(texts)
    if wanted is not None:
        text = json.dumps(writer.fill(wanted.schema_, texts), ensure_ascii=False)
    text, cut = cut_to(text, asked.most_tokens())
    return text, False, cut


FEWEST_TOKENS = 16

_Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
_Role = Literal["system", "developer", "user", "assistant"]
_Temperature = Annotated[float, Field(ge=0, le=2)]
_TopP = Annotated[float, Field(ge=0, le=1)]
_Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Content(_Part):
    type: Literal["text", "input_text", "output_text"]
    text: str


class _Message(_Part):
    role: _Role
    content: str | list[_Content]
    type: Literal["message"] = "message"
    name: str | None = None


class _Schema(_Part):
    name: _Name
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class _PlainFormat(_Part):
    type: Literal["text"]


class _SchemaFormat(_Schema):
    type: Literal["json_schema"]


class _NestedSchemaFormat(_Part):
    type: Literal["json_schema"]
    json_schema: _Schema


class _Text(_Part):
    format: Annotated[_PlainFormat | _SchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class _Reasoning(_Part):
    effort: _Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class _Common(_Part):
    model: str
    temperature: _Temperature | None = None
    top_p: _TopP | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None


class ResponsesRequest(_Common):
    """The body of POST /v1/responses."""

    input: str | Annotated[list[_Message], Field(min_length=1)]
    instructions: str | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    max_output_tokens: Annotated[int, Field(ge=FEWEST_TOKENS)] | None = None
    stream: Literal[False] | None = None

    def asks(self) -> str:
        """The last thing that the user says."""
        return self.input if isinstance(self.input, str) else _last_said(self.input)

    def schema_wanted(self) -> _Schema | None:
        """The schema of the structured output, where one is asked for."""
        wanted = self.text.format if self.text else None
        return wanted if isinstance(wanted, _SchemaFormat) else None

    def most_tokens(self) -> int | None:
        return self.max_output_tokens


class ChatRequest(_Common):
    """The body of POST /v1/chat/completions."""

    messages: Annotated[list[_Message], Field(min_length=1)]
    response_format: (
        Annotated[_PlainFormat | _NestedSchemaFormat, Field(discriminator="type")] | None
    ) = None
    reasoning_effort: _Effort | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    seed: int | None = None
    n: Literal[1] | None = None
    stream: Literal[False] | None = None

    def asks(self) -> str:
        """The last thing that the user says."""
        return _last_said(self.messages)

    def schema_wanted(self) -> _Schema | None:
        """The schema of the structured output, where one is asked for."""
        wanted = self.response_format
        return wanted.json_schema if isinstance(wanted, _NestedSchemaFormat) else None

    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


_Request = TypeVar("_Request", ResponsesRequest, ChatRequest)


def read_responses(body: object) -> ResponsesRequest:
    """Check the JSON body of POST /v1/responses as OpenAI does.

    Raises:
        ApiError: what is wrong with it first.
    """
    request = _read(ResponsesRequest, body)
    _check_schema(request.schema_wanted(), "text.format.schema")
    return request


def read_chat(body: object) -> ChatRequest:
    """Check the JSON body of POST /v1/chat/completions as OpenAI does.

    Raises:
        ApiError: what is wrong with it first.
    """
    request = _read(ChatRequest, body)
    _check_schema(request.schema_wanted(), "response_format")
    return request


def responses_answer(
    request: ResponsesRequest, text: str, *, refused: bool, cut: bool
) -> dict[str, Any]:
    """The answer of the Responses API."""
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if refused:
        part = {"type": "refusal", "refusal": text}
    status = "incomplete" if cut else "completed"
    tokens_in = _tokens(f"{request.instructions or ''}{request.asks()}")
    message = {"type": "message", "id": _new_id("msg"), "status": status, "role": "assistant"}
    return {
        "id": _new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "instructions": request.instructions,
        "metadata": request.metadata or {},
        "model": WRITER_MODEL,
        "output": [{**message, "content": [part]}],
        "parallel_tool_calls": True,
        "temperature": request.temperature,
        "tool_choice": "auto",
        "tools": [],
        "top_p": request.top_p,
        "usage": {
            "input_tokens": tokens_in,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": _tokens(text),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens_in + _tokens(text),
        },
    }


def chat_answer(request: ChatRequest, text: str, *, refused: bool, cut: bool) -> dict[str, Any]:
    """The answer of chat completions."""
    said = {"content": None, "refusal": text} if refused else {"content": text, "refusal": None}
    tokens_in = _tokens("".join(_said(message) for message in request.messages))
    return {
        "id": _new_id("chatcmpl"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": WRITER_MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", **said},
                "logprobs": None,
                "finish_reason": "length" if cut else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": tokens_in,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens": _tokens(text),
            "completion_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens_in + _tokens(text),
        },
    }


def cut_to(text: str, most_tokens: int | None) -> tuple[str, bool]:
    """The text within a limit of tokens, and whether something is missing."""
    if most_tokens is None or _tokens(text) <= most_tokens:
        return text, False
    return text[: most_tokens * 4], True


def _read(kind: type[_Request], body: object) -> _Request:
    if not isinstance(body, dict):
        raise ApiError(400, "We could not parse the JSON body of your request as an object.")
    try:
        request = kind.model_validate(body)
    except ValidationError as error:
        raise _as_api_error(error) from None
    if request.model != WRITER_MODEL:
        raise unknown_model(request.model)
    return request


def _as_api_error(error: ValidationError) -> ApiError:
    first = error.errors(include_url=False)[0]
    param = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return ApiError(400, f"Unknown parameter: '{param}'.", "unknown_parameter", param)
    if first["type"] == "missing":
        message = f"Missing required parameter: '{param}'."
        return ApiError(400, message, "missing_required_parameter", param)
    code = "invalid_type" if first["type"].endswith("_type") else "invalid_value"
    return ApiError(400, f"Invalid '{param}': {first['msg']}.", code, param)


def _check_schema(wanted: _Schema | None, param: str) -> None:
    if wanted is None:
        return
    schema = wanted.schema_
    wrong = "schema must be a JSON Schema of 'type: \"object\"'."
    if schema.get("type") == "object":
        wrong = next(_not_strict(schema, ()), "") if wanted.strict else ""
    if wrong:
        message = f"Invalid schema for response_format '{wanted.name}': {wrong}"
        raise ApiError(400, message, "invalid_json_schema", param)


def _not_strict(schema: Mapping[str, Any], place: tuple[str, ...]) -> Iterator[str]:
    """What a strict schema may not be, in OpenAI's words."""
    if schema.get("type") == "object":
        properties = schema.get("properties", {})
        where = f"In context={place!r}, "
        if schema.get("additionalProperties") is not False:
            yield f"{where}'additionalProperties' is required to be supplied and to be false."
        missing = [name for name in properties if name not in schema.get("required", [])]
        if missing:
            yield (
                f"{where}'required' is required to be supplied and to be an array including every "
                f"key in properties. Missing '{missing[0]}'."
            )
        for name, part in properties.items():
            yield from _not_strict(part, (*place, "properties", name))
    if isinstance(schema.get("items"), dict):
        yield from _not_strict(schema["items"], (*place, "items"))
    for name, part in schema.get("$defs", {}).items():
        yield from _not_strict(part, (*place, "$defs", name))
    for part in schema.get("anyOf", []):
        yield from _not_strict(part, (*place, "anyOf"))


def _last_said(messages: list[_Message]) -> str:
    said = [message for message in messages if message.role == "user"] or messages
    return _said(said[-1])


def _said(message: _Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(part.text for part in message.content)


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


def _new_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"
