"""The kind "compatible" against servers that speak OpenAI's API in ways of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from images_server import B64, PNG, Answer, ImagesServer, html

from importers.config.campaign import load_campaign
from importers.config.sections import GeneratorSettings
from importers.generators import GeneratedImage, GenerationRequest
from importers.generators.base import Generator, generate_image
from importers.generators.openai_kinds import COMPATIBLE
from importers.ledger import Ledger
from importers.pipeline import generate
from ls_backend.errors import GeneratorError

Serve = Callable[[Flask], str]
Draw = Callable[..., GeneratedImage]


@pytest.fixture
def draw(server: ImagesServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Draw]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai-alone")
    opened: list[Generator] = []

    def one(parameters: dict[str, Any] | None = None, **changes: Any) -> GeneratedImage:
        wanted = settings(f"{server.url}/v1", **changes)
        opened.append(COMPATIBLE.open(wanted))
        asked = GenerationRequest("a dog", wanted.model, wanted.size, parameters or {}, seed=7)
        return generate_image(opened[-1], asked)

    yield one
    for generator in opened:
        generator.close()


def settings(url: str, **changes: Any) -> GeneratorSettings:
    values = {"kind": "compatible", "model": "flux", "base_url": url, "size": "512x512"}
    return GeneratorSettings.model_validate({**values, **changes})


@pytest.mark.parametrize("model", ["flux", "sketch-1", "gpt-image-2"])
def test_nothing_is_sent_that_the_campaign_did_not_say(
    server: ImagesServer, draw: Draw, model: str
) -> None:
    image = draw(model=model)
    assert server.body == {"model": model, "prompt": "a dog", "size": "512x512", "n": 1}
    assert "sk-of-openai-alone" not in str(server.asked[0]["headers"])
    assert (image.data, image.usage, image.request_id) == (PNG, None, None)
    assert image.created


def test_what_the_campaign_says_is_sent_as_it_is(server: ImagesServer, draw: Draw) -> None:
    extras = {"response_format": "b64_json", "num_inference_steps": 4, "negative_prompt": "blur"}
    draw(extras, send_seed=True)
    assert {name: server.body[name] for name in extras} == extras
    assert server.body["seed"] == 7


@pytest.mark.parametrize("url", ["/v1/images/abc/content", "images/abc/content"])
def test_a_url_may_be_relative_to_the_server(server: ImagesServer, draw: Draw, url: str) -> None:
    server.files["v1/images/abc/content"] = lambda: PNG
    server.answers = [lambda: {"data": [{"url": url}]}]
    assert draw().data == PNG


def test_another_size_than_was_asked_for_is_told_once_and_recorded_as_it_is(
    server: ImagesServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "campaign.toml").write_text(
        f"""
        name = "snapped"
        labels = ["cat", "dog"]
        samples = 3
        [prompts]
        templates = ["a {{label}}"]
        [generator]
        model = "flux"
        base_url = "{server.url}/v1"
        size = "512x512"
        """
    )
    server.files["v1/models/flux"] = lambda: {"id": "flux"}
    campaign = load_campaign(tmp_path)
    with Ledger(campaign.ledger_path) as ledger:
        assert generate(campaign, ledger).generated == 3
    assert [r.message for r in caplog.records if "asked for" in r.message] == [
        "512x512 was asked for and 16x16 came: images are kept as they are."
    ]
    with closing(sqlite3.connect(campaign.ledger_path)) as database:
        rows = database.execute("SELECT generator, size FROM requests").fetchall()
    host = server.url.removeprefix("http://")
    assert rows == [(f"flux at {host}", "16x16")] * 3


@pytest.mark.parametrize(
    ("answer", "code", "said"),
    [
        (lambda: ({"detail": "size 512x512 is too large"}, 400), "bad_request", "too large"),
        (lambda: ({"error": "no free slot"}, 422), "bad_request", "no free slot"),
        (lambda: ({"error": {"message": "bad", "code": 400}}, 400), "bad_request", "bad"),
        (lambda: Response("out of memory", 400, mimetype="text/plain"), "bad_request", "memory"),
        (lambda: html(400), "bad_request", "an HTML page"),
        (lambda: ({"detail": "The model `flux` does not exist."}, 404), "model_not_found", "flux"),
        (lambda: ({"detail": "Not Found"}, 404), "not_an_images_api", "Not Found"),
        (lambda: ({"data": [{"b64_json": B64[:40]}]}, 200), "not_an_image", "not an image"),
    ],
)
def test_errors_of_any_shape_are_read(
    server: ImagesServer, draw: Draw, answer: Answer, code: str, said: str
) -> None:
    server.answers = [answer]
    with pytest.raises(GeneratorError) as caught:
        draw(max_attempts=1)
    assert (caught.value.code, said in caught.value.message) == (code, True)


@pytest.mark.parametrize(
    ("models", "notice"),
    [
        (lambda: {"data": [{"id": "flux"}]}, None),
        (lambda: {"data": [{"id": "sd-cpp-local"}]}, "does not list 'flux'"),
        (lambda: ("no", 404), "lists no models"),
    ],
)
def test_what_a_server_does_not_tell_of_its_models_is_a_notice(
    serve_app: Serve, models: Answer, notice: str | None
) -> None:
    app = Flask("compatible")
    app.add_url_rule("/v1/models", "models", models)
    notices = COMPATIBLE.check(settings(f"{serve_app(app)}/v1"), ("generate",))
    assert notices[0] == "The price of flux is not known: costs will not be counted."
    assert notice in notices[1] if notice else len(notices) == 1
