"""Host names → addresses, each lookup in a thread of its own.

The system's resolver knows no timeout: a name whose server is silent holds its thread for half
a minute and more. So no name waits behind another, whoever asks for the same one shares its lookup,
and the number of lookups has a bound that only names can reach which nobody waits for any more.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from dataclasses import dataclass, field
from typing import Any, TypeVar

LOOKUPS = 512
"""Lookups at the same time. Images under way are a tenth of it, and the others' time is over."""
LOOKUP_SECONDS = 10.0
"""After which nobody waits for a lookup any more, however much time his image has left."""

T = TypeVar("T")
Addresses = Sequence[tuple[Any, ...]]
"""As socket.getaddrinfo answers."""


@dataclass(frozen=True)
class _Lookup:
    """One question to the system.

    Attributes:
        began: `time.monotonic()` at its start.
        answer: What comes of it.
    """

    began: float = field(default_factory=time.monotonic)
    answer: Future[Addresses] = field(default_factory=Future)


_under_way: dict[tuple[str, int], _Lookup] = {}
_lock = threading.Lock()


def addresses_of(host: str, port: int, deadline: float) -> Addresses:
    """The addresses of a host, as socket.getaddrinfo answers.

    Args:
        deadline: `time.monotonic()` at which it is too late.

    Raises:
        OSError: It has none, TimeoutError not in time.
    """
    lookup = _lookup(host, port)
    try:
        return in_time(lookup.answer, min(deadline, lookup.began + LOOKUP_SECONDS))
    except ValueError as error:  # no name at all: a null byte, a label of more than 63 letters
        raise OSError(f"{host[:80]!r} is no host name") from error


def in_time(answer: Future[T], deadline: float) -> T:
    """What another thread comes up with.

    Raises:
        TimeoutError: Nothing until the deadline.
    """
    try:
        return answer.result(timeout=left(deadline))
    except NotYet:
        answer.cancel()  # if it still waits for its turn: others wait behind it
        raise TimeoutError from None


def left(deadline: float) -> float:
    """Seconds until the deadline.

    Raises:
        TimeoutError: None.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError
    return seconds


def _lookup(host: str, port: int) -> _Lookup:
    """The lookup that is under way, or a new one."""
    with _lock:
        lookup = _under_way.get((host, port))
        if lookup is not None:
            return lookup
        if len(_under_way) >= LOOKUPS:
            raise OSError(f"{LOOKUPS} other names are looked up, and no answer comes")
        lookup = _under_way[host, port] = _Lookup()
        lookup.answer.set_running_or_notify_cancel()  # one who gives up ends it for nobody else
    threading.Thread(target=_ask, args=(host, port, lookup), name="resolve", daemon=True).start()
    return lookup


def _ask(host: str, port: int, lookup: _Lookup) -> None:
    try:
        found: Addresses | BaseException = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except BaseException as error:
        found = error
    with _lock:
        del _under_way[host, port]
    if isinstance(found, BaseException):
        lookup.answer.set_exception(found)
    else:
        lookup.answer.set_result(found)
