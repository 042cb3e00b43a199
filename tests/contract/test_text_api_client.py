"""What our writer sends to text APIs, and what becomes of each of their answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from types import FunctionType
from typing import Any

import pytest
from flask import Flask, request
from images_server import error, html

from importers.config.sections import PromptSettings
from importers.prompts.writer import Reply, TextRequest, Writer
from ls_backend.errors import (
    ConfigError,
    GeneratorError,
    GeneratorUnauthorized,
    GeneratorUnreachable,
    OutcomeUnknown,
    PromptRefused,
)

KEY = "sk-never-to-be-shown"
ASKED = TextRequest("You write.", "Write 2 prompts.")
Answer = Callable[[], Any]


def response(text: str | None, *, refusal: str = "", **changes: Any) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": []}
    if refusal:
        part = {"type": "refusal", "refusal": refusal}
    message = {"type": "message", "id": "m", "status": "completed", "role": "assistant"}
    body: dict[str, Any] = {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "status": "completed",
        "model": "m",
        "output": [{**message, "content": [part]}],
        "usage": {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100},
    }
    return {**body, **changes}


def completion(text: str | None, *, reason: str = "stop", refusal: str = "") -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": refusal or None}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": reason, "message": message}],
    }


GOOD = json.dumps({"texts": ["a cat", "a dog"]})


@dataclass
class TextServer:
    """Answers with what it is told to, the last answer again and again; notes what it was asked."""

    answers: list[Answer] = field(default_factory=list)
    asked: list[tuple[str, dict[str, Any], str | None]] = field(default_factory=list)
    url: str = ""

    def app(self) -> Flask:
        app = Flask("texts")

        @app.post("/v1/<path:path>")
        def answer(path: str) -> Any:
            self.asked.append((path, request.json, request.headers.get("Authorization")))
            return (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])()

        return app


@pytest.fixture
def texts(serve_app: Any, monkeypatch: pytest.MonkeyPatch) -> TextServer:
    monkeypatch.setenv("WRITER_KEY", KEY)
    server = TextServer()
    server.url = serve_app(server.app())
    return server


@dataclass
class Asking:
    server: TextServer
    waits: list[float] = field(default_factory=list)
    opened: list[Writer] = field(default_factory=list)

    def ask(self, *answers: Any, writer: str = "openai:gpt-6-luna", **writing: Any) -> Reply:
        self.server.answers = [
            given if isinstance(given, FunctionType) else (lambda given=given: given)
            for given in answers
        ]
        settings = {"base_url": f"{self.server.url}/v1", "api_key_env": "WRITER_KEY", **writing}
        made = Writer(
            PromptSettings.model_validate({"writer": writer, "writing": settings}),
            sleep=self.waits.append,
        )
        self.opened.append(made)
        return made.ask(ASKED)

    def fail(self, *answers: Any, **settings: Any) -> GeneratorError:
        with pytest.raises(GeneratorError) as caught:
            self.ask(*answers, **settings)
        said = f"{caught.value.message} {caught.value.hint}"
        assert KEY not in said
        assert "image" not in said
        assert "generator." not in said
        return caught.value


@pytest.fixture
def asking(texts: TextServer) -> Iterator[Asking]:
    asking = Asking(texts)
    yield asking
    for writer in asking.opened:
        writer.close()


# -- what is sent ------------------------------------------------------------------------------


def test_openai_is_asked_for_a_strict_structured_output(asking: Asking) -> None:
    asking.ask(response(GOOD))
    path, body, key = asking.server.asked[0]
    schema = body["text"]["format"].pop("schema")
    assert (path, key) == ("responses", f"Bearer {KEY}")
    assert body == {
        "model": "gpt-6-luna",
        "instructions": "You write.",
        "input": "Write 2 prompts.",
        "text": {"format": {"type": "json_schema", "strict": True, "name": "Texts"}},
        "reasoning": {"effort": "none"},
        "store": False,
    }
    assert (schema["additionalProperties"], schema["required"]) == (False, ["texts"])


def test_a_model_that_does_not_think_is_not_told_how_much(asking: Asking) -> None:
    asking.ask(response(GOOD), writer="openai:gpt-4.1-mini")
    assert "reasoning" not in asking.server.asked[0][1]


def test_other_servers_are_asked_for_a_chat(asking: Asking) -> None:
    asking.ask(completion(GOOD), writer="compatible:llama:8b")
    path, body, _ = asking.server.asked[0]
    assert path == "chat/completions"
    assert set(body) == {"model", "messages", "response_format", "stream"}
    assert body["stream"] is False
    assert body["model"] == "llama:8b"
    assert body["messages"][1] == {"role": "user", "content": "Write 2 prompts."}
    assert body["response_format"]["json_schema"]["strict"] is True


def test_a_server_of_ones_own_gets_no_key_of_openai(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    asking.ask(completion(GOOD), writer="compatible:m", api_key_env=None)
    assert asking.server.asked[0][2] == "Bearer no-key"


def test_a_compatible_writer_needs_an_address() -> None:
    with pytest.raises(ConfigError, match="no address"):
        Writer(PromptSettings.model_validate({"writer": "compatible:m"}))


def test_openai_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(ConfigError, match="OPENAI_API_KEY is not set") as missing:
        Writer(PromptSettings.model_validate({"writer": "openai:gpt-6-luna"}))
    assert "prompts.writing.base_url" in missing.value.hint


# -- what comes back ---------------------------------------------------------------------------


def test_texts_usage_and_request_id_come_back(asking: Asking) -> None:
    reply = asking.ask(lambda: (response(GOOD), 200, {"x-request-id": "req_1"}))
    assert (reply.texts, reply.trouble, reply.request_id) == (("a cat", "a dog"), None, "req_1")
    assert reply.usage == {"input_tokens": 1000, "output_tokens": 100, "total_tokens": 1100}
    assert reply.cost_usd is None  # its prices are OpenAI's, and it is not


def test_the_sketch_writer_costs_nothing(asking: Asking) -> None:
    assert asking.ask(response(GOOD), writer="openai:sketch-writer-1").cost_usd == Decimal(0)


@pytest.mark.parametrize(
    ("writer", "answer", "trouble"),
    [
        ("openai:m", response(None, refusal="I can't."), "the model refused: I can't."),
        ("openai:m", response(GOOD, output=[]), "there is no text in it"),
        (
            "openai:m",
            response(GOOD, status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
            "it is incomplete (max_output_tokens)",
        ),
        ("openai:m", response('{"texts": ["a c'), "does not have the form"),
        ("openai:m", response('{"prompts": []}'), "does not have the form"),
        ("compatible:m", completion(None, refusal="I can't."), "the model refused: I can't."),
        ("compatible:m", completion(GOOD[:9], reason="length"), "limit of tokens"),
        ("compatible:m", completion(None, reason="content_filter"), "content filter"),
        ("compatible:m", completion("Sure! Here are two:"), "does not have the form"),
        ("compatible:m", completion(""), "it is empty"),
        ("compatible:m", {**completion(GOOD), "choices": []}, "there is no text in it"),
    ],
)
def test_an_answer_without_texts_is_trouble_and_is_not_asked_for_again(
    asking: Asking, writer: str, answer: dict[str, Any], trouble: str
) -> None:
    reply = asking.ask(answer, writer=writer)
    assert reply.texts == ()
    assert trouble in (reply.trouble or "")
    assert len(asking.server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (error(400, "content_policy_violation"), PromptRefused, "prompt_refused"),
        (error(401, "invalid_api_key"), GeneratorUnauthorized, "generator_unauthorized"),
        (error(403, None), GeneratorUnauthorized, "generator_unauthorized"),
        (error(404, "model_not_found"), GeneratorError, "model_not_found"),
        (error(429, "insufficient_quota"), GeneratorError, "insufficient_quota"),
        (error(400, "unsupported_parameter"), GeneratorError, "unsupported_parameter"),
        (error(504, None), OutcomeUnknown, "timeout"),
        (html(404), GeneratorError, "not_a_text_api"),
        (html(200), GeneratorError, "not_a_text_api"),
        ({"data": []}, GeneratorError, "not_a_text_api"),
    ],
)
def test_what_stops_a_run_is_asked_once(
    asking: Asking, answer: Any, kind: type[GeneratorError], code: str
) -> None:
    failed = asking.fail(answer)
    assert (type(failed), failed.code) == (kind, code)
    assert len(asking.server.asked) == 1


def test_rate_limits_and_failures_are_waited_out(asking: Asking) -> None:
    limited = error(429, "rate_limit_exceeded", {"retry-after-ms": "1500"})
    reply = asking.ask(limited, error(500, None), response(GOOD))
    assert reply.texts == ("a cat", "a dog")
    assert asking.waits[0] == 1.5
    assert len(asking.waits) == 2


def test_a_server_that_keeps_failing_is_given_up(asking: Asking) -> None:
    failed = asking.fail(error(500, None), max_attempts=3)
    assert failed.code == "server_error"
    assert len(asking.server.asked) == 3


def test_nobody_there_is_named(asking: Asking) -> None:
    failed = asking.fail(response(GOOD), base_url="http://127.0.0.1:9/v1", max_attempts=2)
    assert isinstance(failed, GeneratorUnreachable)
    assert "prompts.writing.base_url" in failed.hint
