"""The sketch server's text APIs, as OpenAI has them: the Responses API and chat completions.

Owns the routes, what a request for texts may say, structured output's schemas among it, and how the
answers look. What is written is in `writer.py`.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from importers.sketch import writer
from importers.sketch.errors import ApiError, Part, read, unknown_model
from importers.sketch.images_wire import WRITER_MODEL

if TYPE_CHECKING:
    from flask import Flask

FEWEST_TOKENS = 16

_REFUSAL = "I'm sorry, but I can't help with that."

_Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


class _Content(Part):
    type: Literal["text", "input_text", "output_text"]
    text: str


class _Message(Part):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[_Content]
    type: Literal["message"] = "message"
    name: str | None = None

    def said(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)


class _Schema(Part):
    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
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
    """What both APIs may be asked.

    Attributes:
        schema_param: Parameter that is named when the schema is wrong.
    """

    range_code = "invalid_value"
    schema_param: ClassVar[str]

    model: str
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    store: bool | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    service_tier: Literal["auto", "default", "flex", "priority"] | None = None


class _ResponsesRequest(_Common):
    """The body of POST /v1/responses."""

    schema_param = "text.format.schema"

    input: str | Annotated[list[_Message], Field(min_length=1)]
    instructions: str | None = None
    text: _Text | None = None
    reasoning: _Reasoning | None = None
    max_output_tokens: Annotated[int, Field(ge=FEWEST_TOKENS)] | None = None
    stream: Literal[False] | None = None

    def asks(self) -> str:
        return self.input if isinstance(self.input, str) else _last_said(self.input)

    def schema_wanted(self) -> _Schema | None:
        wanted = self.text.format if self.text else None
        return wanted if isinstance(wanted, _SchemaFormat) else None

    def most_tokens(self) -> int | None:
        return self.max_output_tokens

    def answer(self, written: _Written) -> dict[str, Any]:
        part: dict[str, Any] = {"type": "output_text", "text": written.text, "annotations": []}
        if written.refused:
            part = {"type": "refusal", "refusal": written.text}
        status = "incomplete" if written.cut else "completed"
        message = {"type": "message", "id": _new_id("msg"), "status": status, "role": "assistant"}
        tokens_in = _tokens(f"{self.instructions or ''}{self.asks()}")
        return {
            "id": _new_id("resp"),
            "object": "response",
            "created_at": int(time.time()),
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if written.cut else None,
            "instructions": self.instructions,
            "metadata": self.metadata or {},
            "model": WRITER_MODEL,
            "output": [{**message, "content": [part]}],
            "parallel_tool_calls": True,
            "temperature": self.temperature,
            "tool_choice": "auto",
            "tools": [],
            "top_p": self.top_p,
            "usage": _usage("input", tokens_in, "output", written.tokens),
        }


class _ChatRequest(_Common):
    """The body of POST /v1/chat/completions."""

    schema_param = "response_format"

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
        return _last_said(self.messages)

    def schema_wanted(self) -> _Schema | None:
        wanted = self.response_format
        return wanted.json_schema if isinstance(wanted, _NestedSchemaFormat) else None

    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    def answer(self, written: _Written) -> dict[str, Any]:
        text, refusal = (None, written.text) if written.refused else (written.text, None)
        tokens_in = _tokens("".join(message.said() for message in self.messages))
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text, "refusal": refusal},
            "logprobs": None,
            "finish_reason": "length" if written.cut else "stop",
        }
        return {
            "id": _new_id("chatcmpl"),
            "object": "chat.completion",
            "created": int(time.time()),
            "model": WRITER_MODEL,
            "choices": [choice],
            "usage": _usage("prompt", tokens_in, "completion", written.tokens),
        }


_Request = _ResponsesRequest | _ChatRequest
"""What was asked: the last thing that the user says, and what the answer may be."""


@dataclass(frozen=True)
class _Written:
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

    def cut_to(self, most_tokens: int | None) -> _Written:
        """The text within a limit of tokens."""
        if most_tokens is None or self.tokens <= most_tokens:
            return self
        return replace(self, text=self.text[: most_tokens * 4], cut=True)


def add_text_routes(app: Flask, seed: int) -> None:
    """Give the app /v1/responses and /v1/chat/completions.

    Args:
        seed: Another seed, other texts.
    """
    from flask import request

    def answered(kind: type[_ResponsesRequest] | type[_ChatRequest]) -> dict[str, Any]:
        asked: _Request = read(kind, request.get_json(force=True, silent=True))
        if asked.model != WRITER_MODEL:
            raise unknown_model(asked.model)
        _check_schema(asked.schema_wanted(), asked.schema_param)
        return asked.answer(_write(asked, seed))

    app.post("/v1/responses", endpoint="responses")(lambda: answered(_ResponsesRequest))
    app.post("/v1/chat/completions", endpoint="chat")(lambda: answered(_ChatRequest))


def _write(asked: _Request, seed: int) -> _Written:
    request, wanted = asked.asks(), asked.schema_wanted()
    if writer.refuses(request):
        return _Written(_REFUSAL, refused=True)
    texts = writer.texts_for(request, seed)
    text = "\n".join(texts)
    if wanted is not None:
        text = json.dumps(writer.fill(wanted.schema_, texts), ensure_ascii=False)
    return _Written(text).cut_to(asked.most_tokens())


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
    return said[-1].said()


def _usage(name_in: str, tokens_in: int, name_out: str, tokens_out: int) -> dict[str, Any]:
    return {
        f"{name_in}_tokens": tokens_in,
        f"{name_in}_tokens_details": {"cached_tokens": 0},
        f"{name_out}_tokens": tokens_out,
        f"{name_out}_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": tokens_in + tokens_out,
    }


def _tokens(text: str) -> int:
    return max(1, len(text) // 4)


def _new_id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex}"
