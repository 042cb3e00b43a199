"""Names that do not resolve, and those that do beside them.

No server of names can be told to be silent here, so the system's function is stood in for.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from ls_backend.images import names
from ls_backend.images.names import addresses_of

ADDRESS = ("93.184.215.14", 80)
BAD = 40


class Resolver:
    """Names that begin with "silent" get no answer until the end."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.end = threading.Event()

    def __call__(self, host: str, *_args: object, **_: object) -> list[Any]:
        self.asked[host] += 1
        if host.startswith("silent"):
            self.end.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ADDRESS)]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    resolver.end.set()
    until = time.monotonic() + 30
    while names._under_way and time.monotonic() < until:
        time.sleep(0.01)


def waiting(count: int, name: str = "silent-{}.example") -> list[threading.Thread]:
    """As many callers, each waiting for a name."""

    def wait(host: str) -> None:
        with pytest.raises((OSError, TimeoutError)):
            addresses_of(host, 80, time.monotonic() + 60)

    callers = [threading.Thread(target=wait, args=(name.format(n),)) for n in range(count)]
    for caller in callers:
        caller.start()
    return callers


def wait_until(resolver: Resolver, asked: int) -> None:
    until = time.monotonic() + 30
    while resolver.asked.total() < asked and time.monotonic() < until:
        time.sleep(0.01)


def test_many_names_that_do_not_resolve_hold_up_no_other(resolver: Resolver) -> None:
    callers = waiting(BAD)
    wait_until(resolver, BAD)

    found = addresses_of("good.example", 80, time.monotonic() + 30)

    assert found[0][-1] == ADDRESS
    assert resolver.asked.total() == BAD + 1
    assert all(caller.is_alive() for caller in callers)
    resolver.end.set()
    for caller in callers:
        caller.join(30)


def test_one_name_is_looked_up_once_for_all_who_ask_meanwhile(resolver: Resolver) -> None:
    callers = waiting(BAD, "silent.example")
    with pytest.raises(TimeoutError):
        addresses_of("silent.example", 80, time.monotonic() + 0.05)
    resolver.end.set()
    for caller in callers:
        caller.join(30)

    assert resolver.asked == {"silent.example": 1}
    with pytest.raises(OSError, match="Temporary failure"):
        addresses_of("silent.example", 80, time.monotonic() + 30)


def test_nobody_waits_long_for_a_lookup_that_hangs_already(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "LOOKUP_SECONDS", 0.1)
    with pytest.raises(TimeoutError):
        addresses_of("silent.example", 80, time.monotonic() + 30)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        addresses_of("silent.example", 80, time.monotonic() + 30)

    assert time.monotonic() - began < 10
    assert resolver.asked == {"silent.example": 1}


def test_beyond_the_bound_a_lookup_is_refused_at_once(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "LOOKUPS", 3)
    callers = waiting(3)
    wait_until(resolver, 3)

    with pytest.raises(OSError, match="3 other names"):
        addresses_of("good.example", 80, time.monotonic() + 30)
    resolver.end.set()
    for caller in callers:
        caller.join(30)

    assert addresses_of("good.example", 80, time.monotonic() + 30)[0][-1] == ADDRESS
