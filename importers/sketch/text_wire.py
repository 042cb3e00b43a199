"""OpenAI's text APIs as the sketch server speaks them: the Responses API and chat completions.

Owns what a request for texts may say, structured output's schemas among it, and how the answers
look.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field

from importers.sketch.errors import ApiError, Part, read, unknown_model
from importers.sketch.images_wire import WRITER_MODEL

FEWEST_TOKENS = 16

_Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]
_Role = Literal["system", "developer", "user", "assistant"]
_Temperature = Annotated[float, Field(ge=0, le=2)]
_TopP = Annotated[float, Field(ge=0, le=1)]
_Name = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]


class _Content(Part):
    type: Literal["text", "input_text", "output_text"]
    text: str


class _Message(Part):
    role: _Role
    content: str | list[_Content]
    type: Literal["message"] = "message"
    name: str | None = None


class _Schema(Part):
    name: _Name
    schema_: dict[str, Any] = Field(alias="schema")
    strict: bool | None = None
    description: str | None = None


class _PlainFormat(Part):
    type: Literal["text"]


class _SchemaFormat(_Schema):
    type: Literal["json_schema"]


class _NestedSchemaFormat(Part):
    type: Literal["json_schema"]
    json_schema: _Schema


class _Text(Part):
    format: Annotated[_PlainFormat | _SchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class _Reasoning(Part):
    effort: _Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class _Common(Part):
    range_code = "invalid_value"

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
        """Most tokens that the answer may have; None is no limit."""
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
        """Most tokens that the answer may have; None is no limit."""
        return self.max_completion_tokens or self.max_tokens


@dataclass(frozen=True)
class Written:
    """The text of an answer.

    Attributes:
        refused: Whether it says why nothing was written.
        cut: Whether its end is missing.
    """

    text: str
    refused: bool = False
    cut: bool = False

    @property
    def tokens(self) -> int:
        """Tokens that it counts for."""
        return _tokens(self.text)

    def cut_to(self, most_tokens: int | None) -> Written:
        """The text within a limit of tokens."""
        if most_tokens is None or self.tokens <= most_tokens:
            return self
        return replace(self, text=self.text[: most_tokens * 4], cut=True)


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


def responses_answer(request: ResponsesRequest, written: Written) -> dict[str, Any]:
    """The answer of the Responses API."""
    part: dict[str, Any] = {"type": "output_text", "text": written.text, "annotations": []}
    if written.refused:
        part = {"type": "refusal", "refusal": written.text}
    status = "incomplete" if written.cut else "completed"
    tokens_in = _tokens(f"{request.instructions or ''}{request.asks()}")
    message = {"type": "message", "id": _new_id("msg"), "status": status, "role": "assistant"}
    return {
        "id": _new_id("resp"),
        "object": "response",
        "created_at": int(time.time()),
        "status": status,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if written.cut else None,
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
            "output_tokens": written.tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens_in + written.tokens,
        },
    }


def chat_answer(request: ChatRequest, written: Written) -> dict[str, Any]:
    """The answer of chat completions."""
    text, refusal = (None, written.text) if written.refused else (written.text, None)
    tokens_in = _tokens("".join(_said(message) for message in request.messages))
    return {
        "id": _new_id("chatcmpl"),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": WRITER_MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text, "refusal": refusal},
                "logprobs": None,
                "finish_reason": "length" if written.cut else "stop",
            }
        ],
        "usage": {
            "prompt_tokens": tokens_in,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens": written.tokens,
            "completion_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens_in + written.tokens,
        },
    }


def _read(kind: type[_Request], body: object) -> _Request:
    request = read(kind, body)
    if request.model != WRITER_MODEL:
        raise unknown_model(request.model)
    return request


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
