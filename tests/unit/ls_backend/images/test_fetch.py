"""One bounded GET, tried against real servers that misbehave."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest
from image_host import ImageHost, body, dripping, endless, raw, redirect, status

from ls_backend.addresses import Origin, origin_of
from ls_backend.errors import ImageError
from ls_backend.images.fetch import Limits, fetch

SHORT = Limits(seconds=0.4, max_bytes=1000)
ROOMY = Limits(seconds=20, max_bytes=1000)

StartHost = Callable[[], ImageHost]


def get(url: str, limits: Limits = ROOMY, trusted: bool = True) -> bytes:
    return fetch(url, limits, trusted=lambda _: trusted, headers=lambda *_: {})


def code_of(url: str, limits: Limits = ROOMY, trusted: bool = True) -> str:
    with pytest.raises(ImageError) as refusal:
        get(url, limits, trusted)
    assert refusal.value.hint
    return refusal.value.code


def test_a_body_arrives_as_it_is(host: ImageHost) -> None:
    host.routes["/a.png"] = body(b"pixels")

    assert get(f"{host.url}/a.png?signature=a%2Fb&x=1") == b"pixels"
    assert host.asked[0].path == "/a.png?signature=a%2Fb&x=1"
    assert host.asked[0].host == f"127.0.0.1:{host.port}"


def test_spaces_and_umlauts_in_a_path_are_quoted(host: ImageHost) -> None:
    host.routes["/my%20b%C3%A4r.png"] = body(b"pixels")

    assert get(f"{host.url}/my bär.png") == b"pixels"


def test_a_body_without_a_length_arrives(host: ImageHost) -> None:
    host.routes["/a"] = raw(b"HTTP/1.0 200 OK\r\n\r\npixels")

    assert get(f"{host.url}/a") == b"pixels"


@pytest.mark.parametrize(
    "answer",
    [
        dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x"),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        dripping(b"", b""),
    ],
    ids=["body", "chunks", "headers", "silence"],
)
def test_the_deadline_holds_for_all_of_it(host: ImageHost, answer: Any) -> None:
    host.routes["/slow"] = answer

    assert code_of(f"{host.url}/slow", SHORT) == "timeout"


def test_the_deadline_holds_across_redirects(host: ImageHost) -> None:
    host.routes["/slow"] = dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"x")
    host.routes["/start"] = redirect("/slow")

    assert code_of(f"{host.url}/start", SHORT) == "timeout"


def test_a_name_that_is_never_resolved_counts_against_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    release = threading.Event()

    def hanging(*_: object, **__: object) -> list[Any]:
        release.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    try:
        assert code_of("http://slow-names.example/a.png", SHORT) == "timeout"
    finally:
        release.set()


def test_bytes_are_capped_while_they_stream(host: ImageHost) -> None:
    host.routes["/endless"] = endless()
    host.routes["/exact"] = body(b"x" * 1000)
    host.routes["/announced"] = body(b"x", Content_Length="1001")

    assert code_of(f"{host.url}/endless") == "too_many_bytes"
    assert code_of(f"{host.url}/announced") == "too_many_bytes"
    assert len(get(f"{host.url}/exact")) == 1000


def test_a_body_that_breaks_off_is_no_body(host: ImageHost) -> None:
    host.routes["/short"] = body(b"half", Content_Length="900")

    assert code_of(f"{host.url}/short") == "broken_answer"


def test_an_answer_that_is_no_http_is_named_so(host: ImageHost) -> None:
    host.routes["/smtp"] = raw(b"220 mail ready\r\n")

    assert code_of(f"{host.url}/smtp") == "broken_answer"


def test_a_compressed_answer_is_refused(host: ImageHost) -> None:
    host.routes["/zip"] = body(b"\x1f\x8b", Content_Encoding="gzip")

    assert code_of(f"{host.url}/zip") == "content_encoding"


@pytest.mark.parametrize("number", [401, 403, 404, 500])
def test_the_code_names_the_http_status(host: ImageHost, number: int) -> None:
    host.routes["/a"] = status(number)

    assert code_of(f"{host.url}/a") == f"http_{number}"


def test_three_redirects_are_followed_and_four_are_not(host: ImageHost) -> None:
    host.routes["/0"] = body(b"pixels")
    for step in range(1, 5):
        host.routes[f"/{step}"] = redirect(f"/{step - 1}", 307)

    assert get(f"{host.url}/3") == b"pixels"
    assert code_of(f"{host.url}/4") == "redirects"


def test_headers_are_asked_anew_for_each_origin(start_host: StartHost) -> None:
    first, second = start_host(), start_host()
    first.routes["/a"] = redirect(f"{second.url}/b")
    second.routes["/b"] = body(b"pixels")
    home = origin_of(first.url)

    def headers(origin: Origin, _: float) -> dict[str, str]:
        return {"Authorization": "Token secret"} if origin == home else {}

    fetch(f"{first.url}/a", ROOMY, trusted=lambda _: True, headers=headers)

    assert [asked.authorization for asked in first.asked] == ["Token secret"]
    assert [asked.authorization for asked in second.asked] == [None]


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "localhost",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "017700000001",
        "0x7f000001",
        "[::127.0.0.1]",
        "[::ffff:0:7f00:1]",
        "[2002:7f00:1::]",
        "[2001:0:7f00:1::]",
        "[64:ff9b::7f00:1]",
        "[64:ff9b::a00:1]",
        "[64:ff9b:1::7f00:1]",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "224.0.0.1",
        "[fe80::1]",
        "[fd00::1]",
        "[fec0::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
    ],
)
def test_private_addresses_are_refused_however_they_are_written(host: ImageHost, name: str) -> None:
    assert code_of(f"http://{name}:{host.port}/a", trusted=False) == "private_address"
    assert host.asked == []


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80))
        for address in ("93.184.215.14", "10.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

    assert code_of("http://two-faced.example/a", trusted=False) == "private_address"


def test_a_redirect_to_a_private_address_is_refused(start_host: StartHost) -> None:
    public, private = start_host(), start_host()
    public.routes["/a"] = redirect(f"{private.url}/metadata")
    trusted = origin_of(public.url)

    with pytest.raises(ImageError) as refusal:
        fetch(
            f"{public.url}/a",
            ROOMY,
            trusted=lambda origin: origin == trusted,
            headers=lambda *_: {},
        )

    assert refusal.value.code == "private_address"
    assert private.asked == []


def test_the_name_is_resolved_once_for_check_and_connection(
    host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.routes["/a"] = body(b"pixels")
    resolved: list[str] = []

    def rebinding(name: str, *_: object, **__: object) -> list[Any]:
        resolved.append(name)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", host.port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)

    assert get(f"http://images.example:{host.port}/a") == b"pixels"
    assert resolved == ["images.example"]
    assert host.asked[0].host == f"images.example:{host.port}"


def test_the_next_address_is_tried_when_one_does_not_answer(
    host: ImageHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.routes["/a"] = body(b"pixels")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        answers = [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            for port in (closed.getsockname()[1], host.port)
        ]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)

        assert get(f"http://images.example:{host.port}/a") == b"pixels"


def test_a_host_that_does_not_answer_is_named() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))

        assert code_of(f"http://127.0.0.1:{closed.getsockname()[1]}/a") == "unreachable"


def test_https_without_tls_behind_it_is_named(host: ImageHost) -> None:
    assert code_of(f"https://127.0.0.1:{host.port}/a") == "tls"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/a.png",
        "file:///etc/passwd",
        "s3://bucket/a.png",
        "image.png",
        "http:///a.png",
        "http://[::1/a.png",
        "http://example.com:99999/a.png",
        "http://name:secret@example.com/a.png",
    ],
)
def test_only_plain_http_urls_are_read(url: str) -> None:
    with pytest.raises(ImageError) as refusal:
        get(url)

    assert refusal.value.code == "url"
    assert "secret" not in refusal.value.message


@pytest.mark.parametrize("name", ["a\0b", "x" * 64 + ".example"])
def test_a_host_that_is_no_name_is_refused(name: str) -> None:
    assert code_of(f"http://{name}/a.png") == "unreachable"


def test_messages_leave_the_query_out(host: ImageHost) -> None:
    with pytest.raises(ImageError) as refusal:
        get(f"{host.url}/a.png?X-Amz-Signature=secret")

    assert "secret" not in refusal.value.message
    assert f"{host.url}/a.png" in refusal.value.message
