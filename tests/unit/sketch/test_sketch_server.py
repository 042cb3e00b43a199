"""The sketch server's routes, its account and its log."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from importers.sketch import account
from importers.sketch.account import Limits
from importers.sketch.draw import read_truth
from importers.sketch.failures import BLATANT
from importers.sketch.server import create_app, serve
from ls_backend.errors import ConfigError

BODY = {"model": "sketch-1", "prompt": "a photo of a red dog on a beach", "size": "256x256"}


def client(**options: Any) -> FlaskClient:
    return create_app(**options).test_client()


def ask(server: FlaskClient, **changes: Any) -> TestResponse:
    return server.post("/v1/images/generations", json={**BODY, **changes})


def images(response: TestResponse) -> list[bytes]:
    assert response.status_code == 200
    assert response.json is not None
    return [base64.b64decode(entry["b64_json"]) for entry in response.json["data"]]


def error_of(response: TestResponse) -> dict[str, Any]:
    assert response.json is not None
    return dict(response.json["error"])


def test_the_same_prompt_and_seed_give_the_same_bytes() -> None:
    assert images(ask(client(), seed=7)) == images(ask(client(), seed=7))
    assert images(ask(client(), seed=7)) != images(ask(client(), seed=8))


def test_image_i_of_n_has_the_seed_plus_i() -> None:
    server = client()
    assert images(ask(server, seed=7, n=3)) == [
        images(ask(server, seed=seed))[0] for seed in (7, 8, 9)
    ]


def test_without_a_seed_asking_again_gives_another_picture() -> None:
    server = client(seed=40)
    first, second = images(ask(server)), images(ask(server))
    assert [read_truth(image).seed for image in first + second] == [40, 41]


def test_failures_follow_rate_and_kinds() -> None:
    assert read_truth(images(ask(client(failure_rate=0.0), seed=1))[0]).failure is None
    failed = images(ask(client(failure_rate=1.0, kinds=BLATANT), seed=1))[0]
    assert read_truth(failed).failure in BLATANT


@pytest.mark.parametrize("options", [{"failure_rate": 1.5}, {"kinds": ["melted"]}])
def test_settings_that_cannot_be_are_named(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        create_app(**options)


def test_each_answer_has_a_request_id() -> None:
    server = client()
    answers = [ask(server), ask(server, size="3x3"), server.get("/v1/batches"), server.get("/no")]
    assert [answer.status_code for answer in answers] == [200, 400, 200, 404]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 4


def test_models_are_listed_and_shown() -> None:
    server = client()
    listed = server.get("/v1/models").json
    assert listed is not None
    assert [entry["id"] for entry in listed["data"]] == ["sketch-1", "sketch-writer-1"]
    shown = server.get("/v1/models/sketch-1").json
    assert shown == listed["data"][0]
    assert error_of(server.get("/v1/models/dall-e-3"))["code"] == "model_not_found"


def test_a_key_is_demanded_where_one_is_set() -> None:
    server = client(api_key="right")
    assert server.get("/v1/models").status_code == 401
    wrong = server.get("/v1/models", headers={"Authorization": "Bearer wrong"})
    assert (wrong.status_code, error_of(wrong)["code"]) == (401, "invalid_api_key")
    right = server.get("/v1/models", headers={"Authorization": "Bearer right"})
    assert right.status_code == 200


def test_other_addresses_and_methods_are_answered_in_json() -> None:
    server = client()
    assert "Invalid URL" in error_of(server.get("/v1/nothing"))["message"]
    assert server.get("/v1/images/generations").status_code == 405
    assert error_of(server.get("/v1/images/generations"))["type"] == "invalid_request_error"


def test_a_body_that_is_not_json_is_refused() -> None:
    answer = client().post("/v1/images/generations", data="prompt=dog")
    assert (answer.status_code, error_of(answer)["type"]) == (400, "invalid_request_error")


def test_a_body_of_two_megabytes_is_refused() -> None:
    assert ask(client(), user="x" * 2_000_000).status_code == 413


def test_too_many_images_at_once_are_told_when_to_come_again() -> None:
    server = client(limits=Limits(images_per_minute=5))
    assert ask(server).status_code == 200
    limited = ask(server)
    assert (limited.status_code, error_of(limited)["code"]) == (429, "rate_limit_exceeded")
    assert 1 <= int(limited.headers["Retry-After"]) <= 12
    assert 1 <= int(limited.headers["Retry-After-Ms"]) <= 12_000


def test_an_account_without_money_draws_no_more() -> None:
    server = client(limits=Limits(images_in_total=2))
    assert ask(server, n=2).status_code == 200
    broke = ask(server)
    assert (broke.status_code, error_of(broke)["code"]) == (429, "insufficient_quota")


def test_images_may_take_as_long_as_a_real_models(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(account, "time", SimpleNamespace(sleep=waited.append))
    assert ask(client(limits=Limits(latency_s=2.5)), n=2).status_code == 200
    assert waited == [5.0]


def test_the_log_has_one_line_for_each_image_that_was_answered(tmp_path: Path) -> None:
    log = tmp_path / "requests.jsonl"
    server = client(request_log=log)
    answered = ask(server, seed=3, n=2)
    ask(server, size="3x3")
    ask(server, prompt="gore")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["sha256"] for line in lines] == [
        hashlib.sha256(image).hexdigest() for image in images(answered)
    ]
    assert [line["seed"] for line in lines] == [3, 4]
    assert {line["prompt"] for line in lines} == {BODY["prompt"]}
    assert {line["request_id"] for line in lines} == {answered.headers["x-request-id"]}


def test_a_failure_of_the_server_is_an_error_answer(tmp_path: Path) -> None:
    answer = ask(client(request_log=tmp_path / "no" / "such" / "folder"))
    assert (answer.status_code, error_of(answer)["code"]) == (500, "server_error")


def test_a_taken_port_is_named() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=str(port)):
            serve(create_app(), port=port)
