"""Servers and names that try to lead a fetch to a private address, or to keep it for ever."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_host import ImageHost, body, dripping, raw, redirect

from ls_backend.addresses import origin_of
from ls_backend.errors import ImageError
from ls_backend.images.fetch import Limits, fetch

SHORT = Limits(seconds=0.4, max_bytes=1000)
ROOMY = Limits(seconds=20, max_bytes=1000)
LONGEST = 10.0
"""Seconds within which a fetch of 0.4 has ended, also on a machine that is very busy."""
PUBLIC = "93.184.215.14"

StartHost = Callable[[], ImageHost]


def get(url: str, limits: Limits = ROOMY, trusted: str | None = None) -> bytes:
    """Only the origin of `trusted` may lie on a private address."""
    ours = origin_of(trusted) if trusted else None
    return fetch(url, limits, trusted=lambda origin: origin == ours, headers=lambda *_: {})


def code_of(url: str, limits: Limits = ROOMY, trusted: str | None = None) -> str:
    started = time.monotonic()
    with pytest.raises(ImageError) as refusal:
        get(url, limits, trusted)
    assert refusal.value.hint
    assert limits is ROOMY or time.monotonic() - started < LONGEST
    return refusal.value.code


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The addresses that are connected to; those outside this machine refuse."""
    reached: list[Any] = []

    class Recorded(socket.socket):
        def connect(self, address: Any) -> None:
            reached.append(address)
            if address[0] != "127.0.0.1":
                raise ConnectionRefusedError(111, "Connection refused")
            super().connect(address)

    monkeypatch.setattr(socket, "socket", Recorded)
    return reached


def answers(*addresses: str, port: int) -> list[Any]:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]


def test_a_name_that_turns_private_after_the_check_is_not_followed(
    host: ImageHost, connections: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([PUBLIC, "127.0.0.1", "127.0.0.1"])
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: answers(next(turns), port=host.port)
    )

    assert code_of(f"http://rebinding.example:{host.port}/a") == "unreachable"
    assert connections == [(PUBLIC, host.port)]
    assert host.asked == []


@pytest.mark.parametrize("addresses", [(PUBLIC, "127.0.0.1"), ("127.0.0.1", PUBLIC)])
def test_a_name_with_one_private_address_is_not_connected_to_at_all(
    host: ImageHost,
    connections: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    addresses: tuple[str, ...],
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers(*addresses, port=host.port))

    assert code_of(f"http://two-faced.example:{host.port}/a") == "private_address"
    assert connections == []


@pytest.mark.parametrize(
    "name",
    ["127.0.0.1", "localhost", "localhost.", "LOCALHOST", "2130706433", "0x7f.0.0.1", "0177.0.0.1",
     "127.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0", "0.0.0.0", "①②⑦.⓪.⓪.①"],
)  # fmt: skip
def test_a_redirect_to_any_spelling_of_a_private_address_is_refused(
    start_host: StartHost, connections: list[Any], name: str
) -> None:
    public, private = start_host(), start_host()
    public.routes["/a"] = redirect(f"http://{name}:{private.port}/secret")

    assert code_of(f"{public.url}/a", trusted=public.url) in {"private_address", "unreachable"}
    assert connections == [("127.0.0.1", public.port)]
    assert private.asked == []


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_no_redirect_leads_to_the_metadata_of_the_machine(
    host: ImageHost, connections: list[Any], code: int
) -> None:
    host.routes["/a"] = redirect("http://169.254.169.254/latest/meta-data/", code)

    assert code_of(f"{host.url}/a", trusted=host.url) == "private_address"
    assert connections == [("127.0.0.1", host.port)]


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "ftp://example.com/a.png",
        "gopher://127.0.0.1:70/_x",
        "data:image/png;base64,AAAA",
        "unix:///var/run/docker.sock",
        "http://name:secret@127.0.0.1/a",
        "http://127.0.0.1:0x50@evil.example/a",
        "http://[::1",
        "http://:80/a",
    ],
)
def test_a_redirect_leads_to_plain_http_alone(host: ImageHost, target: str) -> None:
    host.routes["/a"] = redirect(target)

    with pytest.raises(ImageError) as refusal:
        get(f"{host.url}/a", trusted=host.url)

    assert refusal.value.code == "url"
    assert "secret" not in refusal.value.message


