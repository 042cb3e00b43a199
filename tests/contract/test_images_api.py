"""OpenAI's own SDK, and our generator on top of it, against the sketch server over HTTP."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import openai
import pytest
from flask import Flask

from importers.config.sections import GeneratorSettings
from importers.generators import GenerationRequest, check, open_generator
from importers.generators.base import generate_image
from importers.generators.openai_images import OpenAIImages
from importers.sketch.account import Limits
from importers.sketch.draw import draw, read_truth
from importers.sketch.server import create_app
from ls_backend.errors import (
    GeneratorError,
    GeneratorUnauthorized,
    GeneratorUnreachable,
    LsClipError,
    PromptRefused,
)

PROMPT = "a photo of a red dog on a beach"
KEY = "sk-the-right-one"

Serve = Callable[[Flask], str]


@pytest.fixture
def sketch_url(serve_app: Serve) -> Callable[..., str]:
    """Serve a sketch server with these options; gives the base URL."""
    return lambda **options: f"{serve_app(create_app(**options))}/v1"


@pytest.fixture
def opened() -> Iterator[Callable[..., OpenAIImages]]:
    """Open generators that are closed when the test ends."""
    generators: list[OpenAIImages] = []

    def open_one(settings: GeneratorSettings) -> OpenAIImages:
        generator = open_generator(settings)
        assert isinstance(generator, OpenAIImages)
        generators.append(generator)
        return generator

    yield open_one
    for generator in generators:
        generator.close()


def settings(base_url: str, **changes: Any) -> GeneratorSettings:
    values = {"model": "sketch-1", "base_url": base_url, "size": "256x256", **changes}
    return GeneratorSettings.model_validate(values)


def request(**changes: Any) -> GenerationRequest:
    values = {"prompt": PROMPT, "model": "sketch-1", "size": "256x256"}
    return GenerationRequest(**{**values, "parameters": {}, "seed": 7, **changes})


def sdk(base_url: str, key: str = KEY) -> openai.OpenAI:
    return openai.OpenAI(base_url=base_url, api_key=key, max_retries=0)


# -- the SDK and the server --------------------------------------------------------------------


def test_the_sdk_gets_a_typed_answer(sketch_url: Callable[..., str]) -> None:
    with sdk(sketch_url(api_key=KEY)) as client:
        raw = client.images.with_raw_response.generate(
            model="sketch-1", prompt=PROMPT, n=2, size="256x256", quality="low"
        )
        answer = raw.parse()
        assert raw.request_id.startswith("req_")
        assert (answer.size, answer.quality, answer.output_format) == ("256x256", "low", "png")
        assert answer.background == "opaque"
        assert answer.data is not None
        assert answer.usage is not None
        assert len(answer.data) == 2
        assert answer.usage.output_tokens_details is not None
        assert answer.usage.output_tokens_details.image_tokens == answer.usage.output_tokens
        png = base64.b64decode(answer.data[0].b64_json or "")
        assert read_truth(png).prompt == PROMPT
        assert [model.id for model in client.models.list()] == ["sketch-1", "sketch-writer-1"]
        assert client.models.retrieve("sketch-1").shutdown_date is None


@pytest.mark.parametrize(
    ("changes", "error", "code", "param"),
    [
        ({"model": "dall-e-3"}, openai.NotFoundError, "model_not_found", None),
        ({"n": 11}, openai.BadRequestError, "integer_above_max_value", "n"),
        ({"size": "1792x1024"}, openai.BadRequestError, "invalid_value", "size"),
        ({"style": "vivid"}, openai.BadRequestError, "unknown_parameter", "style"),
        (
            {"response_format": "b64_json"},
            openai.BadRequestError,
            "unknown_parameter",
            "response_format",
        ),
        ({"prompt": "gore"}, openai.BadRequestError, "moderation_blocked", None),
    ],
)
def test_the_sdk_raises_what_it_raises_for_openai(
    sketch_url: Callable[..., str],
    changes: dict[str, Any],
    error: type[openai.APIStatusError],
    code: str,
    param: str | None,
) -> None:
    with sdk(sketch_url()) as client, pytest.raises(error) as caught:
        client.images.generate(**{"model": "sketch-1", "prompt": PROMPT, **changes})
    assert (caught.value.code, caught.value.param) == (code, param)
    assert (caught.value.request_id or "").startswith("req_")


def test_the_sdk_raises_for_key_limit_and_quota(sketch_url: Callable[..., str]) -> None:
    def code_of(error: type[openai.APIStatusError], url: str) -> str | None:
        def ask_twice() -> None:
            for _ in range(2):
                client.images.generate(model="sketch-1", prompt=PROMPT, size="256x256")

        with sdk(url, key="sk-wrong") as client, pytest.raises(error) as caught:
            ask_twice()
        return caught.value.code

    limited, broke = Limits(images_per_minute=1), Limits(images_in_total=1)
    assert code_of(openai.AuthenticationError, sketch_url(api_key=KEY)) == "invalid_api_key"
    assert code_of(openai.RateLimitError, sketch_url(limits=limited)) == "rate_limit_exceeded"
    assert code_of(openai.RateLimitError, sketch_url(limits=broke)) == "insufficient_quota"


# -- our generator and the server --------------------------------------------------------------


def test_an_image_comes_with_its_original_bytes_and_its_provenance(
    sketch_url: Callable[..., str], opened: Callable[..., OpenAIImages]
) -> None:
    image = generate_image(opened(settings(sketch_url())), request())
    assert image.data == draw(PROMPT, 7, 256).png
    assert (image.request_id or "").startswith("req_")
    assert image.usage is not None
    assert image.usage["output_tokens"] == 256
    assert image.cost_usd == Decimal(0)
    assert image.created.endswith("+00:00")


def test_the_seed_is_left_out_when_the_campaign_says_so(
    sketch_url: Callable[..., str], opened: Callable[..., OpenAIImages]
) -> None:
    generator = opened(settings(sketch_url(seed=40), send_seed=False))
    assert read_truth(generate_image(generator, request()).data).seed == 40


def test_the_right_key_from_the_named_variable_is_sent(
    sketch_url: Callable[..., str],
    opened: Callable[..., OpenAIImages],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SKETCH_KEY", KEY)
    wanted = settings(sketch_url(api_key=KEY), api_key_env="SKETCH_KEY")
    assert check(wanted) == ()
    assert generate_image(opened(wanted), request()).data


def test_a_server_that_wants_a_key_gets_none_that_was_not_named(
    sketch_url: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(GeneratorUnauthorized, match="wants a key") as caught:
        check(settings(sketch_url(api_key=KEY)))
    assert "generator.api_key_env" in caught.value.hint


@pytest.mark.parametrize(
    ("options", "changes", "error", "code", "named"),
    [
        ({"api_key": "other"}, {}, GeneratorUnauthorized, "generator_unauthorized", "KEY_X"),
        ({}, {"prompt": "gore"}, PromptRefused, "prompt_refused", "violence"),
        ({}, {"model": "sketch-9"}, GeneratorError, "model_not_found", "sketch-9"),
        ({}, {"size": "300x300"}, GeneratorError, "invalid_value", "300x300"),
        ({}, {"parameters": {"x": 1}}, GeneratorError, "unknown_parameter", "'x'"),
        (
            {"limits": Limits(images_in_total=0)},
            {},
            GeneratorError,
            "insufficient_quota",
            "quota",
        ),
    ],
)
def test_each_refusal_is_our_own_error(
    sketch_url: Callable[..., str],
    opened: Callable[..., OpenAIImages],
    monkeypatch: pytest.MonkeyPatch,
    options: dict[str, Any],
    changes: dict[str, Any],
    error: type[LsClipError],
    code: str,
    named: str,
) -> None:
    monkeypatch.setenv("KEY_X", KEY)
    generator = opened(settings(sketch_url(**options), api_key_env="KEY_X"))
    with pytest.raises(error) as caught:
        generate_image(generator, request(**changes))
    assert type(caught.value) is error
    assert caught.value.code == code
    assert named in caught.value.message
    assert caught.value.hint
    assert KEY not in f"{caught.value.message} {caught.value.hint}"


def test_a_small_rate_limit_is_shared_by_many_threads(
    sketch_url: Callable[..., str], opened: Callable[..., OpenAIImages], tmp_path: Path
) -> None:
    log = tmp_path / "requests.jsonl"
    url = sketch_url(limits=Limits(images_per_minute=1200), request_log=log)
    generator = opened(settings(url, parallel=8, max_attempts=1))
    with ThreadPoolExecutor(8) as pool:
        seeds = range(12)
        list(pool.map(lambda seed: generate_image(generator, request(seed=seed)), seeds))
    drawn = [json.loads(line)["seed"] for line in log.read_text().splitlines()]
    assert sorted(drawn) == list(seeds), "every image was drawn, and none twice"


# -- before the run ----------------------------------------------------------------------------


def test_the_check_passes_for_the_sketch_server(sketch_url: Callable[..., str]) -> None:
    assert check(settings(sketch_url())) == ()


def test_the_check_names_the_models_that_there_are(sketch_url: Callable[..., str]) -> None:
    with pytest.raises(GeneratorError, match="no model 'sketch-9'") as caught:
        check(settings(sketch_url(), model="sketch-9"))
    assert caught.value.code == "model_not_found"
    assert "sketch-1" in caught.value.hint


def test_the_check_names_a_wrong_key(
    sketch_url: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKETCH_KEY", "sk-wrong")
    with pytest.raises(GeneratorUnauthorized, match="SKETCH_KEY") as caught:
        check(settings(sketch_url(api_key=KEY), api_key_env="SKETCH_KEY"))
    assert "sk-wrong" not in f"{caught.value.message} {caught.value.hint}"


def test_the_check_names_a_base_url_without_v1(serve_app: Serve) -> None:
    root = serve_app(create_app())
    with pytest.raises(GeneratorError, match="is not an images API") as caught:
        check(settings(root))
    assert caught.value.code == "not_an_images_api"
    assert "/v1" in caught.value.hint


def test_the_check_names_an_address_where_nothing_runs() -> None:
    with pytest.raises(GeneratorUnreachable, match=r"127\.0\.0\.1:1/v1 does not answer"):
        check(settings("http://127.0.0.1:1/v1"))


# -- as a process of its own -------------------------------------------------------------------

SERVE = """
from importers.sketch.server import create_app, serve
serve(create_app(seed=5, failure_rate=1.0), port=0)
"""


def test_serve_answers_and_ends(opened: Callable[..., OpenAIImages]) -> None:
    command = [sys.executable, "-u", "-c", SERVE]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        image = generate_image(opened(settings(url, send_seed=False)), request())
        process.terminate()
    assert read_truth(image.data).seed == 5
    assert read_truth(image.data).failure is not None
