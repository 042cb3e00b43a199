"""The sketch server's text API, asked by the official SDK, and what it refuses as OpenAI does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from openai import LengthFinishReasonError, OpenAI
from pydantic import BaseModel

from importers.sketch.grammar import parse
from importers.sketch.server import create_app
from importers.sketch.writer import texts_for

MODEL = "sketch-writer-1"
REQUEST = 'Write 6 prompts for the label "cat".'


class Pair(BaseModel):
    text: str
    length: int


class Sheet(BaseModel):
    title: str
    pairs: list[Pair]
    final: bool


class Texts(BaseModel):
    texts: list[str]


@pytest.fixture
def sdk(serve_app: Any) -> Iterator[OpenAI]:
    app: Flask = create_app()
    with OpenAI(api_key="no-key", base_url=f"{serve_app(app)}/v1", max_retries=0) as client:
        yield client


@pytest.fixture
def server() -> FlaskClient:
    return create_app().test_client()


def strict(schema: dict[str, Any]) -> dict[str, Any]:
    return {"format": {"type": "json_schema", "name": "L", "strict": True, "schema": schema}}


TEXTS = {
    "type": "object",
    "properties": {"texts": {"type": "array", "items": {"type": "string"}}},
    "required": ["texts"],
    "additionalProperties": False,
}
RESPONSES: dict[str, Any] = {"model": MODEL, "input": REQUEST, "text": strict(TEXTS)}
CHAT: dict[str, Any] = {
    "model": MODEL,
    "messages": [{"role": "user", "content": REQUEST}],
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "L", "strict": True, "schema": TEXTS},
    },
}


def test_both_endpoints_answer_the_sdk_with_the_same_structured_texts(sdk: OpenAI) -> None:
    response = sdk.responses.parse(
        model=MODEL,
        instructions="You write.",
        input=REQUEST,
        text_format=Texts,
        reasoning={"effort": "none"},
        store=False,
    )
    messages: Any = [
        {"role": "system", "content": "You write."},
        {"role": "user", "content": REQUEST},
    ]
    chat = sdk.chat.completions.parse(model=MODEL, messages=messages, response_format=Texts)
    assert response.output_parsed is not None
    assert response.output_parsed == chat.choices[0].message.parsed
    assert 5 <= len(response.output_parsed.texts) <= 6
    assert response.usage is not None
    assert response.usage.output_tokens > 0
    assert response._request_id is not None


def test_any_strict_schema_is_filled(sdk: OpenAI) -> None:
    sheet = sdk.responses.parse(model=MODEL, input=REQUEST, text_format=Sheet).output_parsed
    assert sheet is not None
    assert sheet.pairs
    assert sheet.title


def test_plain_text_is_a_text_on_each_line(sdk: OpenAI) -> None:
    answer = sdk.responses.create(model=MODEL, input=REQUEST)
    assert answer.output_text.splitlines() == texts_for(REQUEST)


def test_the_texts_are_of_the_sketch_world_and_the_same_each_time() -> None:
    texts = texts_for(REQUEST)
    assert texts == texts_for(REQUEST)
    assert texts != texts_for(REQUEST, seed=1)
    assert {parse(text).object for text in texts} == {"cat"}
    places = texts_for('Write 6 values of "place" for the label "cat".')
    assert all(parse(place).setting for place in places)


def test_it_has_the_habits_of_language_models() -> None:
    answers = [texts_for(f'Write 12 prompts for the label "{n}".') for n in ("cat", "dog", "boat")]
    answers += [texts_for(REQUEST, seed) for seed in range(20)]
    assert any(len({t.lower().rstrip(".") for t in texts}) < len(texts) for texts in answers)
    assert {len(texts) for texts in answers[3:]} == {5, 6}
    colours = texts_for('Write 12 values of "color" for the label "cat".')
    assert len(set(map(str.lower, colours))) <= 12


def test_what_a_model_would_not_write_is_refused_in_words(sdk: OpenAI) -> None:
    gore = 'Write 2 prompts full of gore for the label "cat".'
    response = sdk.responses.parse(model=MODEL, input=gore, text_format=Texts)
    assert response.output_parsed is None
    messages: Any = [{"role": "user", "content": gore}]
    chat = sdk.chat.completions.parse(model=MODEL, messages=messages, response_format=Texts)
    assert chat.choices[0].message.refusal


def test_an_answer_that_is_too_long_is_cut_off(sdk: OpenAI) -> None:
    cut = sdk.responses.create(model=MODEL, input=REQUEST, max_output_tokens=16)
    assert cut.status == "incomplete"
    messages: Any = [{"role": "user", "content": REQUEST}]
    with pytest.raises(LengthFinishReasonError):
        sdk.chat.completions.parse(
            model=MODEL, messages=messages, response_format=Texts, max_completion_tokens=5
        )


OPEN = {key: value for key, value in TEXTS.items() if key != "additionalProperties"}
OPTIONAL = {key: value for key, value in TEXTS.items() if key != "required"}


@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [
        ({"model": None}, 400, "invalid_type", "model"),
        ({"model": "gpt-6-luna"}, 404, "model_not_found", None),
        ({"input": 3}, 400, None, None),
        ({"input": []}, 400, None, None),
        ({"temperature": 3}, 400, "invalid_value", "temperature"),
        ({"max_output_tokens": 5}, 400, "invalid_value", "max_output_tokens"),
        ({"reasoning": {"effort": "a lot"}}, 400, "invalid_value", "reasoning.effort"),
        ({"messages": []}, 400, "unknown_parameter", "messages"),
        ({"response_format": {"type": "text"}}, 400, "unknown_parameter", "response_format"),
        ({"text": strict(OPEN)}, 400, "invalid_json_schema", "text.format.schema"),
        ({"text": strict(OPTIONAL)}, 400, "invalid_json_schema", "text.format.schema"),
        ({"text": strict({"type": "array", "items": {"type": "string"}})}, 400, None, None),
        ({"text": {"format": {"type": "json_schema", "schema": TEXTS}}}, 400, None, None),
    ],
)
def test_responses_refuses_what_openai_refuses(
    server: FlaskClient, changes: dict[str, Any], status: int, code: str | None, param: str | None
) -> None:
    answer = server.post("/v1/responses", json={**RESPONSES, **changes})
    assert answer.status_code == status
    assert answer.json is not None
    error = answer.json["error"]
    assert error["message"]
    assert code in {None, error["code"]}
    assert param in {None, error["param"]}


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"model": "sketch-1"}, 404, "model_not_found"),
        ({"messages": None}, 400, "invalid_type"),
        ({"messages": [{"role": "robot", "content": "x"}]}, 400, "invalid_value"),
        ({"messages": [{"role": "user"}]}, 400, "missing_required_parameter"),
        ({"input": "x"}, 400, "unknown_parameter"),
        ({"text": strict(TEXTS)}, 400, "unknown_parameter"),
        ({"response_format": strict(TEXTS)["format"]}, 400, None),
    ],
)
def test_chat_refuses_what_openai_refuses(
    server: FlaskClient, changes: dict[str, Any], status: int, code: str | None
) -> None:
    answer = server.post("/v1/chat/completions", json={**CHAT, **changes})
    assert answer.status_code == status
    assert answer.json is not None
    assert code in {None, answer.json["error"]["code"]}


def test_the_key_is_asked_for_here_too() -> None:
    guarded = create_app(api_key="right").test_client()
    assert guarded.post("/v1/responses", json=RESPONSES).status_code == 401
    headers = {"Authorization": "Bearer right"}
    good = guarded.post("/v1/chat/completions", data=json.dumps(CHAT), headers=headers)
    assert good.status_code == 200
