"""What our generator sends to servers like OpenAI's and to others, and what it accepts of them."""

from __future__ import annotations

import base64
from collections.abc import Callable
from decimal import Decimal

import pytest
from flask import Flask, Response
from images_server import B64, KEY, PNG, Answer, Client, ImagesServer, html, picture

from importers.generators import answers
from ls_backend.errors import OutcomeUnknown

USAGE = {
    "input_tokens": 10,
    "input_tokens_details": {"text_tokens": 10, "image_tokens": 0},
    "output_tokens": 1000,
    "total_tokens": 1010,
}

Serve = Callable[[Flask], str]


# -- what is sent ------------------------------------------------------------------------------


def test_a_gpt_image_model_gets_no_seed_and_no_response_format(
    server: ImagesServer, client: Client
) -> None:
    client.draw({"quality": "low", "background": "opaque"})
    assert server.body == {
        "model": "gpt-image-2",
        "prompt": "a dog",
        "size": "1024x1024",
        "n": 1,
        "quality": "low",
        "background": "opaque",
    }
    assert server.asked[0]["headers"]["Authorization"] == f"Bearer {KEY}"


def test_an_unknown_model_gets_only_what_every_server_takes(
    server: ImagesServer, client: Client
) -> None:
    client.draw(model="sd-cpp-local", size="512x512")
    assert server.body == {"model": "sd-cpp-local", "prompt": "a dog", "size": "512x512", "n": 1}


def test_an_unknown_model_gets_what_the_campaign_adds(server: ImagesServer, client: Client) -> None:
    client.draw({"response_format": "b64_json", "steps": 4}, model="flux", send_seed=True)
    assert server.body["response_format"] == "b64_json"
    assert (server.body["steps"], server.body["seed"]) == (4, 7)


def test_without_a_key_a_foreign_server_gets_a_dummy(
    server: ImagesServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    client.draw()
    assert server.asked[0]["headers"]["Authorization"] == "Bearer no-key"


# -- what comes back ---------------------------------------------------------------------------


def test_usage_is_kept_and_priced(server: ImagesServer, client: Client) -> None:
    body = {"created": 1_790_000_000, "data": [{"b64_json": B64}], "usage": USAGE}
    server.answers = [lambda: (body, 200, {"x-request-id": "req_9"})]
    image = client.draw()
    assert image.cost_usd == Decimal("0.03005")
    assert (image.usage, image.request_id) == (USAGE, "req_9")
    assert image.created == "2026-09-21T14:13:20+00:00"
    assert image.data == PNG


def test_without_usage_the_cost_is_unknown_and_not_zero(client: Client) -> None:
    image = client.draw()
    assert (image.usage, image.cost_usd, image.request_id) == (None, None, None)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
def test_original_bytes_are_handed_over(server: ImagesServer, client: Client, kind: str) -> None:
    data = picture(kind)
    encoded = base64.b64encode(data).decode()
    server.answers = [lambda: {"data": [{"b64_json": encoded}]}]
    assert client.draw().data == data


def test_base64_may_come_in_lines(server: ImagesServer, client: Client) -> None:
    lines = base64.encodebytes(PNG).decode()
    server.answers = [lambda: {"data": [{"b64_json": lines}]}]
    assert client.draw().data == PNG


def test_data_uris_are_read(server: ImagesServer, client: Client) -> None:
    uri = f"data:image/png;base64,{B64}"
    server.answers = [lambda: {"data": [{"url": uri}]}, lambda: {"data": [{"b64_json": uri}]}]
    assert [client.draw().data, client.draw().data] == [PNG, PNG]


@pytest.mark.parametrize("url", ["/v1/files/a.png", "files/a.png", "{root}/v1/files/a.png"])
def test_urls_are_fetched_relative_ones_too(server: ImagesServer, client: Client, url: str) -> None:
    server.files["v1/files/a.png"] = lambda: PNG
    server.answers = [lambda: {"data": [{"url": url.format(root=server.url)}]}]
    assert client.draw().data == PNG
    assert server.fetched == [("v1/files/a.png", f"Bearer {KEY}")]


def test_the_key_stays_with_the_api_when_a_url_leads_to_another_port(
    server: ImagesServer, client: Client, serve_app: Serve
) -> None:
    other = ImagesServer(files={"a.png": lambda: PNG})
    other.url = serve_app(other.app())
    redirect = Response(status=302, headers={"Location": f"{other.url}/a.png"})
    server.files["a.png"] = lambda: redirect
    server.answers = [lambda: {"data": [{"url": "/a.png"}]}]
    assert client.draw().data == PNG
    assert other.fetched == [("a.png", None)]


def test_an_image_whose_url_is_slow_to_appear_is_not_paid_for_again(
    server: ImagesServer, client: Client
) -> None:
    answers = iter([("not yet", 404), ("not yet", 404), PNG])
    server.files["a.png"] = lambda: next(answers)
    server.answers = [lambda: {"data": [{"url": "/a.png"}]}]
    assert client.draw().data == PNG
    assert len(server.asked) == 1
    assert len(client.waits) == 2


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("/gone.png?sig=secret", "HTTP 404"),
        ("/loop", "redirects"),
        ("http://10.0.0.1/a.png", "private address"),
        ("file:///etc/passwd", "neither http nor https"),
        ("http://[broken", "Invalid IPv6 URL"),
    ],
)
def test_a_url_that_cannot_be_read_leaves_the_outcome_unknown(
    server: ImagesServer, client: Client, url: str, why: str
) -> None:
    server.files["gone.png"] = lambda: ("gone", 404)
    server.files["loop"] = lambda: Response(status=302, headers={"Location": "/loop"})
    server.answers = [lambda: {"data": [{"url": url}]}]
    failure = client.fail(max_attempts=2)
    assert isinstance(failure, OutcomeUnknown)
    assert why in failure.message
    assert "secret" not in failure.message
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (lambda: html(200), "not_an_images_api"),
        (lambda: {"data": []}, "not_an_image"),
        (lambda: {"data": None}, "not_an_image"),
        (lambda: Response('"dog"', mimetype="application/json"), "not_an_image"),
        (lambda: {"data": [{"b64_json": "%%%"}]}, "not_an_image"),
        (lambda: {"data": [{"b64_json": base64.b64encode(b"<html>").decode()}]}, "not_an_image"),
        (lambda: {"data": [{"b64_json": base64.b64encode(PNG[:-20]).decode()}]}, "not_an_image"),
    ],
)
def test_what_is_no_image_is_not_accepted(
    server: ImagesServer, client: Client, answer: Answer, code: str
) -> None:
    server.answers = [answer]
    assert client.fail().code == code
    assert len(server.asked) == 1


def test_a_file_without_end_is_not_read_to_its_end(
    server: ImagesServer, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "LARGEST_IMAGE", 100_000)
    server.files["a.png"] = lambda: Response(PNG for _ in iter(int, 1))
    server.answers = [lambda: {"data": [{"url": "/a.png"}]}]
    assert "larger than 100000 bytes" in client.fail(max_attempts=1).message


def test_a_proxy_is_not_asked_for_this_machine(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    assert client.draw().data == PNG
