"""Trying again: which errors, for how long, how many times, and what is told."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ls_backend import retrying as module
from ls_backend.errors import ConfigError
from ls_backend.retrying import retry_after_s, retrying


class Later(Exception):
    def __init__(self, seconds: float | None = None) -> None:
        super().__init__("not now.")
        self.seconds = seconds


def asked(error: BaseException) -> float | None:
    return getattr(error, "seconds", None)


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def call() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return call


def calls_again(slept: list[float], **limits: float) -> Callable[[Callable[[], str]], str]:
    return retrying(
        lambda error: isinstance(error, Later),
        asked_wait_s=asked,
        longest_backoff_s=3.0,
        sleep=slept.append,
        **limits,
    )


def test_it_waits_as_asked_else_at_random_and_longer_each_time() -> None:
    slept: list[float] = []
    assert calls_again(slept)(failing(Later(7.0), *[Later()] * 200, Later(0.0))) == "done"
    backoffs = slept[1:-1]
    assert (slept[0], slept[-1]) == (7.0, 0.0)
    assert max(backoffs) <= 3.0 < 2 * max(backoffs)
    assert len(set(backoffs)) > 190


def test_other_errors_are_raised_at_once() -> None:
    slept: list[float] = []
    with pytest.raises(ValueError, match="no"):
        calls_again(slept)(failing(ValueError("no")))
    assert slept == []


def test_the_last_error_is_raised_after_so_many_tries() -> None:
    slept: list[float] = []
    last = Later(3.0)
    with pytest.raises(Later) as raised:
        calls_again(slept, attempts=3)(failing(Later(1.0), Later(2.0), last, Later()))
    assert raised.value is last
    assert slept == [1.0, 2.0]


def test_no_wait_begins_that_would_be_longer_than_patience_in_all() -> None:
    slept: list[float] = []
    with pytest.raises(Later):
        calls_again(slept, patience_s=10.0)(failing(Later(6.0), Later(4.0), Later(0.1)))
    assert slept == [6.0, 4.0]


def test_no_try_begins_after_tries_that_took_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])

    def slow() -> str:
        now[0] += 8.0
        raise Later(0.0)

    slept: list[float] = []
    with pytest.raises(Later):
        calls_again(slept, lasting_s=20.0)(slow)
    assert len(slept) == 2


def test_each_next_try_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    calls_again([])(failing(Later(1.5)))
    retrying(lambda _: True, asked_wait_s=lambda _: 2.0, longest_backoff_s=1.0, sleep=[].append)(
        failing(ConfigError("It\nloads.", hint="wait"))
    )
    assert caplog.messages == [
        "not now: trying again in 1.5 s.",
        "It loads: trying again in 2.0 s.",
    ]


def test_next_tries_are_told_once_and_then_every_so_often(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, module.__name__)
    calls_again([], told_every_s=20.0)(failing(*[Later(5.0)] * 9))
    assert caplog.messages == ["not now: trying again in 5.0 s."] * 3  # before 0, 15 and 35 s


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "5"}, 5.0),
        ({"retry-after": "0.5", "retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),
    ],
)
def test_what_a_server_asks_for(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers) == seconds


def test_a_date_to_come_is_waited_for() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after_s({"retry-after": date}) == pytest.approx(60, abs=5)
