"""Which failures of an images server our generator tries again, and which end the run."""

from __future__ import annotations

import re
import socket
import threading
import time
from email.utils import formatdate
from typing import Any

import pytest
from images_server import KEY, PNG, Answer, Client, ImagesServer, error, html, image

from ls_backend.errors import (
    GeneratorError,
    GeneratorUnauthorized,
    GeneratorUnreachable,
    OutcomeUnknown,
    PromptRefused,
)

# -- what is tried again -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "waits"),
    [
        ({"Retry-After": "7"}, [7.0]),
        ({"Retry-After": "7", "Retry-After-Ms": "1500"}, [1.5]),
        ({"Retry-After": "200"}, [200.0]),
    ],
)
def test_a_rate_limit_is_waited_out_for_as_long_as_it_says(
    server: ImagesServer, client: Client, headers: dict[str, str], waits: list[float]
) -> None:
    server.answers = [lambda: error(429, "rate_limit_exceeded", headers), image]
    client.draw()
    assert client.waits == waits


def test_a_rate_limit_may_name_a_date(server: ImagesServer, client: Client) -> None:
    later = {"Retry-After": formatdate(time.time() + 90, usegmt=True)}
    server.answers = [lambda: error(429, None, later), image]
    client.draw()
    assert 60 < client.waits[0] <= 90


def test_rate_limits_do_not_use_up_the_attempts(server: ImagesServer, client: Client) -> None:
    limited = lambda: error(429, "rate_limit_exceeded", {"Retry-After": "12"})  # noqa: E731
    server.answers = [*[limited] * 6, image]
    client.draw(max_attempts=1)
    assert client.waits == [12.0] * 6


def test_a_rate_limit_without_end_stops_the_run(server: ImagesServer, client: Client) -> None:
    server.answers = [lambda: error(429, "rate_limit_exceeded", {"Retry-After": "400"})]
    assert client.fail().code == "rate_limited"
    assert client.waits == [400.0, 400.0]


@pytest.mark.parametrize(
    "failure", [lambda: error(500, "server_error"), lambda: html(502), lambda: ("", 503)]
)
def test_a_server_that_fails_for_a_moment_is_asked_again(
    server: ImagesServer, client: Client, failure: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    server.answers = [failure, failure, image]
    assert client.draw(max_attempts=3).data == PNG
    assert len(client.waits) == 2
    assert re.search(r"answered 50\d for 'gpt-image-2'[^.]*: trying again in ", caplog.text)
    assert "openai_images." not in caplog.text.replace("openai_images.py", "")


def test_a_server_that_keeps_failing_is_named(server: ImagesServer, client: Client) -> None:
    server.answers = [lambda: html(502)]
    failure = client.fail(max_attempts=3)
    assert (failure.code, len(server.asked)) == ("server_error", 3)
    assert "502" in failure.message
    assert "an HTML page" in failure.message


def test_where_nobody_listens_is_tried_and_named() -> None:
    client = Client("http://127.0.0.1:1")
    failure = client.fail(max_attempts=3)
    assert isinstance(failure, GeneratorUnreachable)
    assert "http://127.0.0.1:1/v1" in failure.message
    assert len(client.waits) == 2


# -- what is not ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "kind", "code"),
    [
        (lambda: error(429, "insufficient_quota"), GeneratorError, "insufficient_quota"),
        (lambda: error(400, "billing_hard_limit_reached"), GeneratorError, "insufficient_quota"),
        (lambda: error(401, "invalid_api_key"), GeneratorUnauthorized, "generator_unauthorized"),
        (lambda: error(401, None, message=KEY), GeneratorUnauthorized, "generator_unauthorized"),
        (lambda: error(403, None, message=KEY), GeneratorUnauthorized, "generator_unauthorized"),
        (lambda: error(404, "model_not_found"), GeneratorError, "model_not_found"),
        (lambda: html(404), GeneratorError, "not_an_images_api"),
        (lambda: error(405, None), GeneratorError, "not_an_images_api"),
        (lambda: error(400, "moderation_blocked"), PromptRefused, "prompt_refused"),
        (lambda: error(400, "content_policy_violation"), PromptRefused, "prompt_refused"),
        (lambda: error(400, "contentFilter"), PromptRefused, "prompt_refused"),
        (lambda: error(400, "invalid_value", message=KEY), GeneratorError, "invalid_value"),
        (lambda: ({"detail": "no such size"}, 422), GeneratorError, "bad_request"),
    ],
)
def test_what_every_request_would_meet_is_asked_once(
    server: ImagesServer, client: Client, answer: Answer, kind: type[GeneratorError], code: str
) -> None:
    server.answers = [answer]
    failure = client.fail()
    assert (type(failure), failure.code) == (kind, code)
    assert (len(server.asked), client.waits) == (1, [])


def test_a_servers_own_words_are_shown_in_any_shape(server: ImagesServer, client: Client) -> None:
    server.answers = [lambda: ({"detail": [{"msg": "no such size"}]}, 422)]
    assert "no such size" in client.fail().message


@pytest.mark.parametrize("status", [408, 504, 524])
def test_a_proxy_that_gave_up_waiting_leaves_the_outcome_unknown(
    server: ImagesServer, client: Client, status: int
) -> None:
    server.answers = [lambda: html(status)]
    assert isinstance(client.fail(), OutcomeUnknown)
    assert len(server.asked) == 1


def test_no_answer_in_time_leaves_the_outcome_unknown(server: ImagesServer, client: Client) -> None:
    gone = threading.Event()

    def slow() -> Any:
        gone.wait(30)
        return image()

    server.answers = [slow]
    failure = client.fail(timeout_s=0.2)
    gone.set()
    assert isinstance(failure, OutcomeUnknown)
    assert failure.code == "timeout"
    assert "in time" in failure.message
    assert len(server.asked) == 1


def test_a_connection_that_breaks_leaves_the_outcome_unknown() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=hang_up)
        thread.start()
        client = Client(f"http://127.0.0.1:{listening.getsockname()[1]}")
        failure = client.fail()
        thread.join()
    assert isinstance(failure, OutcomeUnknown)
    assert "broke off" in failure.message
    assert client.waits == []