@pytest.mark.parametrize("address", ["http://127.0.0.1:1/", "ftp://x/", "http://x@y/", "//[", "/"])
def test_what_is_said_of_a_redirect_is_short(host: ImageHost, address: str) -> None:
    host.routes["/a"] = redirect(address + "x" * 60_000)

    with pytest.raises(ImageError) as refusal:
        get(f"{host.url}/a", trusted=host.url)

    assert len(refusal.value.message + refusal.value.hint) < 500


def test_a_redirect_in_a_circle_ends(host: ImageHost) -> None:
    host.routes["/a"] = redirect("/b")
    host.routes["/b"] = redirect("/a")

    assert code_of(f"{host.url}/a", trusted=host.url) == "redirects"
    assert len(host.asked) == 4


@pytest.mark.parametrize(
    "answer",
    [
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
        dripping(b"HTTP/1.1 ", b"2"),
        dripping(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"a: b\r\n"
        ),
        dripping(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"extension=extension;"
        ),
    ],
    ids=["continue", "status", "trailers", "extensions"],
)
def test_no_part_of_an_answer_outlasts_the_deadline(host: ImageHost, answer: Any) -> None:
    host.routes["/a"] = answer

    assert code_of(f"{host.url}/a", SHORT, host.url) == "timeout"


@pytest.mark.parametrize(
    "start",
    [
        b"HTTP/1.1 200 " + b"x" * 70_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: /" + b"x" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b" b\r\n" * 1_000_000,
    ],
    ids=["status", "headers", "one header", "location", "endless"],
)
def test_heads_are_bounded_too(host: ImageHost, start: bytes) -> None:
    host.routes["/a"] = raw(start)

    assert code_of(f"{host.url}/a", trusted=host.url) == "broken_answer"


def test_what_follows_the_announced_length_is_not_read(host: ImageHost) -> None:
    host.routes["/a"] = body(b"pixels" + b"x" * 5000, Content_Length="6")

    assert get(f"{host.url}/a", trusted=host.url) == b"pixels"


@pytest.mark.parametrize("length", ["-1", "many", "", "1e3"])
def test_a_length_that_is_none_does_not_lift_the_cap(host: ImageHost, length: str) -> None:
    host.routes["/a"] = body(b"x" * 5000, Content_Length=length)

    assert code_of(f"{host.url}/a", trusted=host.url) == "too_many_bytes"


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "deflate, gzip", "br"])
def test_a_bomb_in_a_compressed_answer_is_not_unpacked(host: ImageHost, encoding: str) -> None:
    host.routes["/a"] = body(gzip.compress(bytes(10_000_000))[:900], Content_Encoding=encoding)

    assert code_of(f"{host.url}/a", trusted=host.url) == "content_encoding"


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Where connections are taken and nothing is ever said."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


def test_a_handshake_that_is_never_answered_ends_at_the_deadline(silent_port: int) -> None:
    url = f"https://127.0.0.1:{silent_port}/a"

    assert code_of(url, SHORT, url) == "timeout"


def test_proxies_of_the_environment_play_no_part(
    start_host: StartHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, proxy = start_host(), start_host()
    host.routes["/a"] = body(b"pixels")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
        monkeypatch.setenv(name.lower(), proxy.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    assert get(f"{host.url}/a", trusted=host.url) == b"pixels"
    assert code_of("http://10.0.0.1/a") == "private_address"
    assert proxy.asked == []


anything = settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def no_lookups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are not looked up: whatever is no address does not exist."""

    def only_numbers(name: str, port: int, **_: object) -> list[Any]:
        return answers(socket.inet_ntoa(socket.inet_aton(name)), port=port)

    monkeypatch.setattr(socket, "getaddrinfo", only_numbers)


@anything
@given(
    st.binary(max_size=300)
    | st.binary(max_size=300).map(lambda data: b"HTTP/1.1 200 OK\r\n" + data)
    | st.binary(max_size=300).map(lambda data: b"HTTP/1.1 302 Found\r\nLocation: " + data)
)
@pytest.mark.usefixtures("no_lookups")
def test_whatever_is_answered_is_a_body_or_an_image_error(host: ImageHost, data: bytes) -> None:
    host.routes["/a"] = raw(data)

    with suppress(ImageError):
        assert isinstance(get(f"{host.url}/a", SHORT, host.url), bytes)


@anything
@given(st.text(max_size=60).map(lambda text: f"http://{text}") | st.text(max_size=60))
@pytest.mark.usefixtures("no_lookups", "connections")
def test_whatever_a_task_names_is_refused_with_a_hint(url: str) -> None:
    assert code_of(url, SHORT) in {"url", "unreachable", "private_address", "timeout"}
