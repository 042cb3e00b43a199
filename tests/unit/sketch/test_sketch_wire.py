"""The sketch server refuses what OpenAI refuses, with OpenAI's codes."""

from __future__ import annotations

from typing import Any

import pytest

from importers.sketch.errors import ApiError
from importers.sketch.images_wire import images_answer, read_request

GOOD = {"model": "sketch-1", "prompt": "a red dog on a beach"}


def refusal(body: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        read_request(body, "req_1")
    return caught.value


def test_the_smallest_request_gets_defaults() -> None:
    request = read_request(GOOD, "req_1")
    assert (request.n, request.size, request.pixels, request.seed) == (1, "auto", 512, None)


def test_all_of_openais_parameters_that_make_sense_are_taken() -> None:
    extras = {
        "n": 10,
        "size": "256x256",
        "quality": "low",
        "output_format": "png",
        "background": "opaque",
        "moderation": "low",
        "user": "u",
        "safety_identifier": "s",
        "seed": 7,
    }
    request = read_request({**GOOD, **extras}, "req_1")
    assert (request.n, request.pixels, request.quality, request.seed) == (10, 256, "low", 7)


def test_null_is_as_good_as_left_out() -> None:
    assert read_request({**GOOD, "n": None, "style": None}, "req_1").n == 1


@pytest.mark.parametrize(
    ("changes", "status", "code", "param"),
    [
        ({"model": None}, 400, "missing_required_parameter", "model"),
        ({"model": 3}, 400, "invalid_type", "model"),
        ({"model": "dall-e-3"}, 404, "model_not_found", None),
        ({"prompt": None}, 400, "missing_required_parameter", "prompt"),
        ({"prompt": 5}, 400, "invalid_type", "prompt"),
        ({"prompt": ""}, 400, "empty_string", "prompt"),
        ({"prompt": "x" * 32_001}, 400, "string_above_max_length", "prompt"),
        ({"n": 0}, 400, "integer_below_min_value", "n"),
        ({"n": 11}, 400, "integer_above_max_value", "n"),
        ({"n": "2"}, 400, "invalid_type", "n"),
        ({"n": True}, 400, "invalid_type", "n"),
        ({"size": "1536x1024"}, 400, "invalid_value", "size"),
        ({"quality": "hd"}, 400, "invalid_value", "quality"),
        ({"output_format": "webp"}, 400, "invalid_value", "output_format"),
        ({"background": "transparent"}, 400, "invalid_value", "background"),
        ({"response_format": "b64_json"}, 400, "unknown_parameter", "response_format"),
        ({"negative_prompt": "cats"}, 400, "unknown_parameter", "negative_prompt"),
        ({"seed": -1}, 400, "integer_below_min_value", "seed"),
        ({"seed": 1.5}, 400, "invalid_type", "seed"),
    ],
)
def test_what_openai_refuses_is_refused(
    changes: dict[str, Any], status: int, code: str, param: str | None
) -> None:
    error = refusal({**GOOD, **changes})
    assert (error.status, error.code, error.param) == (status, code, param)
    assert error.body()["error"]["type"] == "invalid_request_error"


def test_the_messages_name_parameter_value_and_limit() -> None:
    messages = {
        name: refusal({**GOOD, name: value}).message
        for name, value in {"n": 11, "seed": 1.5, "quality": "{hd}", "prompt": "x" * 32_001}.items()
    }
    assert messages == {
        "n": "Invalid 'n': integer above maximum value. Expected a value <= 10, "
        "but got 11 instead.",
        "seed": "Invalid type for 'seed': expected an integer, but got a decimal instead.",
        "quality": "Invalid value: '{hd}'. Supported values are: "
        "'low', 'medium', 'high' or 'auto'.",
        "prompt": "Invalid 'prompt': string too long. Expected a string with maximum length 32000, "
        "but got a string with length 32001 instead.",
    }


@pytest.mark.parametrize("body", [None, [], "a dog", 3])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    assert refusal(body).status == 400


def test_a_prompt_of_32000_characters_is_taken() -> None:
    assert read_request({**GOOD, "prompt": "x" * 32_000}, "req_1").prompt


def test_a_refused_word_is_blocked_as_moderation_does_it() -> None:
    error = refusal({**GOOD, "prompt": "A dog, GORE everywhere, and a nude statue"})
    assert (error.status, error.code) == (400, "moderation_blocked")
    assert error.type == "image_generation_user_error"
    assert "safety_violations=[sexual, violence]" in error.message
    assert "req_1" in error.message


def test_a_refused_word_inside_another_word_is_not_blocked() -> None:
    assert read_request({**GOOD, "prompt": "a gorecki concert"}, "req_1").prompt


def test_usage_adds_up() -> None:
    answer = images_answer(read_request({**GOOD, "n": 2}, "req_1"), [b"1", b"2"])
    usage = answer["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert sum(usage["input_tokens_details"].values()) == usage["input_tokens"]
    assert sum(usage["output_tokens_details"].values()) == usage["output_tokens"]
    assert usage["output_tokens"] == 2 * 32 * 32
    assert len(answer["data"]) == 2
